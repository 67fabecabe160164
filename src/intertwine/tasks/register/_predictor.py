"""A trained registration network in use: matches of two clouds, motions of pairs, and their errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, Split, iter_shapes
from intertwine.models import RegistrationNetwork
from intertwine.models.pair import SoftMatches
from intertwine.ops.registration import Registration, register
from intertwine.tasks._memory import as_array, refuse_fields
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks._table_or_archive import ArrayArchive, open_table_or_archive
from intertwine.tasks.register._evaluation import (
    STRATA,
    Scores,
    as_evaluation,
    errors_modulo_symmetry,
    stratified_pairs,
    symmetries_of,
)
from intertwine.tasks.register._network import MotionMatrix, build_network, motion_matrices
from intertwine.tasks.register._pairs import PairBatch, ViewPair, collate
from intertwine.tasks.register._source import read, read_again, shapes_of
from intertwine.tasks.register._writing import MotionTable

NETWORK, REFINED, UNTRAINED = "network", "refined", "untrained"
_LEAST_POINTS = 4
_LEAST_WEIGHT = 0.2
"""Points that give less than this to their partners are not matched."""
_FILE_POINTS = 20_000
"""Points that are sampled of a mesh."""


class CloudPair(NamedTuple):
    """Two clouds by name, ``(N, 3)`` and ``(M, 3)`` float64."""

    names: tuple[str, str]
    first: Tensor
    second: Tensor


class RegisterPredictor(Predictor[RegistrationNetwork, PointCloudSet]):
    """A registration network in use; arguments as those of `Predictor`.

    It predicts for each pair the arrays "matrix" (N, 4, 4), "overlap" (N, 2) and "confidence" (N,); of a folder, for
    each file and the next one by name.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".npz")
    batch_size: ClassVar[int] = 8
    audit_batch_size: ClassVar[int] = 1
    kind: ClassVar[str] = "shapes"
    public: ClassVar[tuple[str, ...]] = ()
    protocols: ClassVar[tuple[str, ...]] = (NETWORK, REFINED, UNTRAINED)

    def __init__(self, model: RegistrationNetwork, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self._module = MotionMatrix(model)

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> RegistrationNetwork:
        """The network that a configuration describes."""
        return build_network(config["network"])

    @property
    def audited_module(self) -> nn.Module:
        """The motion of one pair as a matrix."""
        return self._module

    def register(self, points_1: Tensor, points_2: Tensor) -> Registration:
        """The motion of one cloud onto another: the best of those without a network and of those its matches agree on.

        Args:
            points_1: ``(N, 3)``, the cloud that moves.
            points_2: ``(M, 3)``, in the same unit.
        """
        first, second = (torch.as_tensor(points).detach().cpu().double() for points in (points_1, points_2))
        if min(len(first), len(second)) < _LEAST_POINTS or not bool(first.isfinite().all() & second.isfinite().all()):
            return register(first, second)
        return register(first, second, matches=self.matches(first, second))

    def matches(self, points_1: Tensor, points_2: Tensor) -> tuple[Tensor, Tensor]:
        """Matched points ``(K, 3)`` and ``(K, 3)`` of two clouds: each point with the mean of its partners."""
        batch = self._collate([_view_pair(points_1, points_2)])
        return self._matched(self._match(batch)[0:2], batch)[0]

    def _collate(self, pairs: Sequence[ViewPair], dtype: torch.dtype = torch.float32) -> PairBatch:
        return collate(pairs, self.config["pairs"]["points"], self.config["network"]["neighbors"], dtype=dtype)

    @torch.inference_mode()
    def _match(self, batch: PairBatch) -> tuple[SoftMatches, SoftMatches]:
        first, second = (
            [x.to(self.device) if isinstance(x, Tensor) else x for x in cloud] for cloud in (batch.first, batch.second)
        )
        return self.model.match(first, second)

    def _matched(self, found: tuple[SoftMatches, SoftMatches], batch: PairBatch) -> list[tuple[Tensor, Tensor]]:
        """Matched points of each pair, in the coordinates of its clouds."""
        every = [_partners(each) for each in found]
        matched = []
        for k in range(len(batch)):
            sides = zip(*(each[k] for each in every), strict=True)
            points = (torch.cat(side).cpu().double() for side in sides)
            first, second = (
                batch.scales[k] * cloud + center for cloud, center in zip(points, batch.centers[:, k], strict=True)
            )
            matched.append((first, second))
        return matched

    @torch.inference_mode()
    def _motions(self, found: SoftMatches, batch: PairBatch) -> Tensor:
        """The network's own motions ``(B, 4, 4)`` in the coordinates of the clouds."""
        motions = motion_matrices(self.model.motions(found)).cpu().double()
        shift = batch.scales[:, None] * motions[:, :3, 3] + batch.centers[1]
        motions[:, :3, 3] = shift - (motions[:, :3, :3] @ batch.centers[0, :, :, None])[..., 0]
        return motions

    def read(self, source: str | None, progress: ProgressCallback) -> PointCloudSet:
        """Whole shapes, of which views are compared."""
        if source is None:
            return read_again(self.config, progress)
        clouds = read(resolve(source), self.config["pairs"]["points"], self.config["seed"], progress=progress)
        warn_skipped(clouds.skipped)
        return clouds

    def measure(
        self,
        examples: PointCloudSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Errors and successes on four pairs of each shape: of the network, refined, and without a network."""
        pairs, scores = self.scores(examples, protocols, batch_size or self.batch_size, seed, progress)
        overlaps = torch.tensor([pair.overlap for pair in pairs], dtype=torch.float64)
        return as_evaluation(scores, overlaps, self.config["pairs"]["overlap"], name, len(examples))

    def scores(
        self,
        examples: PointCloudSet,
        protocols: Sequence[str] = (),
        batch_size: int = 8,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
    ) -> tuple[list[ViewPair], dict[str, Scores]]:
        """The pairs that are drawn of shapes, and the errors of each protocol on them."""
        shapes = shapes_of(examples)
        pairs = stratified_pairs(shapes, self.config["pairs"], seed)
        rows: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in protocols or self.protocols}
        symmetries: list[Tensor] = []
        for part in torch.arange(len(pairs)).split(batch_size):
            some = [pairs[k] for k in part.tolist()]
            begin = time.perf_counter()
            batch = self._collate(some)
            found = self._match(batch)
            motions, matched = self._motions(found[1], batch), self._matched(found, batch)
            share = (time.perf_counter() - begin) / len(some)
            for place, k in enumerate(part.tolist()):
                if k % STRATA == 0:
                    symmetries.append(symmetries_of(shapes[k // STRATA]))
                for kind in rows:
                    seconds, motion = _timed(kind, pairs[k], motions[place], matched[place])
                    errors = errors_modulo_symmetry(motion, pairs[k], symmetries[-1])
                    rows[kind].append((*errors, seconds + (0 if kind == UNTRAINED else share)))
                progress(k + 1, len(pairs))
        columns = {kind: torch.tensor(values, dtype=torch.float64).T for kind, values in rows.items()}
        return pairs, {kind: Scores(*values) for kind, values in columns.items()}

    def audit_inputs(self, examples: PointCloudSet, name: str) -> list[Any]:
        """One pair of views of each shape, in float64."""
        pairs = stratified_pairs(shapes_of(examples), self.config["pairs"], 0)[STRATA - 1 :: STRATA]
        batches = [self._collate([pair], torch.float64) for pair in pairs]
        return [(batch.first[:3], batch.second[:3]) for batch in batches]

    def audit_note(self, examples: PointCloudSet) -> str:
        """What the audit sees."""
        return "the motion of the network alone; both clouds are turned and moved on their own, and exchanged"

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[list[CloudPair]]:
        """Each file of a folder and the next one, in the order of their names."""
        skipped: list[tuple[str, str]] = []
        last: tuple[str, Tensor] | None = None
        some = False
        for chunk in iter_shapes(resolve(data), _FILE_POINTS, chunk=batch_size, strict=strict):
            skipped += chunk.clouds.skipped
            pairs = []
            for name, points in zip(chunk.clouds.names, chunk.originals, strict=True):
                cloud = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float64))
                if last is not None:
                    pairs.append(CloudPair((last[0], name), last[1], cloud))
                last = name, cloud
            if pairs:
                some = True
                yield pairs
        if not some:
            raise UsageError(f"{data}: one cloud; expected a folder of at least two, each of which overlaps the next")
        warn_skipped(skipped)

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[list[CloudPair]]:
        """Pairs of clouds.

        Args:
            data: A pair of positions ``(N, 3)`` and ``(M, 3)``, or a list of such pairs.
            batch_size: How many of them at a time.
            fields: None that is known.
        """
        refuse_fields(fields)
        single = len(data) == 2 and all(getattr(part, "ndim", 0) == 2 for part in data)
        pairs = [data] if single else list(data)
        for begin in range(0, len(pairs), batch_size):
            yield [_in_memory(number, pair) for number, pair in enumerate(pairs[begin : begin + batch_size], begin + 1)]

    def predict_chunk(self, chunk: list[CloudPair], name: str, batch_size: int) -> PredictionChunk:
        """The motions of some pairs."""
        found = [self.register(pair.first, pair.second) for pair in chunk]
        arrays = {
            "matrix": torch.stack([each.matrix for each in found]).numpy(),
            "overlap": np.array([each.overlap for each in found]),
            "confidence": np.array([each.confidence for each in found]),
        }
        return PredictionChunk([" ".join(pair.names) for pair in chunk], arrays, {}, [pair.names for pair in chunk])

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table with a row for each pair, or an archive of arrays."""
        return open_table_or_archive(path, suffix, MotionTable, ArrayArchive)


def _timed(kind: str, pair: ViewPair, motion: Tensor, matched: tuple[Tensor, Tensor]) -> tuple[float, Tensor]:
    """Seconds, and the motion ``(4, 4)`` by a protocol."""
    methods: dict[str, Callable[[], Tensor]] = {
        NETWORK: lambda: motion,
        REFINED: lambda: register(pair.first, pair.second, matches=matched).matrix,
        UNTRAINED: lambda: register(pair.first, pair.second).matrix,
    }
    begin = time.perf_counter()
    found = methods[kind]()
    return time.perf_counter() - begin, found


def _partners(found: SoftMatches) -> list[tuple[Tensor, Tensor]]:
    """For each pair the points of both clouds that are matched, each with the mean of its partners by weight."""
    pairs = []
    for k in range(len(found.plan)):
        plan, p, q = found.plan[k], found.points_1[k], found.points_2[k]
        weight_1, weight_2 = plan.sum(1), plan.sum(0)
        sure_1, sure_2 = weight_1 > _LEAST_WEIGHT, weight_2 > _LEAST_WEIGHT
        there = (plan @ q)[sure_1] / weight_1[sure_1, None]
        back = (plan.T @ p)[sure_2] / weight_2[sure_2, None]
        pairs.append((torch.cat([p[sure_1], back]), torch.cat([there, q[sure_2]])))
    return pairs


def _view_pair(points_1: Tensor, points_2: Tensor) -> ViewPair:
    unknown = torch.eye(4, dtype=torch.float64)
    return ViewPair(points_1, points_2, unknown, unknown, 0.0)


def _in_memory(number: int, pair: Any) -> CloudPair:
    if len(pair) != 2:
        raise UsageError(
            f"expected a pair of clouds (N, 3) and (M, 3), or a list of pairs, got {len(pair)} in pair {number}"
        )
    clouds = [as_array(part, "positions") for part in pair]
    for points in clouds:
        if points.ndim != 2 or points.shape[1] != 3 or not len(points):
            raise UsageError(f"pair {number}: expected positions (N, 3) of at least one point, got {points.shape}")
    return CloudPair((f"{number}a", f"{number}b"), *(torch.from_numpy(points) for points in clouds))
