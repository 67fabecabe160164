"""Programs of functions that differentiate inside, such as potentials with forces: the backward is in the file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram

METADATA = "metadata.json"
"""The entry of a file that says what its function takes and gives."""


def export_with_gradients(
    module: nn.Module, examples: Sequence[Tensor], dynamic: Sequence[Mapping[int, str]]
) -> ExportedProgram:
    """The program of a module that calls `torch.autograd.grad`: operations of ATen only, dynamic in named dimensions.

    The module is traced with symbolic sizes, and the gradient is traced with it. Inputs are copied first, so that the
    program gives the same for inputs that are not contiguous.

    Args:
        module: In evaluation mode, on the CPU; tensors to a tuple of tensors. Its parameters become constants.
        examples: Inputs, sizes of dynamic dimensions at least 2 and different from each other.
        dynamic: For each input, dimension -> name of its size.

    Returns:
        The program, for `save_program`.
    """
    import torch
    from torch.export import Dim
    from torch.fx.experimental.proxy_tensor import make_fx

    from intertwine.ops import decompositions

    names = sorted({name for dimensions in dynamic for name in dimensions.values()})
    sizes = {name: Dim(name, min=2) for name in names}
    shapes = tuple({axis: sizes[name] for axis, name in dimensions.items()} for dimensions in dynamic)

    def function(*inputs: Tensor) -> Any:
        copies = [torch.clone(tensor, memory_format=torch.contiguous_format) for tensor in inputs]
        return module(*copies)

    module(*examples)  # constants that are built on first use are built here, not while it is traced
    with frozen(module), compiling():
        traced = make_fx(
            function, decomposition_table=decompositions(), tracing_mode="symbolic", _allow_non_fake_inputs=True
        )(*examples)
        program = torch.export.export(traced, tuple(examples), dynamic_shapes=shapes, strict=False)
    check_operators(program)
    return program


def check_operators(program: ExportedProgram) -> None:
    """Assert that a program has no operators of this library, which would be needed to run it."""
    ours = {str(node.target) for node in program.graph.nodes if str(node.target).startswith("intertwine.")}
    assert not ours, f"the program would need this library to run: {', '.join(sorted(ours))}"


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """The parameters of a module need no gradient, for as long as it is traced."""
    before = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, needed in before:
            parameter.requires_grad_(needed)


@contextmanager
def compiling() -> Iterator[None]:
    """`torch.compiler.is_compiling()` is true: modules take the branch whose shapes do not depend on values.

    Warnings of the tracer are not shown.
    """
    import torch

    compiler: Any = torch.compiler
    before = compiler._is_compiling_flag
    compiler._is_compiling_flag = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        compiler._is_compiling_flag = before


def save_program(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a program as a file for `torch.export.load`, with what its function takes and gives as JSON.

    Args:
        program: The program.
        path: The file.
        metadata: JSON.
    """
    import torch

    with path.open("wb") as file:
        torch.export.save(program, file, extra_files={METADATA: json.dumps(metadata)})


def load_program(path: Path) -> tuple[Callable[..., tuple[Tensor, ...]], dict[str, Any]]:
    """The function that a file of `save_program` holds, and its metadata.

    Args:
        path: The file.
    """
    import torch

    extra = {METADATA: ""}
    with path.open("rb") as file:
        module: Any = torch.export.load(file, extra_files=extra).module()

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = tuple(module(*inputs))
        return outputs

    return run, json.loads(extra[METADATA])
