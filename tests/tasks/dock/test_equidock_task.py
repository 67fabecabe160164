"""Task `dock`: conformance, splits by lists, use of the trained network, bad input."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.models.equidock import separate
from intertwine.tasks import get, load
from intertwine.tasks.dock import complex_pdb, count_clashes, read_structure
from intertwine.tasks.dock.equidock import Complex, ComplexSet, read_complexes
from intertwine.tasks.dock.equidock._backbone import RESIDUES, backbone
from intertwine.tasks.dock.equidock._complexes import find_complexes, split_complexes
from intertwine.tasks.dock.equidock._evaluation import PoseMeasures, as_evaluation
from intertwine.tasks.dock.equidock._graphs import complex_graphs, complex_points
from intertwine.testing import TaskTests

pytest.importorskip("gemmi")

SMALL = {"hidden": 16, "layers": 2, "keypoints": 8, "neighbors": 4, "batch_size": 2, "validation": "1", "test": "1"}


def pdb(structure):
    """A file of one protein: the first half of a complex with a copy of it."""
    lines = complex_pdb(structure, structure).splitlines()
    first = [line for line in lines if line.startswith("ATOM")][: len(structure.atom_names)]
    return "\n".join([*first, "END", ""])


def bent(structure, seed):
    """Without the equal distances of ideal helices, among which rounding would choose the nearest residues."""
    noise = 0.1 * np.random.default_rng(seed).normal(size=structure.coordinates.shape)
    return replace(structure, coordinates=structure.coordinates + noise)


def write_complexes(folder, bundle, count):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        shift = np.array([0.0, 0.3 * k, 1.0 * k])
        (folder / f"c{k}_l_b.pdb").write_text(pdb(bent(bundle[0], k).moved(np.eye(3), shift)))
        (folder / f"c{k}_r_b.pdb").write_text(pdb(bent(bundle[1], k)))
    return folder


class TestDock(TaskTests):
    task = "dock"
    options = SMALL

    @pytest.fixture(autouse=True)
    def proteins(self, bundle):
        type(self).bundle = bundle

    def make_data(self, folder):
        return str(write_complexes(folder / "complexes", self.bundle, 5))

    def make_bad_data(self, folder):
        found = dict(super().make_bad_data(folder))
        found["too few"] = str(write_complexes(folder / "few", self.bundle, 2))
        found["one file"] = str(folder / "few" / "c0_l_b.pdb")
        (folder / "single").mkdir()
        (folder / "single" / "a_l.pdb").write_text(pdb(self.bundle[0]))
        found["no receptor"] = str(folder / "single")
        write_complexes(folder / "broken", self.bundle, 3)
        for path in (folder / "broken").glob("*_l_b.pdb"):
            path.write_text("no protein\n")
        found["no protein"] = str(folder / "broken")
        twice = write_complexes(folder / "twice", self.bundle, 3)
        (twice / "c1_ligand.pdb").write_text(pdb(self.bundle[0]))
        found["one side twice"] = str(twice)
        return found

    def test_docks_from_the_command_line(self, run, command, tmp_path):
        files = [f"{run.data}/c0_{side}_b.pdb" for side in "lr"]
        command("dock", *files, "--checkpoint", run.folder, "--output", tmp_path / "out")
        (model,) = json.loads((tmp_path / "out" / "scores.json").read_text())["models"]
        assert model["score"] is None
        assert (tmp_path / "out" / "scores.csv").read_text().splitlines()[1].startswith("1,,0,")
        assert ">score</th>" not in next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
        R, t = np.array(model["rotation"]), np.array(model["translation"])
        assert np.allclose(R @ R.T, np.eye(3), atol=1e-10)
        ligand, receptor = (read_structure(path).structure.alpha_carbon_coordinates for path in files)
        assert model["clashes"] == count_clashes(ligand @ R.T + t, receptor) == 0
        said = command("dock", *files, "--checkpoint", run.folder, "--potential", "x.json", code=2)
        assert "--potential cannot be given with --checkpoint" in said.err

    def test_the_report_has_the_measures_and_curves(self, run):
        page = run.task.report(run.job, run.result, run.folder).read_text(encoding="utf-8")
        for text in ("complex RMSD", "medians of RMSD", "without clashes", "EquiDock, 2 layers", "<svg"):
            assert text in page

    def test_motions_are_bi_equivariant_and_swap(self, run, random_motion):
        predictor = load(run.result.best)
        ligand, receptor = (bent(structure, 7) for structure in self.bundle)
        matrix = predictor.motion(ligand, receptor)
        (R1, t1), (R2, t2) = random_motion(1), random_motion(2)
        g1, g2 = np.eye(4), np.eye(4)
        g1[:3, :3], g1[:3, 3], g2[:3, :3], g2[:3, 3] = R1, t1, R2, t2
        moved = predictor.motion(ligand.moved(R1, t1), receptor.moved(R2, t2))
        assert np.abs(moved - g2 @ matrix @ np.linalg.inv(g1)).max() < 1e-3  # angstrom; the network is float32
        assert np.abs(predictor.motion(receptor, ligand) - np.linalg.inv(matrix)).max() < 1e-3

    def test_predictions_of_a_folder_are_those_of_its_pairs(self, run, tmp_path):
        predictor = load(run.result.best)
        assert predictor.predict(run.data, output=tmp_path / "a.csv") == 5
        rows = list(csv.DictReader((tmp_path / "a.csv").open()))
        each = read_complexes(run.folder.parent / "data" / "complexes").complexes[2]
        found = predictor.predict((each.ligand, each.receptor))
        numbers = np.array([float(rows[2][f"m{i}{j}"]) for i in range(1, 4) for j in range(1, 5)])
        assert np.allclose(numbers, found["matrix"][0, :3].flatten(), atol=1e-6)
        assert rows[2]["complex"] == "c2"
        with pytest.raises(UsageError, match="two structures"):
            predictor.predict([(each.ligand, "b.pdb")])


def test_lists_of_a_folder_are_its_split(bundle, tmp_path):
    folder = write_complexes(tmp_path / "a", bundle, 5)
    (folder / "splits").mkdir()
    for part, names in (("train", "c3 c0"), ("val", "c1"), ("test", "c4 absent")):
        (folder / "splits" / f"{part}.txt").write_text(names.replace(" ", "\n"))
    complexes = read_complexes(folder)
    split, origin = split_complexes(folder, complexes, dict.fromkeys(("train", "validation", "test")), 0)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([3, 0], [1], [4])
    assert "lists" in origin
    split, origin = split_complexes(folder, complexes, {"train": 2, "validation": 1, "test": 1}, 3)
    assert (len(split.train), origin) == (2, "seed 3")
    (folder / "splits" / "val.txt").write_text("c0")
    with pytest.raises(UsageError, match="c0 is listed for training and for another part"):
        split_complexes(folder, complexes, dict.fromkeys(("train", "validation", "test")), 0)
    (folder / "splits" / "val.txt").write_text("c9")
    with pytest.raises(UsageError, match="no complex that is listed for validation"):
        split_complexes(folder, complexes, dict.fromkeys(("train", "validation", "test")), 0)


def test_complexes_of_one_group_stay_together(bundle, tmp_path, monkeypatch):
    """c0 ... c8 become target0-pose0 ... target2-pose2."""
    monkeypatch.chdir(tmp_path)
    folder = write_complexes(Path("poses"), bundle, 9)
    for path in sorted(folder.iterdir()):
        number, rest = int(path.name[1]), path.name[2:]
        path.rename(folder / f"target{number // 3}-pose{number % 3}{rest}")
    given = {"data": "poses", **SMALL, "validation": "3", "test": "3"}
    options = get("dock").options

    def prepare(**values):
        return get("dock").prepare(options.from_values("dock", {**given, **values}))

    job = prepare(group_by=r"target(\d)")
    parts = [{k // 3 for k in job.split[part]} for part in ("train", "validation", "test")]
    assert [len(job.split[part]) for part in ("train", "validation", "test")] == [3, 3, 3]
    assert [len(part) for part in parts] == [1, 1, 1]
    assert any(len({k // 3 for k in prepare().split[part]}) > 1 for part in ("train", "validation", "test"))
    with pytest.raises(UsageError, match='--group-by "nothing" is not found in "target0-pose0"'):
        prepare(group_by="nothing")
    with pytest.raises(UsageError, match="is not a regular expression"):
        prepare(group_by="(")
    (folder / "train.txt").write_text("target0-pose0")
    with pytest.raises(UsageError, match="prescribes the split; leave --group-by out"):
        split_complexes(folder, read_complexes(folder), dict.fromkeys(("train", "validation", "test")), 0, "target")


def test_files_of_other_names_do_not_count(bundle, tmp_path):
    folder = write_complexes(tmp_path / "a", bundle, 2)
    for name in ("c0_l_u.pdb", "readme.txt", "c0.pdb", "d_ligand.cif", "d_receptor.pdb.gz"):
        (folder / name).write_text("")
    assert [(each.name, each.ligand.name) for each in find_complexes(folder)] == [
        ("c0", "c0_l_b.pdb"),
        ("c1", "c1_l_b.pdb"),
        ("d", "d_ligand.cif"),
    ]


def test_a_complex_that_cannot_be_read_is_skipped(bundle, tmp_path):
    folder = write_complexes(tmp_path / "a", bundle, 3)
    (folder / "c1_r_b.pdb").write_text("nothing\n")
    found = read_complexes(folder)
    assert (found.names, [name for name, _ in found.skipped]) == (["c0", "c2"], ["c1"])
    with pytest.raises(UsageError, match="c1_r_b"):
        read_complexes(folder, strict=True)
    assert found.select(torch.tensor([1])).names == ["c2"]


def test_proteins_that_do_not_touch_are_no_complex(bundle, tmp_path):
    folder = write_complexes(tmp_path / "a", bundle, 3)
    (folder / "c1_l_b.pdb").write_text(pdb(bundle[0].moved(np.eye(3), np.array([0.0, 0.0, 90.0]))))
    found = read_complexes(folder)
    assert (found.names, [name for name, _ in found.skipped]) == (["c0", "c2"], ["c1"])
    with pytest.raises(UsageError, match="c1: ligand and receptor do not touch"):
        read_complexes(folder, strict=True)


def test_backbone_of_whole_residues(bundle):
    ligand = bundle[0]
    lost = int(np.flatnonzero(ligand.atom_names == "N")[3])
    kept = np.arange(len(ligand.atom_names)) != lost
    cut = type(ligand)(
        "cut", ligand.coordinates[kept], ligand.atom_names[kept], ligand.residue_of_atom[kept], ligand.residue_names,
        ligand.chains, ligand.numbers, ligand.insertion_codes,
    )  # fmt: skip
    found = backbone(cut)
    assert found.rows.tolist() == [k for k in range(ligand.residues) if k != 3]
    assert [RESIDUES[k] for k in found.types.tolist()] == ligand.residue_names[found.rows].tolist()
    assert np.array_equal(found.positions[:, 1].numpy(), ligand.alpha_carbon_coordinates[found.rows])


def test_the_interface_is_where_alpha_carbons_are_near(bundle):
    points = complex_points(Complex("a", *bundle))
    graphs = complex_graphs(points, 4)
    one, two = (side.alpha_carbon_coordinates for side in bundle)
    pairs = [(a + b) / 2 for a in one for b in two if np.linalg.norm(a - b) < 8]
    assert len(pairs) > 3
    center = two.mean(0)
    assert np.allclose(graphs.pocket.numpy(), np.array(pairs) - center, atol=1e-4)
    touching = np.linalg.norm(one[:, None] - two, axis=2) < 8
    assert [site.tolist() for site in graphs.sites] == [touching.any(1).tolist(), touching.any(0).tolist()]
    shifts = torch.zeros(len(one) + len(two), 3)
    shifts[1], shifts[len(one) + 2] = torch.tensor([50.0, 0, 0]), torch.tensor([0, 60.0, 0])
    noisy = complex_graphs(points, 4, shifts)
    assert torch.allclose(noisy.ligand.positions - graphs.ligand.positions, shifts[: len(one)], atol=1e-4)
    assert torch.allclose(noisy.receptor.positions - graphs.receptor.positions, shifts[len(one) :], atol=1e-4)
    assert torch.equal(noisy.pocket, graphs.pocket)


def test_noise_is_a_function_of_seed_and_example(run_options):
    job = run_options(noise=0.5)
    one, same, other = (job.train_batch(torch.tensor([k]), seed)[0] for k, seed in ((1, 3), (1, 3), (1, 4)))
    assert torch.equal(one.ligand.positions, same.ligand.positions)
    assert not torch.equal(one.ligand.positions, other.ligand.positions)
    still = run_options(noise=0.0).train_batch(torch.tensor([1]), 3)[0]
    shift = one.ligand.positions - still.ligand.positions
    assert 0.3 < float(shift.std()) < 0.7


@pytest.fixture
def run_options(bundle, tmp_path):
    """The job of some options on five complexes."""
    folder = write_complexes(tmp_path / "complexes", bundle, 5)

    def prepare(**values):
        options = get("dock").options.from_values("dock", {"data": str(folder), **SMALL, **values})
        return get("dock").prepare(options)

    return prepare


def test_a_run_of_before_is_used_but_not_resumed(run_options):
    """It has no noise, no weight of sites and no dropout in its configuration."""
    task, job = get("dock"), run_options()
    config = {name: value for name, value in job.config.items() if name != "noise"}
    config["network"] = {name: value for name, value in config["network"].items() if name != "dropout"}
    config["loss"] = {name: value for name, value in config["loss"].items() if name != "sites"}
    assert task.predictor_type().build_model(config).dropout.p == 0
    with pytest.raises(UsageError, match=r"cannot go on; train again: intertwine fit dock .* --config"):
        task.build(config, job.split)


def test_measures_of_the_true_motion_are_perfect(run_of_truth):
    found = run_of_truth
    assert found["network"].complex_rmsd < 1e-6
    assert found["network"].dockq > 0.999


@pytest.fixture
def run_of_truth(bundle, monkeypatch):
    """Measures of a predictor that knows the answer, whatever motions were made before."""
    from intertwine.data import Split
    from intertwine.tasks.dock import superposition
    from intertwine.tasks.dock.equidock import DockPredictor

    network = {"hidden": 8, "layers": 1, "keypoints": 4, "neighbors": 4}
    config = {"network": network, "data": {"source": "", "given": ""}, "seed": 0}
    empty = torch.zeros(0, dtype=torch.long)
    predictor = DockPredictor(DockPredictor.build_model(config), config, Split(0, empty, empty, empty, 0))

    def known(ligand, receptor, kind):
        assert kind == "network"
        R1, t1 = superposition(ligand.coordinates, bundle[0].coordinates)
        R2, t2 = superposition(receptor.coordinates, bundle[1].coordinates)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = R2.T @ R1, R2.T @ (t1 - t2)
        return matrix

    monkeypatch.setattr(predictor, "motion", known)
    return predictor.measured(Complex("a", *bundle), 3, ("network",))


def test_the_set_knows_its_size(bundle):
    assert len(ComplexSet((Complex("a", *bundle),))) == 1


def test_the_table_of_measures_by_hand():
    nan = float("nan")
    rows = [
        PoseMeasures(1.0, 2.0, 0.5, 0, 1.0),
        PoseMeasures(4.0, nan, 0.1, 3, 2.0),
        PoseMeasures(9.0, 6.0, 0.2, 2, 4.0),
    ]
    found = as_evaluation({"network": rows}, ["a", "b", "c"], "three")
    assert found.rows == (("network", "4.00", "33 %", "67 %", "4.00", "50 %", "33 %", "33 %", "1.7", "2.00"),)
    assert len(found.columns) == len(found.rows[0])
    assert found.details[0][1][1] == ("b", "4.00, 3")
    assert found.metrics["network"]["interface_rmsd"] == [2.0, None, 6.0]
    json.dumps(found.metrics, allow_nan=False)


def test_a_ligand_anywhere_in_the_receptor_gets_out(bundle, random_motion):
    ligand, receptor = (torch.from_numpy(side.alpha_carbon_coordinates) for side in bundle)
    for seed in range(8):
        R = torch.from_numpy(random_motion(seed)[0])
        placed = (ligand - ligand.mean(0)) @ R.mT + receptor.mean(0)
        motion = separate(placed, receptor)
        assert torch.cdist(placed @ motion.rotation.mT + motion.translation, receptor).min() >= 3
