"""A trained docking network in use: complexes of pairs of proteins, and their measures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import Split
from intertwine.groups import SO3
from intertwine.models.equidock import EquiDock, residue_graph, separate
from intertwine.ops import RigidMotion
from intertwine.tasks._memory import refuse_fields
from intertwine.tasks._predictor import Predictor
from intertwine.tasks._results import Evaluation, PredictionChunk, PredictionWriter
from intertwine.tasks._skipped import warn_skipped
from intertwine.tasks._source import resolve
from intertwine.tasks._table_or_archive import ArrayArchive, open_table_or_archive
from intertwine.tasks.dock import DockingResult, Structure, count_clashes, docked_model, measure_docking
from intertwine.tasks.dock.equidock._backbone import backbone
from intertwine.tasks.dock.equidock._complexes import Complex, ComplexSet, iter_complexes, read_complexes
from intertwine.tasks.dock.equidock._evaluation import PoseMeasures, as_evaluation
from intertwine.tasks.dock.equidock._graphs import PoseMatrix, build_network, cloud_of, motion_matrix, placed
from intertwine.tasks.dock.equidock._plan import read_again

Array = npt.NDArray[np.float64]
NETWORK, SEPARATED = "network", "without clashes"
_MOST_AUDITED = 300
"""Residues of each protein that an audit sees: the first ones, as many of both, as they are exchanged."""


class DockPredictor(Predictor[EquiDock, ComplexSet]):
    """A docking network in use; arguments as those of `Predictor`.

    It predicts the motions "matrix" (N, 4, 4) of the ligands onto the receptors, without clashes where they can be
    removed, and the numbers "clashes" (N,) of clashing pairs of alpha carbons.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".npz")
    batch_size: ClassVar[int] = 8
    audit_batch_size: ClassVar[int] = 1
    kind: ClassVar[str] = "complexes"
    public: ClassVar[tuple[str, ...]] = ()
    protocols: ClassVar[tuple[str, ...]] = (NETWORK, SEPARATED)

    def __init__(self, model: EquiDock, config: dict[str, Any], split: Split) -> None:
        super().__init__(model, config, split)
        self._module = PoseMatrix(model, config["network"]["neighbors"])

    @classmethod
    def build_model(cls, config: dict[str, Any]) -> EquiDock:
        """The network that a configuration describes."""
        return build_network(config["network"])

    @property
    def audited_module(self) -> nn.Module:
        """The motion of one pair as a matrix."""
        return self._module

    def dock(self, ligand: Structure, receptor: Structure) -> DockingResult:
        """The complex of two proteins, as `intertwine.tasks.dock.dock` gives it, with one model.

        Args:
            ligand: The protein that moves.
            receptor: The protein that stays.
        """
        begin = time.perf_counter()
        matrix = self.motion(ligand, receptor, SEPARATED)
        model = docked_model(ligand, receptor, matrix[:3, :3], matrix[:3, 3])
        return DockingResult(ligand, receptor, (model,), time.perf_counter() - begin)

    @torch.inference_mode()
    def motion(self, ligand: Structure, receptor: Structure, kind: str = NETWORK) -> Array:
        """The motion ``(4, 4)`` of a ligand onto a receptor.

        Args:
            ligand: The protein that moves.
            receptor: The protein that stays.
            kind: "network" for its own motion, or "without clashes": then the sites that the network sees face one
                another, and the proteins leave one another by the shortest way (`intertwine.models.equidock.face` and
                `separate`).

        Raises:
            UsageError: A protein has no residue with N, CA and C.
        """
        sides, graphs, k = (ligand, receptor), [], self.config["network"]["neighbors"]
        centers = [side.coordinates.mean(axis=0) for side in sides]
        for side, center in zip(sides, centers, strict=True):
            points, types, rows = backbone(side)
            if not len(rows):
                raise UsageError(f"{side.name} has no residue with N, CA and C, which the network needs")
            points = (points - torch.from_numpy(center)).float().to(self.device)
            graphs.append(residue_graph(points, types.to(self.device), k=min(k, max(len(rows) - 1, 1))))
        pose = self.model(*graphs)
        if kind == NETWORK:
            return _between(pose.motion, *centers)
        free = _between(placed(graphs[0].positions, graphs[1].positions, pose), *centers)
        if any(len(graph.positions) < len(side.alpha_carbons) for graph, side in zip(graphs, sides, strict=True)):
            # The network has not seen the residues that lack N or C.
            moved = ligand.moved(free[:3, :3], free[:3, 3]).alpha_carbon_coordinates
            away = separate(torch.from_numpy(moved), torch.from_numpy(receptor.alpha_carbon_coordinates))
            free = motion_matrix(away).numpy() @ free
        return free

    def read(self, source: str | None, progress: ProgressCallback) -> ComplexSet:
        """Complexes whose proteins are in their places."""
        if source is None:
            return read_again(self.config, progress)
        complexes = read_complexes(Path(resolve(source)), progress=progress)
        warn_skipped(complexes.skipped)
        return complexes

    def measure(
        self,
        examples: ComplexSet,
        name: str,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        progress: ProgressCallback = no_progress,
        protocols: Sequence[str] = (),
    ) -> Evaluation:
        """Measures of complexes whose proteins were turned and moved at random: of the network, and without clashes."""
        rows: dict[str, list[PoseMeasures]] = {kind: [] for kind in protocols or self.protocols}
        for number, each in enumerate(examples.complexes, 1):
            for kind, found in self.measured(each, seed + number, tuple(rows)).items():
                rows[kind].append(found)
            progress(number, len(examples))
        return as_evaluation(rows, examples.names, name)

    def measured(self, each: Complex, seed: int, kinds: Sequence[str]) -> dict[str, PoseMeasures]:
        """The measures of one complex whose proteins are turned and moved at random."""
        generator = torch.Generator().manual_seed(seed)
        sides = [side.moved(SO3().sample(generator=generator).double().numpy(), _shift(generator)) for side in each[1:]]
        found = {}
        for kind in kinds:
            begin = time.perf_counter()
            motion = self.motion(sides[0], sides[1], kind)
            seconds = time.perf_counter() - begin
            ligand = sides[0].moved(motion[:3, :3], motion[:3, 3])
            values = measure_docking(ligand, sides[1], each.ligand, each.receptor)
            found[kind] = PoseMeasures(
                values.complex_rmsd, values.interface_rmsd, values.dockq, values.clashes, seconds
            )
        return found

    def audit_inputs(self, examples: ComplexSet, name: str) -> list[Any]:
        """Ligand and receptor of each complex, in float64."""
        inputs = []
        for each in examples.complexes:
            clouds = cloud_of(each.ligand), cloud_of(each.receptor)
            count = min(_MOST_AUDITED, *(len(points) for _, points in clouds))
            inputs.append(tuple((features[:count], points[:count] - points.mean(0)) for features, points in clouds))
        return inputs

    def audit_note(self, examples: ComplexSet) -> str:
        """What the audit sees."""
        return "the motion of the network alone; both proteins are turned and moved on their own, and exchanged"

    def stream(self, data: str, batch_size: int, *, strict: bool) -> Iterator[list[Complex]]:
        """The pairs of ligand and receptor of a folder, in the order of their names."""
        folder, chunk, skipped = Path(resolve(data)), list[Complex](), list[tuple[str, str]]()
        if not folder.is_dir():
            raise UsageError(f"{data} is a file; expected a folder with NAME_l.pdb and NAME_r.pdb of each pair")
        for each in iter_complexes(folder, strict=strict):
            if not isinstance(each, Complex):
                skipped.append(each)
                continue
            chunk.append(each)
            if len(chunk) == batch_size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
        warn_skipped(skipped)

    def from_memory(self, data: Any, batch_size: int, **fields: Any) -> Iterator[list[Complex]]:
        """Pairs of proteins.

        Args:
            data: A pair of `Structure`, ligand and receptor, or a list of such pairs.
            batch_size: How many of them at a time.
            fields: None that is known.
        """
        refuse_fields(fields)
        several = [data] if len(data) == 2 and isinstance(data[0], Structure) else list(data)
        for number, pair in enumerate(several, 1):
            if len(pair) != 2 or not all(isinstance(side, Structure) for side in pair):
                raise UsageError(
                    f"pair {number}: expected two structures, ligand and receptor, as read_structure gives"
                )
        pairs = [Complex(f"{number}", *pair) for number, pair in enumerate(several, 1)]
        for begin in range(0, len(pairs), batch_size):
            yield pairs[begin : begin + batch_size]

    def predict_chunk(self, chunk: list[Complex], name: str, batch_size: int) -> PredictionChunk:
        """The motions of some ligands."""
        matrices, clashes = [], []
        for each in chunk:
            matrix = self.motion(each.ligand, each.receptor, SEPARATED)
            moved = each.ligand.moved(matrix[:3, :3], matrix[:3, 3])
            matrices.append(matrix)
            clashes.append(count_clashes(moved.alpha_carbon_coordinates, each.receptor.alpha_carbon_coordinates))
        names = [each.name for each in chunk]
        return PredictionChunk(names, {"matrix": np.stack(matrices), "clashes": np.array(clashes)}, {}, names)

    def open_writer(self, path: Path, suffix: str) -> AbstractContextManager[PredictionWriter]:
        """A table with a row for each pair, or an archive of arrays."""
        return open_table_or_archive(path, suffix, PoseTable, ArrayArchive)


class PoseTable:
    """Writes a row for each pair: name, clashes, the first three rows of the matrix."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        rows.writerow(("complex", "clashes", *(f"m{i}{j}" for i in range(1, 4) for j in range(1, 5))))

    def write(self, chunk: PredictionChunk) -> None:
        """Write the motions of some pairs."""
        arrays = chunk.arrays
        for name, matrix, clashes in zip(chunk.names, arrays["matrix"], arrays["clashes"], strict=True):
            self._rows.writerow((name, int(clashes), *(f"{value:.10g}" for value in matrix[:3].flatten())))


def _between(motion: RigidMotion, center_1: Array, center_2: Array) -> Array:
    """The matrix of a motion of centered proteins, as they were given, its rotation exact."""
    matrix: Array = motion_matrix(motion).cpu().double().numpy()
    left, _, right = np.linalg.svd(matrix[:3, :3])
    matrix[:3, :3] = left @ right
    matrix[:3, 3] += center_2 - matrix[:3, :3] @ center_1
    return matrix


def _shift(generator: torch.Generator) -> Array:
    shift: Tensor = 50 * torch.randn(3, generator=generator, dtype=torch.float64)
    values: Array = shift.numpy()
    return values
