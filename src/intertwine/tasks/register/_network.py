"""The network of a run on registration, from its configuration, and its motion as a matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.actions import Maps, PairAction, PointCloud
from intertwine.groups import O3, SO3
from intertwine.models import DenseEncoder, PointEncoder, RegistrationNetwork
from intertwine.ops.alignment import RigidMotion
from intertwine.tasks.register._features import REP_IN
from intertwine.tasks.register._options import DENSE, HIDDEN

_REP_PAIR = "4x(1,1)"
_RADIUS, _ITERATIONS = 0.15, 20


def build_network(config: Mapping[str, Any]) -> RegistrationNetwork:
    """The network that a configuration describes.

    Args:
        config: "encoder" ("dense" or a family of layers), "hidden", "layers", "neighbors", "cutoff", "blocks",
            "superpoints".

    Raises:
        UsageError: It cannot be built at this size.
    """
    try:
        return RegistrationNetwork(
            _encoder(config),
            _REP_PAIR,
            blocks=config["blocks"],
            superpoints=config["superpoints"],
            radius=_RADIUS,
            iterations=_ITERATIONS,
        )
    except ValueError as error:
        raise UsageError(f"the encoder {config['encoder']} cannot be built: {error}") from error


def _encoder(config: Mapping[str, Any]) -> nn.Module:
    hidden = O3().rep(config["hidden"]).restrict(SO3())
    if config["encoder"] == DENSE:
        copies: Counter[int] = Counter()
        for count, irrep in hidden.irreps or ():
            copies[irrep.dim] += count
        if set(copies) != {1, 3}:
            raise ValueError(f"its features are scalars and vectors, such as {HIDDEN}, got {config['hidden']}")
        return DenseEncoder(SO3().rep(REP_IN), scalars=copies[1], vectors=copies[3], layers=config["layers"])
    return PointEncoder(
        SO3().rep(REP_IN),
        hidden,
        layer=config["encoder"],
        hidden=hidden,
        layers=config["layers"],
        cutoff=config["cutoff"],
        avg_num_neighbors=float(config["neighbors"]),
        pool=None,
        output_scale=1.0,
    )


class MotionMatrix(nn.Module):
    """The motion of a network of two clouds as a matrix ``(4, 4)``.

    Law: with the clouds moved by g and h it becomes h M g^-1, with the clouds exchanged M^-1.
    """

    def __init__(self, network: RegistrationNetwork) -> None:
        super().__init__()
        self.network = network
        points, vector = PointCloud(SO3().rep(REP_IN)), SO3().vector
        self.action_in = PairAction(points, points, swap=True)
        self.action_out = Maps(vector, vector, translations=True)

    def forward(self, cloud_1: tuple[Any, ...], cloud_2: tuple[Any, ...]) -> Tensor:
        """``(4, 4)``; arguments as those of the network, one pair."""
        return motion_matrices(self.network(cloud_1, cloud_2))


def motion_matrices(motion: RigidMotion) -> Tensor:
    """Motions as matrices ``(..., 4, 4)``."""
    top = torch.cat([motion.rotation, motion.translation[..., None]], -1)
    last = top.new_tensor([0.0, 0, 0, 1]).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, last], -2)


def network_text(config: Mapping[str, Any], parameters: int) -> str:
    """The network in words."""
    layers, blocks = config["layers"], config["blocks"]
    return (
        f"{config['encoder']}, {layers} layer{'s' * (layers != 1)}, {config['hidden'].replace(' ', '')}; {blocks} "
        f"block{'s' * (blocks != 1)} of bi-equivariant attention between {config['superpoints']} superpoints; "
        f"{parameters:,} parameters"
    )
