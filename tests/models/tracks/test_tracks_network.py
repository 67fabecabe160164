"""The permutation-equivariant network of structure from motion."""

import copy

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data.tracks import synthetic_tracks
from intertwine.models import ResidualTracksNetwork, TracksNetwork
from intertwine.models.tracks._residual_tracks_network import mean_ray_turns, turned
from intertwine.nn import ObservedEntries
from intertwine.ops.cameras import matrix_from_rotation_vector, projection_loss

CAMERAS = ("calibrated", "projective")


def given(seed=0):
    tracks, _ = synthetic_tracks(5, 40, seed=seed)
    return tracks, ObservedEntries.from_index(torch.stack([tracks.camera, tracks.point]), (5, 40))


@pytest.fixture(
    params=[(kind, cameras) for kind in (TracksNetwork, ResidualTracksNetwork) for cameras in CAMERAS],
    ids=lambda each: f"{each[0].__name__}-{each[1]}",
)
def network(request):
    kind, cameras = request.param
    torch.manual_seed(0)
    return kind(hidden=16, layers=3, cameras=cameras).double()


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


@pytest.mark.parametrize("kind", [TracksNetwork, ResidualTracksNetwork])
def test_calibrated_cameras_are_rotations(kind):
    tracks, entries = given()
    rotations = kind(hidden=8).double()(tracks.normalized(), entries).projections[:, :, :3]
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


@pytest.mark.parametrize("kind", [TracksNetwork, ResidualTracksNetwork])
def test_it_learns_a_scene(kind):
    tracks, entries = given()
    torch.manual_seed(0)
    network = kind(hidden=64, layers=3)
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
    other = type(network)(hidden=16, layers=3, cameras=network.cameras).double()
    other.load_state_dict(network.state_dict())
    for each in (other, copy.deepcopy(network)):
        torch.testing.assert_close(
            each(tracks.normalized(), entries).points, network(tracks.normalized(), entries).points
        )


def test_turns_take_the_mean_ray_to_the_axis():
    tracks, _ = given()
    camera, xy = tracks.camera, tracks.normalized()
    turns = mean_ray_turns(xy, camera, 6)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).double().expand(6, 3, 3))
    torch.testing.assert_close(turns[5], torch.eye(3).double())  # sees nothing
    seen = turned(xy, turns[camera])
    rays = torch.nn.functional.normalize(torch.cat([seen, torch.ones_like(seen[:, :1])], 1), dim=1)
    mean = torch.zeros(5, 3).double().index_add_(0, camera, rays)
    torch.testing.assert_close(mean[:, :2], torch.zeros(5, 2).double(), atol=1e-8, rtol=0)
    assert bool((turns[:, 0, 1].abs() < 1e-12).all())  # the horizontal axis stays horizontal


def test_a_camera_that_pans_has_its_pose_panned():
    tracks, entries = given()
    torch.manual_seed(0)
    network = ResidualTracksNetwork(hidden=16, layers=2).double()
    poses = network(tracks.normalized(), entries).projections
    pans = matrix_from_rotation_vector(0.2 * torch.randn(5, 1).double() * torch.tensor([0.0, 1.0, 0.0]))
    xy = turned(tracks.normalized(), pans[tracks.camera])
    torch.testing.assert_close(network(xy, entries).projections, pans @ poses, atol=1e-10, rtol=1e-10)


def test_bad_options():
    with pytest.raises(UsageError, match="heads"):
        ResidualTracksNetwork(hidden=6)
    with pytest.raises(UsageError, match="calibrated"):
        TracksNetwork(cameras="fisheye")
    with pytest.raises(UsageError, match="at least one layer"):
        TracksNetwork(layers=0)
