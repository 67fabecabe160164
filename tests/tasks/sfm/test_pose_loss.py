"""The loss of poses: invariance under changes of the world, its value, its gradient."""

import torch

from intertwine.groups import SO3
from intertwine.ops.cameras import matrix_from_rotation_vector
from intertwine.tasks.sfm._pose_loss import pose_loss


def poses(seed, count=6):
    generator = torch.Generator().manual_seed(seed)
    return SO3().sample(count, generator=generator), torch.randn(count, 3, generator=generator).double()


def test_changes_of_the_world_do_not_change_it():
    rotations, translations = poses(0)
    found, shifts = poses(1)
    expected = pose_loss(torch.cat([found, shifts[..., None]], 2), rotations, translations)
    turn = SO3().sample(1, generator=torch.Generator().manual_seed(2))[0]
    shift, scale = torch.tensor([1.0, -2, 3]).double(), 2.5
    moved = rotations @ turn, scale * translations + rotations @ shift
    again = pose_loss(torch.cat([found, shifts[..., None]], 2), *moved)
    torch.testing.assert_close(again, expected, atol=1e-12, rtol=0)
    known = torch.cat([moved[0], moved[1][..., None]], 2)
    torch.testing.assert_close(pose_loss(known, rotations, translations), torch.zeros(()).double(), atol=1e-12, rtol=0)


def test_it_is_the_mean_square_of_half_sines():
    """Two of four cameras are turned by opposite angles: the best rotation of the world is none."""
    _, translations = poses(0, 4)
    rotations = torch.eye(3).double().repeat(4, 1, 1)
    angle = 0.4
    vectors = torch.tensor([[0.0, 0, angle], [0, 0, -angle], [0, 0, 0], [0, 0, 0]]).double()
    found = matrix_from_rotation_vector(vectors)
    centers = -(rotations.mT @ translations[..., None])
    loss = pose_loss(torch.cat([found, -found @ centers], 2), rotations, translations)
    expected = torch.tensor(angle / 2).double().sin() ** 2 / 2
    torch.testing.assert_close(loss, expected, atol=1e-12, rtol=0)


def test_gradients_are_right_although_the_world_is_fitted():
    rotations, translations = poses(0)
    vectors = 0.3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(3)).double()

    def loss(vectors, shifts):
        turns = matrix_from_rotation_vector(vectors) @ rotations
        return pose_loss(torch.cat([turns, shifts[..., None]], 2), rotations, translations)

    assert torch.autograd.gradcheck(loss, (vectors.requires_grad_(), torch.zeros(6, 3).double()), atol=1e-3)
