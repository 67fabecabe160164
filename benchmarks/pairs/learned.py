"""The registration network with bi-equivariance and without, trained alike: matches, errors and successes.

    python benchmarks/pairs/learned.py FOLDER --minutes 25 --output RUN [--plain] [--test 60] [--refined]

FOLDER holds meshes; ``--test`` of them are never trained on. ``--plain``: the encoder takes coordinates and the
components of its features as if they were invariant, and so does all that follows; its width is that at which the
number of parameters is nearest. Both are trained on pairs that are turned at random. The network alone is measured on
pairs of the test shapes as given, with both views in the frame of the shape, and on the same ones turned at random;
success is a rotation error below 5 degrees and a displacement of the center below 2 % of the diameter, modulo the
symmetry of the shape. ``--refined``: also `intertwine register` with the network's matches and without, turned.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from scipy.stats import ks_2samp
from torch import Tensor, nn
from torch.nn import functional

from intertwine.data import Split
from intertwine.groups import SO3
from intertwine.models import RegistrationNetwork
from intertwine.models.pair._dense_encoder import _kernels
from intertwine.models.pair._padding import padded
from intertwine.nn import LayerNorm
from intertwine.ops.registration import register
from intertwine.tasks.register import RegisterOptions, RegisterTask
from intertwine.tasks.register._evaluation import (
    STRATA,
    Scores,
    errors_modulo_symmetry,
    stratified_pairs,
    symmetries_of,
)
from intertwine.tasks.register._features import REP_IN
from intertwine.tasks.register._job import matched
from intertwine.tasks.register._pairs import ViewPair
from intertwine.tasks.register._predictor import RegisterPredictor
from intertwine.tasks.register._source import shapes_of
from intertwine.training import fit


class PlainEncoder(nn.Module):
    """`DenseEncoder` without its law: components of vectors, and coordinates, are channels like all others."""

    def __init__(self, width: int, layers: int, radii: tuple[float, ...] = (0.15, 0.35, 0.8), mixed: int = 24) -> None:
        super().__init__()
        self.rep_out, self.radii = SO3().rep(f"{width}x0"), radii
        self.embed = nn.Linear(SO3().rep(REP_IN).dim + 3, width)
        self.norms = nn.ModuleList(LayerNorm(self.rep_out) for _ in range(layers))
        self.before = nn.ModuleList(nn.Linear(width, mixed, bias=False) for _ in range(layers))
        self.hidden = nn.ModuleList(nn.Linear(width + 4 * len(radii) * mixed, 2 * width) for _ in range(layers))
        self.update = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))

    def forward(self, features: Tensor, positions: Tensor, edges: Tensor, batch: Tensor, structures: int) -> Tensor:
        order = batch.argsort(stable=True)
        cloud = padded(self.embed(torch.cat([features, positions], 1)), positions, batch, structures)
        kernels, x = _kernels(cloud.positions, cloud.mask, self.radii), cloud.features
        for norm, before, hidden, update in zip(self.norms, self.before, self.hidden, self.update, strict=True):
            plain = norm(x)
            sums = (kernels.flatten(1, 3) @ before(plain)).unflatten(1, (-1, x.shape[1])).movedim(1, 2).flatten(2)
            x = x + update(functional.silu(hidden(torch.cat([plain, sums], -1))))
        every = x[cloud.mask]
        return every.new_empty(every.shape).index_copy(0, order, every)


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def plain_network(like: RegistrationNetwork, layers: int) -> RegistrationNetwork:
    """The plain network of nearest size."""

    def build(width: int) -> RegistrationNetwork:
        encoder = PlainEncoder(width, layers)
        sizes = {"blocks": len(like.blocks), "superpoints": like.superpoints}
        return RegistrationNetwork(encoder, "4x(0,0)", radius=like.radius, iterations=like.iterations, **sizes)

    return min((build(width) for width in range(16, 129, 4)), key=lambda n: abs(parameters(n) - parameters(like)))


def as_given(pair: ViewPair) -> ViewPair:
    """Both views in the frame of the shape."""
    still = torch.eye(4, dtype=torch.float64)
    first, second = (
        (view - motion[:3, 3]) @ motion[:3, :3]
        for view, motion in ((pair.first, pair.frame), (pair.second, pair.motion @ pair.frame))
    )
    return ViewPair(first, second, still, still, pair.overlap)


def measure(
    predictor: RegisterPredictor, pairs: list[ViewPair], symmetries: list[Tensor], refined: bool
) -> tuple[float, dict[str, Scores]]:
    """The share of right matches, and the errors of each method."""
    shares: list[Tensor] = []
    rows: dict[str, list[tuple[float, float, float]]] = {"network": []}
    if refined:
        rows |= {"refined": [], "untrained": []}
    for start in range(0, len(pairs), 8):
        some = pairs[start : start + 8]
        batch = predictor._collate(some)
        found = predictor._match(batch)
        shares += matched(found[1], batch.motion)
        motions, matches = predictor._motions(found[1], batch), predictor._matched(found, batch)
        for k, pair in enumerate(some):
            motion = {"network": motions[k]}
            if refined:
                motion["refined"] = register(pair.first, pair.second, matches=matches[k]).matrix
                motion["untrained"] = register(pair.first, pair.second).matrix
            for method, matrix in motion.items():
                errors = errors_modulo_symmetry(matrix, pair, symmetries[(start + k) // STRATA])
                rows[method].append((*errors, 0.0))
    scores = {name: Scores(*torch.tensor(values, dtype=torch.float64).T) for name, values in rows.items()}
    return float(torch.stack(shares).mean()), scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--test", default="60")
    parser.add_argument("--validation", default="10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--refined", action="store_true")
    given = parser.parse_args()
    options = RegisterOptions(
        data=given.folder,
        minutes=given.minutes,
        test=given.test,
        validation=given.validation,
        seed=given.seed,
        epochs=100_000,
    )
    job = RegisterTask().prepare(options)
    if given.plain:
        torch.manual_seed(given.seed)
        job.model = job.network = plain_network(job.network, job.config["network"]["layers"])
    print(f"{'plain' if given.plain else 'bi-equivariant'}: {parameters(job.network):,} parameters", flush=True)
    result = fit(job, given.output, options.settings)
    job.network.eval()
    predictor = RegisterPredictor(job.network, job.config, Split.from_json(job.split))
    shapes = shapes_of(job.held_out)
    turned = stratified_pairs(shapes, job.config["pairs"], 0)
    symmetries = [symmetries_of(shape) for shape in shapes]
    kinds = {"as given": [as_given(pair) for pair in turned], "turned": turned}
    found = {k: measure(predictor, p, symmetries, given.refined and k == "turned") for k, p in kinds.items()}
    summary: dict[str, Any] = {"reason": result.reason, "parameters": parameters(job.network)}
    for kind, (share, scores) in found.items():
        for method, score in scores.items():
            quarters = [f"{100 * float(score.successes[k::STRATA].double().mean()):.0f}" for k in range(STRATA)]
            success, near = (100 * float(x.double().mean()) for x in (score.successes, score.angles < 5))
            medians = f"{float(score.angles.median()):.1f} degrees, {100 * float(score.gaps.median()):.1f} %"
            print(
                f"{kind}, {method}: matches {100 * share:.0f} %, success {success:.0f} % (by quarter of the overlap "
                f"{' '.join(quarters)}), rotation below 5 degrees {near:.0f} %, medians {medians}"
            )
            errors = {"degrees": score.angles.tolist(), "gaps": score.gaps.tolist()}
            summary[f"{kind}, {method}"] = {"matches": share, **errors}
    angles = [found[kind][1]["network"].angles.numpy() for kind in kinds]
    print(f"as given and turned, network alone: KS p {ks_2samp(*angles).pvalue:.2f}")
    (given.output / "learned.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
