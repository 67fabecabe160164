"""The conformance tests of modules pass on a correct module and fail on each kind of defect."""

import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn

from intertwine.auditing import EquivarianceError
from intertwine.groups import O3
from intertwine.testing import ModuleCase, ModuleTests


class Norm(nn.Module):
    """Vectors divided by one plus their length, times a learned scale."""

    def __init__(self):
        super().__init__()
        self.rep_in = self.rep_out = O3().rep("2x1o")
        self.scale = nn.Parameter(torch.ones(2, 1, dtype=torch.float32))
        self.register_buffer("third", torch.tensor(1 / 3, dtype=torch.float32))

    def length(self, vectors):
        return vectors.square().sum(-1, keepdim=True).add(1e-12).sqrt()

    def forward(self, x):
        vectors = x.unflatten(-1, (2, 3))
        return (self.scale * vectors / (1 + self.length(vectors))).flatten(-2)


class TestNorm(ModuleTests):
    def make_module(self):
        return Norm()


class TestSeveral(ModuleTests):
    def cases(self):
        return {
            "norm": ModuleCase(Norm, (torch.ones(5, 6),)),
            "plain": ModuleCase(lambda: nn.Linear(3, 2, dtype=torch.float32), (torch.ones(4, 3),), equivariant=False),
        }


class NoRepresentation(Norm):
    def __init__(self):
        super().__init__()
        del self.rep_in


class Leaky(Norm):
    def forward(self, x):
        return super().forward(x) + 1e-3


class LeakyAfterTraining(Norm):
    def forward(self, x):
        return super().forward(x) + (self.scale.mean() - 1) * torch.ones_like(x)


class InfiniteGradient(Norm):
    def length(self, vectors):
        return vectors.norm(dim=-1, keepdim=True).sqrt()


class GraphBreak(Norm):
    def forward(self, x):
        return super().forward(x) if float(x.sum()) > -1e9 else x


class Unpicklable(Norm):
    def __init__(self):
        super().__init__()
        self.function = lambda x: x


class HiddenWeight(Norm):
    """A random weight that is not in the state dict."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.rand((), dtype=torch.float32)

    def forward(self, x):
        return super().forward(x) * self.hidden


class LosesDigits(Norm):
    def __init__(self):
        super().__init__()
        self.register_buffer("lost", torch.tensor(1 / 3, dtype=torch.float32), persistent=False)

    def forward(self, x):
        return super().forward(x) * self.lost


class ReadsDefaultDtype(Norm):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, 1))


class Constant(Norm):
    """Not a module whose law could be violated: it ignores its input."""

    def forward(self, x):
        return 0 * super().forward(x)


TESTS = ModuleTests()


@pytest.mark.parametrize(
    ("defect", "test", "error"),
    [
        (NoRepresentation, TESTS.test_declares_its_actions, TypeError),
        (Leaky, TESTS.test_law, EquivarianceError),
        (LeakyAfterTraining, TESTS.test_law_after_training, EquivarianceError),
        (GraphBreak, partial(TESTS.test_compile, backend="aot_eager"), Exception),
        (GraphBreak, TESTS.test_export, Exception),
        (Unpicklable, TESTS.test_deepcopy_and_pickle, Exception),
        (HiddenWeight, TESTS.test_state_dict, AssertionError),
        (LosesDigits, TESTS.test_dtype, AssertionError),
        (Constant, TESTS.test_law, EquivarianceError),
    ],
)
def test_a_defect_is_found(defect, test, error):
    test(ModuleCase(Norm))
    with pytest.raises(error):
        test(ModuleCase(defect))


def test_an_infinite_gradient_is_found():
    TESTS.test_gradients_at_degenerate_inputs(ModuleCase(Norm), "zeros")
    with pytest.raises(AssertionError, match="not finite"):
        TESTS.test_gradients_at_degenerate_inputs(ModuleCase(InfiniteGradient), "zeros")


def test_the_default_dtype_is_noticed():
    TESTS.test_default_dtype(ModuleCase(Norm), torch.float64)
    with pytest.raises(AssertionError, match="expected parameters in float32"):
        TESTS.test_default_dtype(ModuleCase(ReadsDefaultDtype), torch.float64)


def test_the_negative_control_needs_a_law_that_can_fail():
    class Invariant(Norm):
        def forward(self, x):
            return torch.ones_like(super().forward(x)).sum(-1, keepdim=True)

    def make():
        module = Invariant()
        module.rep_out = O3().rep("1x0e")
        return module

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        TESTS.test_negative_control(ModuleCase(make))


def test_make_module_is_asked_for():
    with pytest.raises(NotImplementedError, match="ModuleTests must define make_module"):
        TESTS.make_module()


def test_assert_equivariant_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None; from intertwine.testing import assert_equivariant\n"
        "try: from intertwine.testing import ModuleTests\n"
        "except ImportError as error: assert 'pip install pytest' in str(error), error\n"
        "else: raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
