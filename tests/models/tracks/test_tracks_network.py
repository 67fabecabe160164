"""The permutation-equivariant network of structure from motion."""

import copy

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks import synthetic_tracks
from intertwine.models import TracksNetwork
from intertwine.nn import ObservedEntries
from intertwine.ops.cameras import projection_loss


def given(seed=0):
    tracks, _ = synthetic_tracks(5, 40, seed=seed)
    return tracks, ObservedEntries.from_index(torch.stack([tracks.camera, tracks.point]), (5, 40))


@pytest.fixture(params=["calibrated", "projective"])
def network(request):
    torch.manual_seed(0)
    return TracksNetwork(hidden=16, cameras=request.param).double()


def test_permutations_commute_with_it(network):
    tracks, entries = given()
    expected = network(tracks.normalized(), entries)
    for _ in range(32):
        cameras, points, order = torch.randperm(5), torch.randperm(40), torch.randperm(len(tracks.camera))
        index = torch.stack([cameras[tracks.camera], points[tracks.point]])[:, order]
        found = network(tracks.normalized()[order], ObservedEntries.from_index(index, (5, 40)))
        torch.testing.assert_close(found.projections[cameras], expected.projections, atol=1e-12, rtol=1e-12)
        torch.testing.assert_close(found.points[points], expected.points, atol=1e-12, rtol=1e-12)


def test_a_perceptron_does_not_commute():
    tracks, _ = given()
    plain = torch.nn.Linear(400, 3).double()
    dense = torch.zeros(5, 40, 2, dtype=torch.float64)
    dense[tracks.camera, tracks.point] = tracks.normalized()
    assert not torch.allclose(plain(dense.flatten()), plain(dense.roll(1, 0).flatten()))


def test_calibrated_cameras_are_rotations():
    tracks, entries = given()
    rotations = TracksNetwork(hidden=8).double()(tracks.normalized(), entries).projections[:, :, :3]
    identity = torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
    torch.testing.assert_close(rotations @ rotations.mT, identity, atol=1e-12, rtol=0)
    assert (torch.linalg.det(rotations) > 0).all()


def test_projective_cameras_have_a_side():
    tracks, entries = given()
    torch.manual_seed(1)
    matrices = TracksNetwork(hidden=8, cameras="projective").double()(tracks.normalized(), entries).projections
    determinants = torch.linalg.det(matrices[:, :, :3])
    assert (determinants[determinants.abs() > 1e-3] > 0).all()
    assert matrices[:, 2, :3].norm(dim=1).max() <= 1 + 1e-9


def test_it_learns_a_scene():
    tracks, entries = given()
    torch.manual_seed(0)
    network = TracksNetwork(hidden=64)
    xy = tracks.normalized().float()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = projection_loss(*network(xy, entries), *entries.indices, xy)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_copies_and_states_give_the_same(network):
    tracks, entries = given()
    other = TracksNetwork(hidden=16, cameras=network.cameras).double()
    other.load_state_dict(network.state_dict())
    for each in (other, copy.deepcopy(network)):
        torch.testing.assert_close(
            each(tracks.normalized(), entries).points, network(tracks.normalized(), entries).points
        )


def test_bad_options():
    with pytest.raises(UsageError, match="calibrated"):
        TracksNetwork(cameras="fisheye")
    with pytest.raises(UsageError, match="at least one layer"):
        TracksNetwork(layers=0)
