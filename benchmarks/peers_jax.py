"""Process of its own: one layer of `layers.py` written with e3nn-jax, timed on request.

Reads the layer from the file that is named, compiles its step, writes the output beside it, prints the seconds of
compiling, and then, for every line that comes in, runs the step once and prints its seconds. It knows nothing of the
library: of the environment it needs e3nn-jax and numpy only.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import e3nn_jax as e3nn
import jax
import jax.numpy as jnp
import numpy as np
from e3nn_jax.legacy import FunctionalTensorProduct

Arrays = dict[str, Any]


def convolution(layer: dict[str, Any], source: Any, target: Any) -> Callable[[Arrays, Any, Any], Any]:
    """``parameters, features, positions -> features``: a product on every edge with its own weights, then a sum."""
    product = FunctionalTensorProduct(
        layer["irreps_in1"],
        layer["irreps_in2"],
        layer["irreps_out"],
        [tuple(instruction) for instruction in layer["instructions"]],
        irrep_normalization="component",
        path_normalization="element",
        gradient_normalization="path",
    )
    shapes = [instruction.path_shape for instruction in product.instructions]
    cutoff, p = layer["cutoff"], 6
    numbers = jnp.arange(1, layer["radial_basis"] + 1)

    def message(weights: Any, features: Any, vector: Any) -> Any:
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = [part.reshape(shape) for part, shape in zip(jnp.split(weights, ends), shapes, strict=True)]
        harmonics = e3nn.spherical_harmonics(
            e3nn.Irreps(layer["irreps_in2"]), vector, normalize=True, normalization="component"
        )
        return product.left_right(parts, e3nn.IrrepsArray(layer["irreps_in1"], features), harmonics).array

    def forward(parameters: Arrays, features: Any, positions: Any) -> Any:
        vectors = positions[source] - positions[target]
        lengths = jnp.linalg.norm(vectors, axis=1)
        d = lengths / cutoff
        angle = jnp.pi * d
        basis = jnp.sin(numbers * angle[:, None]) / angle[:, None]
        rising = (p + 1) * (p + 2) / 2 - p * (p + 2) * d + p * (p + 1) / 2 * d * d
        envelope = jnp.where(d < 1, 1 - rising * d**p, 0.0)
        hidden = jax.nn.silu(basis @ parameters["hidden"].T + parameters["bias"])
        weights = (hidden * (envelope * layer["scale"])[:, None]) @ parameters["matrix"]
        messages = jax.vmap(message)(weights, features[source], vectors)
        return jnp.zeros((features.shape[0], messages.shape[1])).at[target].add(messages)

    return forward


def training_step(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Gradients in parameters and features."""
    return jax.grad(lambda *arguments: (forward(*arguments) ** 2).sum(), argnums=(0, 1))


def force_step(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Gradient in the parameters of the squared forces."""

    def forces(*arguments: Any) -> Any:
        return jax.grad(lambda *inner: (forward(*inner) ** 2).sum(), argnums=2)(*arguments)

    return jax.grad(lambda *arguments: (forces(*arguments) ** 2).sum())


def main() -> None:
    """Serve one layer and one kind of step."""
    path, kind = sys.argv[1:]
    stored = np.load(path)
    layer = json.loads(str(stored["layer"]))
    arrays = {name: jnp.asarray(stored[name]) for name in stored.files if name != "layer"}
    forward = convolution(layer, arrays["source"], arrays["target"])
    arguments = {name: arrays[name] for name in ("hidden", "bias", "matrix")}, arrays["features"], arrays["positions"]
    np.save(path.replace(".npz", ".out.npy"), np.asarray(jax.jit(forward)(*arguments)))
    begun = time.perf_counter()
    step = jax.jit((training_step if kind == "training" else force_step)(forward)).lower(*arguments).compile()
    print(time.perf_counter() - begun, flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        jax.block_until_ready(step(*arguments))
        print(time.perf_counter() - begun, flush=True)


if __name__ == "__main__":
    main()
