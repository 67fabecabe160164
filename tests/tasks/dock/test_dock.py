"""Docking of made proteins: recovery, equivariance of fields, bi-equivariance, swap, potentials."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from intertwine.ops import RigidMotion, correlation, refine_correlation
from intertwine.tasks.dock import (
    ATOM_TYPES,
    DockingOptions,
    DockingPotential,
    PairPotential,
    RankingScore,
    atom_types,
    canonical_frame,
    dock,
    measure_docking,
    surface_normals,
)

OPTIONS = DockingOptions(models=4, level=1, refined=16)
STILL = RigidMotion(torch.eye(3, dtype=torch.float64)[None], torch.zeros(1, 3, dtype=torch.float64))


@pytest.fixture(scope="module")
def models(bundle):
    return dock(*bundle, OPTIONS).models


def shape_potential():
    """Repulsion of near atoms and attraction of those a little farther, whatever their types."""
    ones, widths = torch.ones(1, len(ATOM_TYPES)), torch.tensor([0.9, 1.2, 1.6, 2.1, 2.8], dtype=torch.float64)
    search = PairPotential(ones, widths[2:], torch.tensor([[-12.0, 0.0, 1.0]]))
    score = PairPotential(ones, widths, torch.tensor([[-40.0, -5.0, 0.0, 1.0, 0.0]]))
    pair_score = RankingScore(1.0, torch.tensor([4.0, 8.0]), torch.zeros(1), torch.zeros(1))
    return DockingPotential(search, score, pair_score)


def test_finds_the_complex_that_was_cut(cut_ball, random_motion):
    ligand, receptor = cut_ball
    turned = ligand.moved(*random_motion(1))
    result = dock(turned, receptor, DockingOptions(models=3, level=2, refined=60), shape_potential())
    best = turned.moved(result.models[0].rotation, result.models[0].translation)
    measures = measure_docking(best, receptor, ligand, receptor)
    assert measures.complex_rmsd < 1.0
    assert measures.clashes == 0


def test_no_pose_known_beforehand_scores_better(bundle):
    found = dock(*bundle, DockingOptions(models=4, level=2, refined=40)).models
    potential = DockingPotential.load()
    sharp = potential.score
    motion, score = refine_correlation(sharp.field(bundle[0]), sharp.field(bundle[1]), sharp.kernel, STILL)
    normals = surface_normals(bundle[0]), surface_normals(bundle[1])
    assert found[0].score >= float(potential.ranking(*normals, motion, score)[0]) - 1e-3
    assert [model.score for model in found] == sorted((model.score for model in found), reverse=True)
    assert all(model.clashes == 0 for model in found)


def test_scores_are_those_of_the_ranking(bundle, models):
    potential, normals = DockingPotential.load(), [surface_normals(protein) for protein in bundle]
    fields = [potential.score.field(protein) for protein in bundle]
    for model in models:
        motion = RigidMotion(torch.from_numpy(model.rotation)[None], torch.from_numpy(model.translation)[None])
        pair = correlation(*fields, potential.score.kernel, motion)
        assert model.score == pytest.approx(float(potential.ranking(*normals, motion, pair)[0]), rel=1e-5)
        assert model.score != pytest.approx(float(pair[0]), rel=1e-3)


def test_is_bi_equivariant(bundle, models, random_motion):
    ligand, receptor = bundle
    (R1, t1), (R2, t2) = random_motion(2), random_motion(3)
    moved = dock(ligand.moved(R1, t1), receptor.moved(R2, t2), OPTIONS).models
    for one, other in zip(models[:2], moved[:2], strict=True):
        rotation = R2 @ one.rotation @ R1.T
        assert np.allclose(other.rotation, rotation, atol=1e-4)
        assert np.allclose(other.translation, R2 @ one.translation + t2 - rotation @ t1, atol=5e-3)
        assert other.score == pytest.approx(one.score, rel=1e-5)


def test_exchanged_proteins_give_inverse_motions(bundle, models):
    for one, other in zip(models, dock(*bundle[::-1], OPTIONS).models, strict=True):
        assert np.allclose(other.rotation, one.rotation.T, atol=1e-9)
        assert np.allclose(other.translation, -one.rotation.T @ one.translation, atol=1e-6)
        assert {pair[::-1] for pair in other.contacts} == one.contacts


def test_fields_move_with_the_protein(bundle, random_motion):
    R, t = random_motion(4)
    potential = DockingPotential.load().score
    field, moved = potential.field(bundle[0]), potential.field(bundle[0].moved(R, t))
    expected = field.moved(torch.tensor(R), torch.tensor(t))
    assert torch.allclose(moved.points, expected.points, atol=1e-12)
    assert torch.equal(moved.features, expected.features)


def test_the_correlation_of_fields_is_the_sum_over_pairs(bundle):
    ligand, receptor = bundle
    potential = DockingPotential.load().score
    score = correlation(potential.field(ligand), potential.field(receptor), potential.kernel, STILL)
    distances = np.linalg.norm(ligand.coordinates[:, None] - receptor.coordinates, axis=2)
    u, total = potential.features.numpy(), 0.0
    for c, amplitudes in enumerate(potential.amplitudes.numpy()):
        radial = (amplitudes * np.exp(-(distances[..., None] ** 2) / (2 * potential.widths.numpy() ** 2))).sum(-1)
        total += u[c][atom_types(ligand)] @ radial @ u[c][atom_types(receptor)]
    assert float(score[0]) == pytest.approx(total, rel=1e-2, abs=0.5)


def test_the_canonical_frame_does_not_depend_on_the_pose(bundle, random_motion):
    moved = bundle[1].moved(*random_motion(5))
    one, other = (s.moved(*canonical_frame(s)).coordinates for s in (bundle[1], moved))
    assert np.allclose(one, other, atol=1e-9)
    assert np.linalg.det(canonical_frame(moved)[0]) == pytest.approx(1)


def test_the_canonical_frame_has_the_longest_axis_first_and_positive_third_moments(bundle, random_motion):
    for seed in range(4):
        moved = bundle[1].moved(*random_motion(seed))
        x = moved.moved(*canonical_frame(moved)).coordinates
        assert np.allclose(x.mean(0), 0, atol=1e-9)
        assert np.allclose(np.corrcoef(x.T), np.eye(3), atol=1e-9)
        assert (np.diff(x.var(0)) < 0).all()
        assert ((x**3).sum(0)[:2] > 0).all()


def test_a_mirrored_protein_is_another(bundle):
    mirrored = replace(bundle[1], coordinates=bundle[1].coordinates * [1, 1, -1])
    one, other = (s.moved(*canonical_frame(s)).coordinates for s in (bundle[1], mirrored))
    assert not np.allclose(one, other, atol=0.1)


def test_identical_proteins_and_one_residue(bundle):
    quick = DockingOptions(models=2, level=0, refined=10)
    assert dock(bundle[0], bundle[0], quick).models
    rows = bundle[0].residue_of_atom == 0
    lone = replace(
        bundle[0],
        coordinates=bundle[0].coordinates[rows],
        atom_names=bundle[0].atom_names[rows],
        residue_of_atom=bundle[0].residue_of_atom[rows],
        residue_names=bundle[0].residue_names[:1],
        chains=bundle[0].chains[:1],
        numbers=bundle[0].numbers[:1],
        insertion_codes=bundle[0].insertion_codes[:1],
    )
    assert dock(lone, bundle[1], quick).models


def test_every_atom_has_a_type(bundle):
    assert len(set(ATOM_TYPES)) == len(ATOM_TYPES) == 20
    types = atom_types(bundle[1])
    assert types.min() >= 0
    assert types.max() < len(ATOM_TYPES)


def test_potentials_are_saved_and_loaded(tmp_path):
    potential = DockingPotential.load()
    potential.save(tmp_path / "potential.json")
    again = DockingPotential.load(tmp_path / "potential.json")
    for one, other in ((potential.search, again.search), (potential.score, again.score)):
        assert torch.equal(one.features, other.features)
        assert torch.equal(one.amplitudes, other.amplitudes)
    assert potential.ranking.to_dict() == again.ranking.to_dict()
    assert (tmp_path / "potential.json").stat().st_size < 10_000


def test_files_that_are_no_potentials(tmp_path):
    (tmp_path / "a.json").write_text('{"atom_types": []}')
    with pytest.raises(ValueError, match="atom types"):
        DockingPotential.load(tmp_path / "a.json")
    with pytest.raises(ValueError, match="no potential"):
        DockingPotential.load(tmp_path / "missing.json")
    DockingPotential.load().save(tmp_path / "b.json")
    content = json.loads((tmp_path / "b.json").read_text())
    del content["ranking"]
    (tmp_path / "b.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="it has no ranking"):
        DockingPotential.load(tmp_path / "b.json")
    with pytest.raises(ValueError, match="features"):
        PairPotential(torch.zeros(1, 3), torch.ones(1), torch.ones(1, 1))


@pytest.mark.parametrize("bad", [{"models": 0}, {"spacing": 0.1}, {"level": 9}, {"refined": 0}])
def test_options_out_of_range(bad):
    with pytest.raises(ValueError, match="docking expects"):
        DockingOptions(**bad)
