from __future__ import annotations

import numpy as np
import pytest

from intertwine.data import near_duplicate_groups, stratified_split
from intertwine.data._sampling import sample

trimesh = pytest.importorskip("trimesh")


def cloud(mesh, seed=0):
    from intertwine.data._sampling import Surface

    return sample(Surface(np.array(mesh.vertices), np.array(mesh.faces, dtype=np.int64)), 8192, seed).points


def chair(back=1.0, seat=0.1):
    """A seat, a back and a leg that make no symmetric whole."""
    parts = [
        trimesh.creation.box((1, 1.2, seat)),
        trimesh.creation.box((0.1, 1.2, back)),
        trimesh.creation.box((0.1, 0.2, 0.8)),
    ]
    parts[1].apply_translation((-0.45, 0, back / 2))
    parts[2].apply_translation((0.3, 0.4, -0.4))
    return trimesh.util.concatenate(parts)


QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def shapes():
    plain = cloud(chair())
    return {
        "plain": plain,
        "copy": plain.copy(),
        "scaled": 40 * plain + [1, 2, 3],
        "turned": cloud(chair(), 5) @ QUARTER.T,
        "mirrored": cloud(chair(), 6) * [1, -1, 1],
        "hardly changed": cloud(chair(1.02), 7),
        "other back": cloud(chair(1.5), 8),
        "thick seat": cloud(chair(1.0, 0.5), 9),
        "ball": cloud(trimesh.creation.icosphere(subdivisions=3)),
        "cube": cloud(trimesh.creation.box()),
        "point": np.zeros((8192, 3)),
    }


def test_near_duplicates_are_found_and_others_are_not(shapes):
    groups = dict(zip(shapes, near_duplicate_groups(list(shapes.values())), strict=True))
    found = {name for name, group in groups.items() if group == groups["plain"]}
    assert found == {"plain", "copy", "scaled", "turned", "mirrored", "hardly changed"}
    assert len(set(groups.values())) == 1 + len(shapes) - len(found)


def test_an_eighth_of_a_turn_is_another_shape(shapes):
    angle = np.pi / 4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    first, second = near_duplicate_groups([shapes["plain"], shapes["plain"] @ turn.T])
    assert first != second


def test_near_duplicates_do_not_cross_the_split(shapes):
    clouds = [shapes["plain"], shapes["ball"], shapes["scaled"], shapes["cube"], shapes["turned"], shapes["thick seat"]]
    groups = near_duplicate_groups(clouds)
    for seed in range(8):
        split = stratified_split([0] * 6, validation=1, test=2, seed=seed, groups=groups.tolist())
        where = {int(i): part for part in ("train", "validation", "test") for i in getattr(split, part)}
        assert where[0] == where[2] == where[4]
    alone = stratified_split([0] * 6, validation=1, test=2, seed=0)
    assert any(len({0, 2, 4} & set(getattr(alone, part).tolist())) in (1, 2) for part in ("train", "test"))


def test_none_and_one():
    assert near_duplicate_groups([np.eye(3)]).tolist() == [0]
