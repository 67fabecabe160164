from __future__ import annotations

import pytest
import torch

from intertwine import testing
from intertwine._errors import UsageError
from intertwine.ops import knn_graph
from intertwine.tasks.clouds import build_encoder
from intertwine.tasks.clouds._choices import GROUPS
from intertwine.tasks.clouds._encoders import (
    ENCODERS,
    FRAMES,
    check_group,
    check_size,
    describe_encoder,
)

PLAIN = sorted(set(ENCODERS) & {"dgcnn", "message", "pointnet"})
EQUIVARIANT = sorted(set(ENCODERS) - set(PLAIN))
THINNING = sorted(name for name, entry in ENCODERS.items() if entry.levels is not None)


def config(name, **changes):
    sizes = {"group": "O3", "layers": 1, "levels": 0, "hidden": None, "width": None, "neighbors": 5, "cutoff": 3.0}
    return describe_encoder(name, changes.pop("frame", "none"), **{**sizes, **changes})


def cloud(rep, points=20):
    positions = torch.randn(points, 3, generator=torch.Generator().manual_seed(0))
    return torch.randn(points, rep.dim), positions, knn_graph(positions, 5), None, None


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_encoder_gives_invariants_of_each_point(name):
    encoder = build_encoder(config(name), "1x0e + 1x1o", "16x0e")
    data = cloud(encoder.rep_in)
    assert encoder(*data).shape == (20, 16)
    assert encoder.rep_out == 16 * encoder.rep_out.group.trivial


@pytest.mark.parametrize("name", THINNING)
def test_on_fewer_points_it_answers_for_all_or_for_some(name):
    size = config(name, levels=2, hidden={"lifted": "2"}.get(name, "4x0e + 4x1o" if name != "vector" else "4x1o"))
    if name == "message":
        size["hidden"] = "4x0e"
    for by_point, points in ((True, 20), (False, 2)):
        torch.manual_seed(0)
        encoder = build_encoder(size, "1x0e + 1x1o", "16x0e", by_point=by_point).double()
        features, positions, edges, *_ = cloud(encoder.rep_in)
        features, positions, batch = features.double(), positions.double(), torch.zeros(20, dtype=torch.int64)
        found, whose = encoder.at_points(features, positions, edges, batch, 1)
        assert found.shape == (points, 16)
        assert whose.tolist() == [0] * points
        if name in EQUIVARIANT:
            group = encoder.rep_in.group
            matrix = encoder.rep_in.matrix(group.sample(generator=torch.Generator().manual_seed(1)))
            moved = features @ matrix.mT, positions @ matrix[1:, 1:].mT + 1
            turned, _ = encoder.at_points(*moved, edges, batch, 1)
            torch.testing.assert_close(turned, found, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", EQUIVARIANT)
def test_every_encoder_but_the_plain_ones_commutes(name):
    torch.manual_seed(0)
    encoder = build_encoder(config(name), "1x0e + 2x1o", "16x0e")
    testing.assert_equivariant(encoder)


@pytest.mark.parametrize("name", PLAIN)
def test_the_plain_ones_do_not(name):
    torch.manual_seed(0)
    encoder = build_encoder(config(name), "1x0e + 2x1o", "16x0e")
    with pytest.raises(AssertionError):
        testing.assert_equivariant(encoder)


HANDED = [(name, "none") for name in EQUIVARIANT if ENCODERS[name].symmetry == "option"]
HANDED += [("dgcnn", frame) for frame in sorted(set(FRAMES) - {"none"})]


@pytest.mark.parametrize(("name", "frame"), HANDED)
def test_mirror_images_are_the_same_or_not_as_the_group_says(name, frame):
    found = {}
    for group in GROUPS:
        torch.manual_seed(0)
        encoder = build_encoder(config(name, frame=frame, group=group), "1x0e + 1x1o", "16x0e").double().eval()
        testing.assert_equivariant(encoder)
        features, positions, edges, *_ = cloud(encoder.rep_in)
        positions = positions.double() - positions.double().mean(0)
        clouds = (positions, -positions)
        answers = [encoder(torch.cat([features[:, :1].double(), x], 1), x, edges) for x in clouds]
        found[group] = torch.allclose(*answers, rtol=1e-6, atol=1e-9)
    assert found == {"O3": True, "SO3": False}


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_outputs_begin_at_full_size(name):
    torch.manual_seed(0)
    encoder = build_encoder(config(name), "1x0e + 1x1o", "64x0e")
    assert 0.1 < float(encoder(*cloud(encoder.rep_in)).detach().square().mean().sqrt()) < 10


def test_what_was_left_open_is_decided():
    assert config("steerable")["hidden"] == ENCODERS["steerable"].hidden
    assert config("message")["width"] == ENCODERS["message"].width
    assert config("steerable")["width"] is None
    assert config("message", width=7)["width"] == 7


def test_half_of_what_is_asked_for_are_lengths():
    encoder = build_encoder(config("steerable", hidden="8x0e + 4x1o + 2x2e"), "1x0e + 1x1o", "16x0e")
    assert str(encoder.encoder.rep_out) == "8x0e + 4x1o + 4x2e"
    assert encoder.rep_out.dim == 16


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: config("vektor"), 'no encoder "vektor"'),
        (lambda: config("steerabel"), 'did you mean "steerable"'),
        (lambda: build_encoder({**config("message"), "frame": "non"}, "1x0e", "1x0e"), 'did you mean "none"'),
        (lambda: build_encoder(config("steerable", hidden="8x0"), "1x0e", "1x0e"), "steerable cannot be built"),
        (lambda: build_encoder(config("vector", hidden="0x1o"), "1x0e", "1x0e"), "have no dimension"),
        (lambda: build_encoder(config("lifted", frame="pca"), "1x0e", "1x0e"), "leave --frame out"),
        (lambda: check_size("steerable", None, 8, None), "--width means nothing to the encoder steerable"),
        (lambda: check_size("dgcnn", None, None, 2), "--levels means nothing to the encoder dgcnn"),
        (lambda: check_group("dgcnn", "SO3", "none"), "no symmetry; --frame gives it one"),
        (lambda: check_group("egnn", "SO3", "pca"), "egnn, which has a symmetry of its own"),
    ],
    ids=["unknown", "misspelled", "frame", "hidden", "nothing", "finite", "width", "levels", "plain", "own"],
)
def test_what_cannot_be_built_is_named(call, said):
    with pytest.raises(UsageError, match=said):
        call()


@pytest.mark.parametrize("frame", sorted(set(FRAMES) - {"none"}))
def test_in_a_frame_the_plain_one_commutes(frame):
    torch.manual_seed(0)
    testing.assert_equivariant(build_encoder(config("message", frame=frame), "1x0e + 1x1o", "16x0e"))
