"""Groups of rotations of keypoint networks."""

from intertwine.tasks.keypoints._network import _common_rotations, rotations


def test_rotations_that_a_group_shares_with_the_grid():
    assert [_common_rotations(order) for order in range(1, 13)] == [1, 2, 1, 4, 1, 2, 1, 4, 1, 2, 1, 4]
    assert (str(rotations("SO2")), str(rotations("C6"))) == ("SO(2)", "C_6")
