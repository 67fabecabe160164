"""Files of exported models: written, and loaded again as functions of tensors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertwine._errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMATS = {"torch": ".pt2", "onnx": ".onnx"}
"""The formats by name, with their suffixes."""

_NEEDED = {"torch": (), "onnx": ("onnx", "onnxscript", "onnxruntime")}


def check_format(name: str) -> str:
    """The suffix of a format.

    Raises:
        UsageError: There is no such format, or a package that it needs is not installed.
    """
    if name not in FORMATS:
        raise UsageError(f'no format "{name}"; known: {", ".join(FORMATS)}')
    missing = [package for package in _NEEDED[name] if find_spec(package) is None]
    if missing:
        raise UsageError(
            f'--format {name} needs {", ".join(missing)}, not installed here: pip install "intertwine[onnx]"'
        )
    return FORMATS[name]


def export_file(module: nn.Module, example: Tensor, path: Path, name: str) -> None:
    """Write a module as a file that takes any number of examples at once.

    Args:
        module: Takes one tensor (B, ...) and returns one; in evaluation mode, on the CPU.
        example: Such a tensor, B >= 2.
        path: The file.
        name: Of the format.

    Raises:
        UsageError: As `check_format`.
    """
    import torch
    from torch.export import Dim

    check_format(name)
    batch = Dim("batch")
    shapes = ({0: batch},)
    with _silence():
        program = torch.export.export(module, (example,), dynamic_shapes=shapes)
        if name == "torch":
            with path.open("wb") as file:
                torch.export.save(program, file)
            return
        options: Any = {"dynamo": True, "input_names": ["input"], "output_names": ["output"], "verbose": False}
        exported = torch.onnx.export(program, (), dynamic_shapes=shapes, **options)  # which names the axis
        assert exported is not None, "the exporter of programs returns one"
        path.write_bytes(exported.model_proto.SerializeToString())


def load_exported(path: Path, name: str) -> Callable[[Tensor], Tensor]:
    """The function that a file holds.

    Args:
        path: The file.
        name: Of the format.

    Raises:
        UsageError: As `check_format`.
    """
    import torch

    check_format(name)
    if name == "torch":
        with path.open("rb") as file:
            module: Any = torch.export.load(file).module()

        def run_program(inputs: Tensor) -> Tensor:
            with torch.inference_mode():
                outputs: Tensor = module(inputs)
            return outputs

        return run_program
    runtime: Any = import_module("onnxruntime")
    session = runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    key = session.get_inputs()[0].name

    def run_session(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {key: inputs.numpy()})[0])

    return run_session


def _silence() -> AbstractContextManager[None]:
    """No log messages and warnings of the exporters."""
    from contextlib import contextmanager

    @contextmanager
    def quiet() -> Any:
        loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
        levels = [logger.level for logger in loggers]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for logger in loggers:
                    logger.setLevel(logging.ERROR)
                yield
            finally:
                for logger, level in zip(loggers, levels, strict=True):
                    logger.setLevel(level)

    return quiet()
