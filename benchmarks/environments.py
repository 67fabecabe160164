"""Environments of peers beside the library's own, under `build/`, made from PyPI when they are first asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import numpy as np
import torch
from peers import E3nnConv, E3nnDepthwise

ROOT = Path(__file__).parent
JAX = "e3nn-jax==0.21.0", "jax==0.10.2"


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The Python of an environment with these packages; made and filled unless it stands."""
    where = ROOT.parent / "build" / f"bench-{name}"
    python, made = where / "bin" / "python", where / ".made"
    if not made.exists():
        venv.create(where, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        subprocess.run(install, check=True)
        made.write_text("\n".join(requirements))
    return python


class JaxStep:
    """A step of a layer in e3nn-jax, in a process of its own: call it for its seconds.

    Args:
        module: The layer, written with e3nn, whose weights it takes.
        inputs: Features, positions, edges.
        kind: "training" or "forces".
        threads: How many processors it may use.

    Attributes:
        compile_seconds: What compiling took.
        output: What the layer gave.
    """

    def __init__(
        self, module: E3nnConv | E3nnDepthwise, inputs: tuple[torch.Tensor, ...], kind: str, threads: int
    ) -> None:
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / "layer.npz"
        np.savez(path, **_arrays(module, inputs))
        command = [str(environment("jax", JAX)), str(ROOT / "peers_jax.py"), str(path), kind]
        processors = sorted(os.sched_getaffinity(0))[:threads]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean | {"JAX_PLATFORMS": "cpu"},
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )
        self.compile_seconds = self._read()
        self.output = torch.from_numpy(np.load(str(path).replace(".npz", ".out.npy")))

    def __call__(self) -> float:
        assert self._process.stdin is not None, "opened with a pipe"
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _read(self) -> float:
        assert self._process.stdout is not None, "opened with a pipe"
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the process of e3nn-jax ended; its message is above")
        return float(line)


def _arrays(module: E3nnConv | E3nnDepthwise, inputs: tuple[torch.Tensor, ...]) -> dict[str, object]:
    product, radial = module.product, module.radial
    features, positions, (source, target) = inputs
    layer = {
        "irreps_in1": str(product.irreps_in1),
        "irreps_in2": str(product.irreps_in2),
        "irreps_out": str(product.irreps_out),
        "instructions": [(p.i_in1, p.i_in2, p.i_out, p.connection_mode, p.has_weight) for p in product.instructions],
        "cutoff": radial.cutoff,
        "radial_basis": radial.radial_basis,
        "scale": module.scale,
    }
    tensors = {
        "features": features,
        "positions": positions,
        "source": source,
        "target": target,
        "hidden": radial.network[0].weight,
        "bias": radial.network[0].bias,
        "matrix": module.weights,
    }
    return {"layer": json.dumps(layer)} | {name: tensor.detach().numpy() for name, tensor in tensors.items()}
