"""Conformance tests of families of point encoders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from intertwine.models import PointEncoder
from intertwine.ops import radius_graph
from intertwine.testing._assert_equivariant import assert_equivariant
from intertwine.testing._modules import ModuleCase, ModuleTests

_SIZES = (4, 1, 5)


@dataclass(frozen=True)
class FamilyCase:
    """A family of point encoders under test.

    Attributes:
        layer: What ``PointEncoder(layer=...)`` takes: a family, its name, or its name and options as a dict.
        options: Further arguments of ``PointEncoder``, which add to and override those of the test class.
        equivariant: Whether the encoders are equivariant under the group of their representations.
    """

    layer: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    equivariant: bool = True


class FamilyTests(ModuleTests):
    """Conformance tests of a family of point encoders, to be inherited by a test class.

    All tests of :class:`ModuleTests` run on ``PointEncoder(layer=family)``, and the encoder comes back from its
    configuration and weights, a batch gives the same as a loop, and the law holds without pooling as well. A subclass
    defines :meth:`make_family`, or :meth:`families` for several:

        class TestMyFamily(FamilyTests):
            def make_family(self):
                return MyFamily()

    Attributes:
        rep_in: Representation of the features of each point.
        rep_out: Representation of the output.
        options: Further arguments of ``PointEncoder``; small, so that the tests are fast.
    """

    rep_in: str = "2x0e + 1x1o"
    rep_out: str = "2x0e + 1x1o"
    options: Mapping[str, Any] = {"layers": 2, "lmax": 1, "width": 8, "cutoff": 2.0}

    def make_family(self) -> Any:
        """The family, its name, or its name and options as a dict. Override this."""
        raise NotImplementedError(f"{type(self).__name__} must define make_family (or families)")

    def families(self) -> Mapping[str, FamilyCase]:
        """The families under test by name."""
        return {"family": FamilyCase(self.make_family())}

    def make_encoder(self, family: FamilyCase, **changes: Any) -> PointEncoder:
        """An encoder of the family with random weights that are the same each time.

        Args:
            family: The family.
            **changes: Arguments of ``PointEncoder`` to change.
        """
        arguments = {"rep_in": self.rep_in, "rep_out": self.rep_out, "layer": family.layer, **self.options}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return PointEncoder(**{**arguments, **family.options, **changes})

    def cases(self) -> Mapping[str, ModuleCase]:
        """An encoder of each family, with pooling."""
        return {name: self._encoder_case(family) for name, family in self.families().items()}

    def _encoder_case(self, family: FamilyCase) -> ModuleCase:
        def make() -> nn.Module:
            return self.make_encoder(family)

        return ModuleCase(make, _point_clouds(self.make_encoder(family), torch.float32), equivariant=family.equivariant)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test on every family that it applies to."""
        super().pytest_generate_tests(metafunc)
        if "family" in metafunc.fixturenames:
            law = getattr(metafunc.function, "needs_law", False)
            families = {name: family for name, family in self.families().items() if family.equivariant or not law}
            metafunc.parametrize("family", families.values(), ids=families.keys())

    def test_law_without_pooling(self, family: FamilyCase) -> None:
        """f(g x) = g f(x) with an output for each point."""
        assert_equivariant(
            self.make_encoder(family, pool=None),
            samples=self.samples,
            tolerance=self.tolerance,
            dtypes=(torch.float64,),
        )

    test_law_without_pooling.needs_law = True  # type: ignore[attr-defined]

    def test_config(self, family: FamilyCase) -> None:
        """The configuration is JSON, and builds the same network."""
        encoder = self.make_encoder(family)
        config = json.loads(json.dumps(encoder.config))
        other = PointEncoder(**config)
        assert other.config == encoder.config, "the configuration changes on the way through JSON"
        other.load_state_dict(encoder.state_dict())
        inputs = _point_clouds(encoder, torch.float32)
        torch.testing.assert_close(other.eval()(*inputs), encoder.eval()(*inputs), rtol=0, atol=0)

    @pytest.mark.parametrize("pool", ["sum", "mean", None])
    def test_batch(self, family: FamilyCase, pool: str | None) -> None:
        """A batch of clouds gives the same as a loop over them."""
        encoder = self.make_encoder(family, pool=pool).double().eval()
        features, positions, edges, batch, count = _point_clouds(encoder, torch.float64)
        outputs = encoder(features, positions, edges, batch, count)
        cutoff: float = encoder.config["cutoff"]
        clouds = [(features[batch == index], positions[batch == index]) for index in range(count)]
        loop = [encoder(f, x, radius_graph(x, cutoff)) for f, x in clouds]
        torch.testing.assert_close(outputs, torch.cat(loop))


def _point_clouds(encoder: PointEncoder, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Features, positions, edges, batch and number of clouds of 4, 1 and 5 points."""
    generator = torch.Generator().manual_seed(0)
    batch = torch.arange(len(_SIZES)).repeat_interleave(torch.tensor(_SIZES))
    features = torch.randn(len(batch), encoder.rep_in.dim, generator=generator, dtype=torch.float64).to(dtype)
    positions = torch.randn(len(batch), 3, generator=generator, dtype=torch.float64).to(dtype)
    edges = radius_graph(positions, float(encoder.config["cutoff"]), batch)
    return features, positions, edges, batch, len(_SIZES)
