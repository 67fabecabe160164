"""What commands check, say and return around a model: with stubs in its place, so that nothing is trained."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from intertwine._errors import UsageError
from intertwine.cli import _checkpoint, _options, _usage
from intertwine.cli.commands import _audit, _data, _evaluate, _export, _list_runs, _predict
from intertwine.cli.commands import _python_model as python_model


@dataclass
class Report:
    error: float = 1e-6
    tolerance: float = 1.0
    seen: dict = field(default_factory=dict)

    @property
    def passed(self):
        return self.error <= self.tolerance

    def __str__(self):
        return f"the report {self.tolerance:g}"

    def to_json(self, path):
        path.write_text("{}")

    def to_html(self, path, origin=()):
        path.write_text("<p>")


class Predictor:
    """Remembers what it was asked."""

    suffixes, config, kind = (".csv", ".npz"), {"data": {"source": "own"}}, "structures"

    def __init__(self, **results):
        self.results, self.calls = results, {}

    def audit(self, data, settings):
        self.calls["audit"] = data, settings.samples, settings.seed
        return Report(self.results.get("error", 1e-6))

    def export(self, path, format, *, force):
        path.write_bytes(b"12345")
        self.calls["export"] = path, format, force
        return self.results["exported"]

    def check_output(self, path, *, force, source):
        self.calls["check_output"] = path, force, source

    def predict(self, data, **options):
        self.calls["predict"] = data, {name: value for name, value in options.items() if name != "progress"}
        return 1234

    def check_protocols(self, protocols):
        self.calls["protocols"] = tuple(protocols)

    def progress_unit(self, data):
        return "files"

    def load(self, data, report):
        self.calls["load"] = data
        return ["examples"], "name"

    def measure(self, examples, name, **options):
        self.calls["measure"] = name, {key: value for key, value in options.items() if key != "progress"}
        details = ((("class", "recall"), (("cup", "50 %"),)),)
        return SimpleNamespace(
            columns=("rotation", "accuracy"), rows=(("none", "80 %"),), details=details, notes=("a note",),
            metrics={"accuracy": 0.8},
        )  # fmt: skip


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """Put a predictor in the place of the checkpoint `tmp_path/run/best`."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run" / "best"
    folder.mkdir(parents=True)

    def make(module, name="best", **results):
        predictor, loaded = Predictor(**results), SimpleNamespace(folder=folder.with_name(name), epoch=3)
        monkeypatch.setattr(module, "restore", lambda checkpoint: (predictor, loaded))
        for check in ("check_folder", "check_data"):
            monkeypatch.setattr(module, check, lambda value: None, raising=False)
        return predictor

    return make


def test_audit(stub, tmp_path, capsys):
    predictor = stub(_audit)
    assert _audit.audit("x", "data", 1e-5, 7, 3) == 0
    assert predictor.calls["audit"] == ("data", 7, 3)
    assert (tmp_path / "run" / "audit.json").exists()
    assert (tmp_path / "run" / "audit.html").exists()
    text = capsys.readouterr().out
    assert "the report 1e-05" in text
    assert re.search(r"^written +.*audit\.json", text, re.MULTILINE)
    assert re.search(r"^page +.*audit\.html", text, re.MULTILINE)
    stub(_audit, error=1e-4)
    assert _audit.audit("x", output="deep/folder") == 1
    assert (tmp_path / "deep" / "folder" / "audit.json").exists()


def test_audit_without_matplotlib(stub, tmp_path, capsys, monkeypatch):
    stub(_audit)
    monkeypatch.setattr(_audit, "find_spec", lambda name: None)
    assert _audit.audit("x") == 0
    assert (tmp_path / "run" / "audit.json").exists()
    assert not (tmp_path / "run" / "audit.html").exists()
    text = capsys.readouterr().out
    assert re.search(r'^note +the page with plots needs matplotlib: pip install "intertwine\[report\]"', text, re.M)
    assert not re.search(r"^page", text, re.M)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"rep_in": "1x0e"}, "--rep-in and --rep-out are for a model in Python; a checkpoint declares its own"),
        ({"rep_out": "1x0e"}, "--rep-in and --rep-out are for a model in Python"),
        ({"output": "  "}, '--output expects a folder, got ""'),
        ({"output": "file"}, "--output expects a folder for audit.json and audit.html, file is a file"),
        ({"tolerance": 0.0}, "--tolerance expects a positive number, got 0"),
        ({"samples": 0}, "--samples expects a positive number, got 0"),
        ({"seed": -1}, "--seed expects a whole number from 0 to 2^63 - 1, got -1"),
    ],
)
def test_audit_refuses_before_the_model_is_read(options, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(_audit, "restore", None)
    with pytest.raises(UsageError, match=re.escape(line)):
        _audit.audit("nothing", **options)


def test_the_defaults_of_audit():
    assert _audit.audit.__defaults__ == (None, 1e-5, 64, 0, None, None, None, "O3")


@pytest.mark.parametrize(("passed", "code", "word"), [(True, 0, "PASS"), (False, 1, "FAIL")])
def test_export(stub, tmp_path, capsys, passed, code, word):
    checks = [SimpleNamespace(value=2e-3, text="of something")]
    exported = SimpleNamespace(difference=3e-7, equivariance=None, group="O(3)", checks=checks, passed=passed)
    predictor = stub(_export, exported=exported)
    assert _export.export("x") == code
    assert predictor.calls["export"] == (tmp_path / "run" / "model.pt2", "torch", True)
    text = " ".join(capsys.readouterr().out.split())
    assert "5 bytes" in text
    assert f"audit {word} from the file: 3.0e-07 from the checkpoint's outputs, 2.0e-03 of something" in text
    exported.equivariance, exported.checks = 4e-6, []
    assert _export.export("x", output="other.bin") == code
    assert predictor.calls["export"] == (Path("other.bin"), "torch", False)
    assert "outputs, 4.0e-06 under O(3)" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match="--force"):
        _export.export("x", output="other.bin")
    assert _export.export("x", output="other.bin", force=True) == code
    assert predictor.calls["export"][2] is True


def test_predict(stub, capsys, tmp_path):
    predictor = stub(_predict)
    (tmp_path / "new.xyz").write_text("")
    assert _predict.predict("x", "new.xyz") == 0
    assert predictor.calls["check_output"] == (Path("new-predictions.csv"), False, "new.xyz")
    options = {"output": Path("new-predictions.csv"), "force": False, "batch_size": None, "strict": False}
    assert predictor.calls["predict"] == ("new.xyz", options)
    assert "new-predictions.csv, 1,234 structures" in " ".join(capsys.readouterr().out.split())
    assert _predict.predict("x", "", batch_size=5, strict=True, force=True) == 0
    assert predictor.calls["predict"][1] == options | {
        "output": Path("shapes-predictions.csv"), "batch_size": 5, "strict": True, "force": True,
    }  # fmt: skip
    for wrong, line in (
        ({"output": " "}, "--output expects the name"),
        ({"batch_size": 0}, "--batch-size expects a pos"),
    ):
        with pytest.raises(UsageError, match=line):
            _predict.predict("x", "new.xyz", **wrong)


def test_evaluate(stub, capsys, tmp_path):
    predictor = stub(_evaluate)
    assert _evaluate.evaluate("x", batch_size=4, seed=9) == 0
    assert predictor.calls["measure"] == ("name", {"batch_size": 4, "seed": 9, "protocols": ()})
    written = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert written == {"checkpoint": str(tmp_path / "run" / "best"), "epoch": 3, "accuracy": 0.8}
    text = capsys.readouterr().out
    for word in ("80 %", "50 %", "a note", "evaluation.json"):
        assert word in text
    assert _evaluate.evaluate("x", "other.xyz", protocol=["z/SO3"], output="mine.json") == 0
    assert predictor.calls["protocols"] == ("z/SO3",)
    assert json.loads(Path("mine.json").read_text())["epoch"] == 3
    with pytest.raises(UsageError, match="--force"):
        _evaluate.evaluate("x", output="mine.json")
    assert _evaluate.evaluate("x", output="mine.json", force=True) == 0
    assert _evaluate.evaluate("x", "other.xyz") == 0
    assert (tmp_path / "run" / "evaluation-other.json").exists()
    stub(_evaluate, name="last")
    assert _evaluate.evaluate("x") == 0
    assert (tmp_path / "run" / "evaluation.last.json").exists()
    for wrong, line in (
        ({"seed": 2**63}, "--seed"),
        ({"batch_size": -1}, "--batch-size"),
        ({"output": ""}, "--output"),
    ):
        with pytest.raises(UsageError, match=line):
            _evaluate.evaluate("x", **wrong)


def test_where_reports_go():
    for name, parent in (("best", True), ("last", True), ("epoch-3", False)):
        folder = Path("runs/a") / name
        assert _checkpoint.run_folder(SimpleNamespace(folder=folder)) == (folder.parent if parent else folder)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (
            lambda v: _options.check_positive("--x", v),
            (5e-324, 2**63 - 1),
            (0, -1, 0.0, float("inf"), float("nan"), 2**63),
        ),
        (_options.check_samples, (1, 100_000), (0, 100_001, -5)),
        (_options.check_batch_size, (None, 1, 1_000_000), (0, 1_000_001)),
        (_options.check_seed, (0, 2**63 - 1), (-1, 2**63)),
        (lambda v: _options.check_named("--x", v), (None, "a", " a"), ("", " ")),
        (_options.check_data, (None, "qm9"), ("no such data",)),
    ],
)
def test_bounds_of_shared_options(check, good, bad):
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(UsageError):
            check(value)


def run(name, **more):
    given = {
        "folder": Path(name), "task": "classify", "data": "scans", "epochs": 3, "planned": 60, "seconds": 90.0,
        "started": "2026-01-02T03:04:05", "monitor": "loss", "metrics": {"loss": 0.123456, "acc": 0.5}, "options": {},
    }  # fmt: skip
    return SimpleNamespace(**{**given, **more})


def test_lists_of_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(_list_runs, "find_runs", lambda folder: [run("a"), run("b", started="", metrics={"acc": 1.0})])
    assert _list_runs.runs([tmp_path]) == 0
    text = capsys.readouterr().out
    for word in ("3/60", "loss 0.1235", "1.5", "2026-01-02 03:04"):
        assert word in text
    assert "T03" not in text
    assert text.splitlines()[-1].split()[-2:] == ["1.5", "-"]
    monkeypatch.setattr(_list_runs, "find_runs", lambda folder: [])
    assert _list_runs.runs([tmp_path]) == 0
    assert f"none in {tmp_path}" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(UsageError, match='no run or folder of runs "nothing"'):
        _list_runs.runs([Path("nothing")])


def test_comparisons_of_runs(capsys, monkeypatch, tmp_path):
    found = {"a": run("a"), "b": run("b", metrics={"acc": 0.25}, seconds=6.0)}
    monkeypatch.setattr(_list_runs, "summarize", lambda folder: found[folder.name])
    monkeypatch.setattr(_list_runs, "differing_options", lambda runs: [("epochs", ("1", "2")), ("layers", ("3", "4"))])
    for name in found:
        (tmp_path / name).mkdir()
    assert _list_runs.runs([tmp_path / "a", tmp_path / "b"]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {"minutes 1.5 0.1", "option layers 3 4", "val loss 0.1235 -", "val acc 0.5 0.25"} <= lines
    assert not any(line.startswith("option epochs") for line in lines)
    (tmp_path / "a" / "config.json").write_text("{}")
    monkeypatch.setattr(_list_runs, "differing_options", lambda runs: [])
    assert _list_runs.runs([tmp_path / "a"]) == 0  # one run is compared with nothing
    assert "val loss 0.1235" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("name", "count", "line"),
    [
        ("digit", None, 'no public set "digit"'),
        ("qm9", 5, "--count is for sets that are computed here (mnist-inrs); qm9 is fetched whole"),
        ("mnist-inrs", 0, "--count expects 1 to "),
    ],
)
def test_data_refuses(name, count, line):
    with pytest.raises(UsageError, match=re.escape(line)):
        _data.data(name, count)


def test_bounds_of_sets_that_are_computed(monkeypatch, capsys):
    seen = []
    recipe = SimpleNamespace(make=lambda count, report: seen.append(count), load=None, size=7, description="d")
    monkeypatch.setattr(_data, "RECIPES", {"made": recipe})
    monkeypatch.setattr(_data, "_summary", lambda name, found: [("made", "all of it")])
    for count in (1, 7):
        assert _data.data("made", count) == 0
    assert seen == [1, 7]
    assert "all of it" in capsys.readouterr().out
    for count in (0, 8):
        with pytest.raises(UsageError, match=f"--count expects 1 to 7, got {count}"):
            _data.data("made", count)
    assert _data.data() == 0
    assert capsys.readouterr().out.split() == ["made", "d"]


@pytest.mark.parametrize(
    ("package", "extra"),
    [
        ("lightning", "train"),
        ("safetensors.torch", "train"),
        ("ase.io", "atoms"),
        ("matplotlib", "report"),
        ("PIL", "patterns"),
    ],
)
def test_the_extra_of_a_missing_package(package, extra):
    line = _usage.missing_extra(ModuleNotFoundError("no", name=package))
    assert line.endswith(f'pip install "intertwine[{extra}]"')
    assert _usage.missing_extra(ModuleNotFoundError("no", name="numpyro")) is None
    assert _usage.missing_extra(ModuleNotFoundError("no")) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("m.py:missing", 'm.py has no "missing"; it has model'),
        ("none.py:x", "no file none.py"),
        ("no_such_module_at_all:x", 'no module "no_such_module_at_all"; it is looked for in '),
        (
            "stops.py:x",
            "stops.py cannot be imported: it ends the process, sys.exit(3); put what ends the script under if",
        ),
        ("leaves.py:x", "leaves.py cannot be imported: it ends the process, sys.exit(); put"),
        ("breaks.py:x", "breaks.py cannot be imported: ZeroDivisionError: division by zero"),
        ("empty.py:x", 'empty.py has no "x"; it has nothing to call'),
    ],
)
def test_models_that_cannot_be_imported(text, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = {
        "m": "def model(): ...\n_hidden = len\nsize = 3",
        "stops": "raise SystemExit(3)",
        "leaves": "raise SystemExit",
        "breaks": "1 / 0",
        "empty": "",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    with pytest.raises(UsageError, match=re.escape(line)):
        python_model.load_python_object(text)
    assert python_model.load_python_object("m.py:size") == 3
