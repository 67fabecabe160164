"""The task on networks: conformance, bad folders, and what a model of weights learns."""

import csv
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import intertwine
from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.data import NetworkSet, read_networks, read_state_dict
from intertwine.nn import Sine
from intertwine.tasks.weights import WeightOptions
from intertwine.testing import TaskTests


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tiny(seed, shift=0.0, hidden=4):
    """A network whose first bias tells its class."""
    generator = seeded(seed)
    network = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    state = {key: torch.randn(t.shape, generator=generator) for key, t in network.state_dict().items()}
    state["2.bias"] = torch.full((1,), shift) + 0.1 * state["2.bias"]
    return state


def write_folder(folder, numbers=False):
    """Twenty networks with labels.csv, in both formats."""
    rows = []
    for k in range(24):
        name = f"{k}.safetensors" if k % 2 else f"sub/{k}.pt"
        state = tiny(k, float(k % 3 - 1))
        (folder / "sub").mkdir(exist_ok=True)
        if k % 2:
            save_file(state, folder / name)
        else:
            torch.save({"state_dict": state, "epoch": 3}, folder / name)
        rows.append((name, f"{k % 3 + 0.5 * numbers}"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *rows])
    return folder


class TestWeights(TaskTests):
    task = "weights"
    options = {"hidden": 4, "layers": 1, "activation": "tanh", "augment": "rotate+shift"}  # noqa: RUF012

    def make_data(self, folder):
        return str(write_folder(folder))

    def make_bad_data(self, folder):
        bad = dict(super().make_bad_data(folder))
        one = folder / "one"
        one.mkdir()
        torch.save(tiny(0), one / "a.pt")
        (one / "labels.csv").write_text("file,label\na.pt,1.5\n")
        return {**bad, "one network": str(one)}


class TestNumbers(TaskTests):
    task = "weights"
    options = {"hidden": 4, "layers": 1, "labels": "numbers", "model": "attention"}  # noqa: RUF012
    epochs = 1

    def make_data(self, folder):
        return str(write_folder(folder, numbers=True))


def prepare(folder, **options):
    checked = WeightOptions(data=str(folder), hidden=4, layers=1, **options)
    checked.check()
    return tasks.get("weights").prepare(checked)


class TestFolders:
    def test_pickled_checkpoint_is_refused(self, tmp_path):
        write_folder(tmp_path)
        torch.save(nn.Linear(2, 1), tmp_path / "1.pt")
        (tmp_path / "labels.csv").write_text("file,label\n1.pt,a\nsub/2.pt,b\n")
        with pytest.raises(UsageError, match=r"could run code.*state_dict\(\)") as caught:
            prepare(tmp_path)
        assert "\n" not in str(caught.value)

    def test_a_pickle_is_not_run(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (open, (str(tmp_path / "ran"), "w"))

        (tmp_path / "a.pt").write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(UsageError):
            read_state_dict(tmp_path / "a.pt")
        assert not (tmp_path / "ran").exists()

    def test_mixed_architectures(self, tmp_path):
        write_folder(tmp_path)
        torch.save(tiny(0, hidden=5), tmp_path / "sub" / "0.pt")
        with pytest.raises(UsageError, match=r"2 architectures: 1: 23 as .*\(4x2, 1x4\); 2: 1 as 0.pt \(5x2, 1x5\)"):
            prepare(tmp_path)
        assert prepare(tmp_path, architecture=1).config["data"]["networks"] == 23
        with pytest.raises(UsageError, match="--architecture 3"):
            prepare(tmp_path, architecture=3)

    def test_one_network(self, tmp_path):
        torch.save(tiny(0), tmp_path / "0.pt")
        (tmp_path / "labels.csv").write_text("file,label\n0.pt,a\n")
        with pytest.raises(UsageError, match="one network only"):
            prepare(tmp_path)

    def test_networks_that_are_not_finite_are_named(self, tmp_path):
        write_folder(tmp_path)
        torch.save(tiny(0) | {"0.bias": torch.full((4,), float("nan"))}, tmp_path / "sub" / "0.pt")
        (tmp_path / "sub" / "2.pt").write_bytes(b"not a checkpoint")
        skipped = dict(read_networks(tmp_path).skipped)
        assert skipped["sub/0.pt"] == '"0.bias" has a number that is not finite'
        assert "not a checkpoint" in skipped["sub/2.pt"]
        with pytest.raises(UsageError, match=r"0\.pt"):
            read_networks(tmp_path, strict=True)

    def test_labels(self, tmp_path):
        write_folder(tmp_path)
        table = tmp_path / "labels.csv"
        table.write_text("file,label\nmissing.pt,1\n")
        with pytest.raises(UsageError, match=r'no checkpoint "missing.pt"'):
            prepare(tmp_path)
        table.write_text("file,label\n1.safetensors,1\n1.safetensors,2\n")
        with pytest.raises(UsageError, match=r'"1.safetensors" has two rows'):
            prepare(tmp_path)
        table.unlink()
        with pytest.raises(UsageError, match=r"no labels: expected labels.csv"):
            prepare(tmp_path)

    def test_a_folder_for_each_class_and_a_prescribed_split(self, tmp_path):
        for k in range(12):
            folder = tmp_path / "ab"[k % 2]
            folder.mkdir(exist_ok=True)
            torch.save(tiny(k), folder / f"{k}.pt")
        assert read_networks(tmp_path).label_names["classes"] == ("a", "b")
        rows = [f"{'ab'[k % 2]}/{k}.pt,{k % 2},{('train', 'val', 'test')[k // 2 % 3]}" for k in range(12)]
        (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
        split = read_networks(tmp_path).make_split()
        assert [len(part) for part in (split.train, split.validation, split.test)] == [4, 4, 4]

    def test_not_a_feed_forward_network(self, tmp_path):
        for k in range(4):
            torch.save({"rnn.weight_hh": torch.zeros(3, 3)}, tmp_path / f"{k}.pt")
        (tmp_path / "labels.csv").write_text("file,label\n" + "\n".join(f"{k},{k % 2}" for k in range(4)))
        with pytest.raises(UsageError, match=r'"rnn.weight_hh" of shape'):
            prepare(tmp_path)


def sines(count, seed=0):
    """Sine networks x -> a sin(w x) in hidden features with random signs and order; the label is w."""
    generator = seeded(seed)
    omega = 0.5 + 2 * torch.rand(count, generator=generator)
    sign = torch.where(torch.rand(count, 3, generator=generator) < 0.5, -1.0, 1.0)
    factors = torch.stack([omega, 2 * omega, torch.ones_like(omega)], 1)
    order = torch.argsort(torch.rand(count, 3, generator=generator), 1)
    first = (sign * factors).gather(1, order)[..., None]
    last = (sign * torch.tensor([1.0, 0.5, 0.0])).gather(1, order)[:, None]
    weights = {"0.weight": first, "0.bias": torch.zeros(count, 3), "2.weight": last, "2.bias": torch.zeros(count, 1)}
    return weights, omega


def test_the_frequency_of_a_sine_is_learned(tmp_path):
    """Against the spread of the frequencies; permuted and with signs turned the prediction stays."""
    weights, omega = sines(160)
    for k in range(160):
        save_file({key: tensor[k].contiguous() for key, tensor in weights.items()}, tmp_path / f"{k}.safetensors")
    rows = [f"{k},{float(omega[k])}" for k in range(160)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]))
    options = {"hidden": 12, "layers": 2, "epochs": 20, "batch_size": 16, "learning_rate": 0.01, "activation": "sine"}
    run = intertwine.fit("weights", str(tmp_path), output=str(tmp_path / "run"), frequency=1.0, **options)
    model = intertwine.load(run.best)
    found = model.evaluate().metrics["given"]
    assert found["mae"] < 0.25 * float(omega.std())
    assert found["tau"] > 0.8
    state = {key: tensor[0] for key, tensor in weights.items()}
    moved = {"0.weight": -state["0.weight"].flip(0), "0.bias": state["0.bias"], "2.bias": state["2.bias"]}
    moved["2.weight"] = -state["2.weight"].flip(1)
    same = model.predict([state, moved])["value"]
    assert same[0] == pytest.approx(same[1], rel=1e-4)
    with pytest.raises(UsageError, match="another architecture"):
        model.predict({**state, "0.weight": torch.zeros(3, 2)})
    with pytest.raises(UsageError, match="expected modules or state dicts"):
        model.predict(3)
    network = nn.Sequential(nn.Linear(1, 3), Sine(1.0), nn.Linear(3, 1))
    assert len(model.predict(network)["value"]) == 1


def test_a_plain_model_fails_the_audit(tmp_path):
    folder = write_folder(tmp_path)
    run = intertwine.fit(
        "weights", str(folder), output=str(tmp_path / "run"), epochs=1, hidden=2, layers=1, model="plain"
    )
    model = intertwine.load(run.best)
    assert not model.claims_symmetry
    assert model.audit().max_error > 1e-3


def test_sets():
    with pytest.raises(ValueError, match="one length"):
        NetworkSet({"a": torch.zeros(2, 1), "b": torch.zeros(3, 1)})
    assert NetworkSet({"a": torch.zeros(2, 3)}).num_weights == 3
