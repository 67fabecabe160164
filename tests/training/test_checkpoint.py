import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import save
from torch import nn
from training_toys import SILENT, Toy

from intertwine._errors import UsageError
from intertwine.training import Settings, fit, load_checkpoint, load_run
from intertwine.training.checkpoints._checkpoint import checksum


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "x"
    job = Toy()
    outcome = fit(job, folder, Settings(epochs=2, batch_size=8, ema=0.9, learning_rate=0.01), console=SILENT)
    return folder, job, outcome


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "x")
    return tmp_path / "x"


def rewrite(folder, **changes):
    path = folder / "checkpoint.json"
    record = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({**record, "checksum": checksum(record)}))


def complaint(folder):
    with pytest.raises(UsageError) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_folder_and_a_checkpoint_folder_can_be_loaded(run, trained):
    checkpoint = load_checkpoint(run)
    assert checkpoint.folder == run / "best"
    assert checkpoint.task == "toy"
    assert checkpoint.config == {"hidden": 8, "dropout": 0.0}
    assert checkpoint.split == {"train": 50, "validation": 11, "seed": 0}
    assert checkpoint.monitor == "mae"
    assert checkpoint.metrics["mae"] == min(row["mae"] for row in trained[2].history)
    assert checkpoint.versions["conventions"] == 1
    assert load_checkpoint(str(run / "last")).epoch == 2
    shutil.rmtree(run / "best")
    assert load_checkpoint(run).folder == run / "last"


def test_the_metrics_are_those_of_the_saved_weights(run):
    job, checkpoint = Toy(), load_checkpoint(run / "last")
    checkpoint.load_into(job.model)
    job.model.eval()
    with torch.no_grad():
        total, count = job.metrics(job.validation_batch(torch.arange(11)))["mae"]
    assert float(total) / count == pytest.approx(checkpoint.metrics["mae"], rel=1e-6)


def test_a_checkpoint_that_was_being_replaced_is_found(run):
    (run / "last").rename(run / "last.old")
    assert load_checkpoint(run / "last").folder == run / "last.old"
    (run / "best").rename(run / "best.old")
    assert load_checkpoint(run).folder == run / "best.old"


def test_what_is_missing_is_named(run, tmp_path):
    assert "no such folder" in complaint(tmp_path / "nowhere")
    assert "is a file" in complaint(run / "config.json")
    (tmp_path / "empty").mkdir()
    assert "is not a checkpoint: it has no checkpoint.json" in complaint(tmp_path / "empty")
    for name in ("model.safetensors", "split.json"):
        shutil.copytree(run / "best", tmp_path / name)
        (tmp_path / name / name).unlink()
        assert f"it has no {name}" in complaint(tmp_path / name)
    shutil.rmtree(run / "best")
    shutil.rmtree(run / "last")
    assert "has no checkpoint yet" in complaint(run)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not json"])
def test_damaged_json(run, content):
    (run / "best" / "checkpoint.json").write_bytes(content)
    assert "checkpoint.json is damaged" in complaint(run)


def test_foreign_json(run):
    path = run / "best" / "checkpoint.json"
    path.write_text('["a list"]')
    assert "a JSON object was expected" in complaint(run)
    path.write_text('{"epoch": 3}')
    assert "was not written by intertwine" in complaint(run)


@pytest.mark.parametrize(("field", "value"), [("task", 3), ("epoch", None), ("metrics", []), ("sha256", "none")])
def test_a_field_of_the_wrong_kind(run, field, value):
    rewrite(run / "best", **{field: value})
    assert f'"{field}" is missing or not what it should be' in complaint(run)


def test_other_versions(run):
    rewrite(run / "best", conventions=2, intertwine="0.9.0")
    message = complaint(run)
    assert "conventions 2" in message
    assert "this intertwine 0.1.0 has conventions 1" in message
    rewrite(run / "best", format=99)
    assert "format 99" in complaint(run)


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_damaged_weights(run, damage):
    path = run / "best" / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    assert "model.safetensors is damaged" in complaint(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["config"].update(hidden=5),
        lambda record: record["metrics"].update(mae=0.0),
        lambda record: record.update(epoch=7),
        lambda record: record["sha256"].update({"split.json": "0" * 64}),
        lambda record: record.pop("checksum"),
    ],
)
def test_a_change_of_the_configuration_is_noticed(run, change):
    path = run / "best" / "checkpoint.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    message = complaint(run / "best")
    assert "checkpoint.json is damaged: its content is not what was saved" in message
    assert str(run / "last") in message


def test_the_same_metadata_in_another_layout_are_the_same(run):
    path = run / "best" / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))
    assert load_checkpoint(run).epoch > 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(run, value):
    weights = load_checkpoint(run / "best").weights
    weights["0.bias"][3] = value
    content = save(weights)
    (run / "best" / "model.safetensors").write_bytes(content)
    sums = json.loads((run / "best" / "checkpoint.json").read_text())["sha256"]
    rewrite(run / "best", sha256={**sums, "model.safetensors": hashlib.sha256(content).hexdigest()})
    assert "1 of 8 numbers of 0.bias are NaN or infinite" in complaint(run / "best")


def test_weights_whose_checksum_is_right_and_content_is_not(run):
    (run / "best" / "model.safetensors").write_bytes(b"\x08" + bytes(7) + b"nonsense")
    record = json.loads((run / "best" / "checkpoint.json").read_text())
    sums = {**record["sha256"], "model.safetensors": hashlib.sha256(b"\x08" + bytes(7) + b"nonsense").hexdigest()}
    rewrite(run / "best", sha256=sums)
    assert "model.safetensors is damaged" in complaint(run)


def test_a_damaged_state_is_not_resumed_and_nothing_is_lost(run):
    (run / "last" / "resume.pt").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"resume.pt is damaged"):
        fit(Toy(), run, Settings(epochs=4, batch_size=8), resume=True, console=SILENT)
    assert load_checkpoint(run / "last").epoch == 2


def test_weights_that_do_not_fit(run):
    checkpoint = load_checkpoint(run)
    before = nn.Sequential(nn.Linear(3, 9), nn.Linear(8, 1))
    weights = {name: value.clone() for name, value in before.state_dict().items()}
    with pytest.raises(UsageError) as caught:
        checkpoint.load_into(before)
    message = str(caught.value)
    assert "it lacks 1.bias, 1.weight" in message
    assert "the model has no 3.bias, 3.weight" in message
    assert "0.bias has shape (8,) there and (9,) in the model" in message
    assert "(and 1 more)" in message
    assert all(torch.equal(weights[name], value) for name, value in before.state_dict().items())


def test_the_run_says_how_it_was_trained(run, tmp_path):
    for folder in (run, run / "best", str(run / "last")):
        found = load_run(folder)
        assert found.settings == Settings(epochs=2, batch_size=8, ema=0.9, learning_rate=0.01)
        assert (found.task, found.config) == ("toy", {"hidden": 8, "dropout": 0.0})
        assert found.folder == run
    with pytest.raises(UsageError, match="not a run folder"):
        load_run(tmp_path)
    for content in ("{", '{"task": "toy"}', '{"task": "toy", "config": {}, "settings": {"epochs": -1}}'):
        (run / "config.json").write_text(content)
        with pytest.raises(UsageError, match=r"config.json is damaged"):
            load_run(run)
