"""Conformance tests of modules: law, training, export, compilation, copies, dtypes, degenerate inputs."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from intertwine.auditing import EquivarianceError
from intertwine.testing._assert_equivariant import assert_equivariant, declared_action
from intertwine.testing._inputs import (
    DEGENERATE,
    Inputs,
    degenerate_inputs,
    dynamic_shapes,
    example_inputs,
    floats,
    map_floats,
    one_structure,
    resize,
)


@dataclass(frozen=True)
class ModuleCase:
    """A module under test.

    Attributes:
        make: Returns a new module in float32.
        inputs: Positional arguments in float32; by default an example of the declared input action.
        law_inputs: Inputs of the law tests; by default examples of the declared input action.
        equivariant: Whether the module declares a law that must hold: ``rep_in`` and ``rep_out``, or ``action_in`` and
            ``action_out``.
        degenerate: Which degenerate inputs it accepts: some of "zeros", "one point", "no points".
    """

    make: Callable[[], nn.Module]
    inputs: Inputs | None = None
    law_inputs: Any = None
    equivariant: bool = True
    degenerate: tuple[str, ...] = DEGENERATE

    def new_module(self, seed: int = 0) -> nn.Module:
        """A new module with the random weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()

    def inputs_of(self, module: nn.Module) -> Inputs:
        """The inputs for this module."""
        return example_inputs(module) if self.inputs is None else self.inputs


class ModuleTests:
    """Conformance tests of a module, to be inherited by a test class.

    A subclass defines :meth:`make_module`, or :meth:`cases` for several modules:

        class TestMyLayer(ModuleTests):
            def make_module(self):
                return MyLayer("4x0e + 2x1o", "2x0e + 1x1o")

    Attributes:
        samples: Number of random group elements in the law tests.
        tolerance: The largest relative error; by default 1e-5 in float32 and 1e-10 in float64.
        backends: Of ``torch.compile``. The default one of torch, "inductor", writes and compiles C++, which takes many
            seconds for a module; here it has two threads.
    """

    backends: tuple[str, ...] = ("aot_eager",)
    samples: int = 32
    tolerance: float | Mapping[str, float] | None = None

    def make_module(self) -> nn.Module:
        """A new module in float32. Override this."""
        raise NotImplementedError(f"{type(self).__name__} must define make_module (or cases)")

    def make_inputs(self) -> Inputs | None:
        """Positional arguments of the module in float32; None for an example of the declared input action."""
        return None

    def cases(self) -> Mapping[str, ModuleCase]:
        """The modules under test by name."""
        inputs = self.make_inputs()
        return {"module": ModuleCase(self.make_module, inputs, law_inputs=inputs)}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test on every case that it applies to."""
        if "backend" in metafunc.fixturenames:
            metafunc.parametrize("backend", metafunc.config.getoption("backends", None) or self.backends)
        if "case" not in metafunc.fixturenames:
            return
        law = getattr(metafunc.function, "needs_law", False)
        cases = {name: case for name, case in self.cases().items() if case.equivariant or not law}
        if "degenerate" in metafunc.fixturenames:
            pairs = [(name, kind) for name, case in cases.items() for kind in case.degenerate]
            ids = [f"{name}, {kind}" for name, kind in pairs]
            metafunc.parametrize(("case", "degenerate"), [(cases[name], kind) for name, kind in pairs], ids=ids)
        else:
            metafunc.parametrize("case", cases.values(), ids=cases.keys())

    def _assert_law(self, module: nn.Module, inputs: Any) -> None:
        assert_equivariant(module, inputs=inputs, samples=self.samples, tolerance=self.tolerance)

    def test_declares_its_actions(self, case: ModuleCase) -> None:
        """The module declares ``rep_in`` and ``rep_out``, or ``action_in`` and ``action_out``."""
        module = case.new_module()
        declared_action(module, "in")
        declared_action(module, "out")

    def test_law(self, case: ModuleCase) -> None:
        """f(g x) = g f(x) in float32 and float64."""
        self._assert_law(case.new_module(), case.law_inputs)

    def test_law_after_training(self, case: ModuleCase) -> None:
        """The law holds after optimizer steps in training mode."""
        module = case.new_module()
        if not any(parameter.requires_grad for parameter in module.parameters()):
            pytest.skip("nothing to train")
        inputs = case.inputs_of(module)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            sum((output - 1).square().mean() for output in floats(module(*inputs))).backward()  # type: ignore[union-attr]
            optimizer.step()
        self._assert_law(module, case.law_inputs)

    def test_negative_control(self, case: ModuleCase) -> None:
        """The law test fails on the same module behind an anisotropic scaling of its inputs."""
        module = case.new_module()
        with pytest.raises(EquivarianceError):
            assert_equivariant(
                _AnisotropicScaling(module),
                action_in=declared_action(module, "in"),
                action_out=declared_action(module, "out"),
                inputs=case.law_inputs,
                samples=4,
                dtypes=(torch.float64,),
            )

    def test_gradients_at_degenerate_inputs(self, case: ModuleCase, degenerate: str) -> None:
        """Outputs and gradients are finite at zero vectors, coincident points, one point and no points."""
        module = case.new_module().eval().double()
        inputs = degenerate_inputs(case.inputs_of(module), degenerate)
        inputs = map_floats(lambda x: x.detach().clone().requires_grad_(), inputs)
        outputs = list(floats(module(*inputs)))
        assert all(bool(output.isfinite().all()) for output in outputs), "an output is not finite"
        loss = torch.stack([output.sum() + output.square().sum() for output in outputs]).sum()
        leaves = [*floats(inputs), *(parameter for parameter in module.parameters() if parameter.requires_grad)]
        if loss.requires_grad:
            gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
            finite = [gradient is None or bool(gradient.isfinite().all()) for gradient in gradients]
            assert all(finite), "a gradient is not finite"

    def test_export(self, case: ModuleCase) -> None:
        """``torch.export`` gives a program with the same output, for any number of points, edges and structures."""
        module, inputs = _evaluated(case)
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic_shapes(inputs)).module()
        for other in (inputs, resize(inputs)):
            torch.testing.assert_close(program(*other), module(*other))

    def test_compile(self, case: ModuleCase, backend: str) -> None:
        """``torch.compile(fullgraph=True)`` gives the same output; by inductor, for one structure as well."""
        module, inputs = _evaluated(case)
        alone = one_structure(inputs)
        threads = torch.get_num_threads()
        torch.compiler.reset()
        try:
            torch.set_num_threads(2 if backend == "inductor" else threads)
            compiled = torch.compile(module, fullgraph=True, backend=backend)
            for data in (inputs, alone) if backend == "inductor" and alone is not inputs else (inputs,):
                torch.testing.assert_close(compiled(*data), module(*data))
        finally:
            torch.set_num_threads(threads)

    def test_autocast(self, case: ModuleCase) -> None:
        """Under autocast to bfloat16 the output is near that in float32, and gradients are finite, in training too."""
        module, inputs = _evaluated(case)
        with torch.no_grad():
            expected = list(floats(module(*inputs)))
        with torch.autocast("cpu", torch.bfloat16):
            outputs = list(floats(module(*inputs)))
            trained = list(floats(module.train()(*inputs)))
        for output, wanted in zip(outputs, expected, strict=True):
            assert (output - wanted).norm() <= 0.1 * wanted.norm(), "the output is far from that in float32"
        parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        if parameters:
            loss = torch.stack([output.float().sum() for output in trained]).sum()
            for gradient in torch.autograd.grad(loss, parameters, allow_unused=True):
                assert gradient is None or bool(gradient.isfinite().all()), "a gradient is not finite"

    def test_state_dict(self, case: ModuleCase) -> None:
        """A module with other weights gives the same output after loading the state dict (``weights_only=True``)."""
        module, inputs = _evaluated(case)
        file = io.BytesIO()
        torch.save(module.state_dict(), file)
        file.seek(0)
        other = case.new_module(seed=1).eval()
        other.load_state_dict(torch.load(file, weights_only=True))
        _assert_equal(other(*inputs), module(*inputs))

    def test_deepcopy_and_pickle(self, case: ModuleCase) -> None:
        """Copies have the same output."""
        module, inputs = _evaluated(case)
        expected = module(*inputs)
        _assert_equal(copy.deepcopy(module)(*inputs), expected)
        _assert_equal(pickle.loads(pickle.dumps(module))(*inputs), expected)

    def test_dtype(self, case: ModuleCase) -> None:
        """``.to(dtype)`` casts every constant from float64: casting down and up again loses no digits of them."""
        module, inputs = _evaluated(case)
        doubled = map_floats(Tensor.double, inputs)
        direct = copy.deepcopy(module).double()
        detour = copy.deepcopy(direct).half().double()
        detour.load_state_dict(direct.state_dict())
        expected = direct(*doubled)
        assert all(output.dtype == torch.float64 for output in floats(expected)), "expected outputs in float64"
        torch.testing.assert_close(detour(*doubled), expected, rtol=1e-15, atol=1e-15)
        assert all(output.dtype == torch.float32 for output in floats(module(*inputs))), "expected outputs in float32"

    @pytest.mark.parametrize("default", [torch.float64, torch.float16])
    def test_default_dtype(self, case: ModuleCase, default: torch.dtype) -> None:
        """The global default dtype has no influence."""
        inputs = case.inputs_of(case.new_module())
        before = torch.get_default_dtype()
        torch.set_default_dtype(default)
        try:
            module = case.new_module()
            dtypes = {parameter.dtype for parameter in module.parameters()}
            outputs = {output.dtype for output in floats(module(*inputs))}
        finally:
            torch.set_default_dtype(before)
        assert dtypes <= {torch.float32}, f"expected parameters in float32, got {dtypes}"
        assert outputs == {torch.float32}, f"expected outputs in float32, got {outputs}"

    def test_repr(self, case: ModuleCase) -> None:
        """The module prints with its class name."""
        module = case.new_module()
        assert type(module).__name__ in repr(module), "expected the name of the class in repr"

    for _test in (test_declares_its_actions, test_law, test_law_after_training, test_negative_control):
        _test.needs_law = True  # type: ignore[attr-defined]
    del _test


class _AnisotropicScaling(nn.Module):
    """A module behind a scaling of its inputs along fixed axes, which commutes with no rotation or permutation."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any) -> Any:
        return self.module(*map_floats(_scale_axes, inputs))


def _scale_axes(x: Tensor) -> Tensor:
    if x.ndim < 2:
        return x
    scales = (torch.linspace(1, 2, size, dtype=x.dtype, device=x.device) for size in (x.shape[0], x.shape[-1]))
    rows, columns = scales
    return x * columns * rows.view(-1, *[1] * (x.ndim - 1))


def _evaluated(case: ModuleCase) -> tuple[nn.Module, Inputs]:
    """The module in eval mode, and its inputs."""
    module = case.new_module().eval()
    return module, case.inputs_of(module)


def _assert_equal(actual: Any, expected: Any) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)
