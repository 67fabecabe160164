"""The audit of a user's own model from the command line."""

import json

import pytest

from intertwine._errors import UsageError
from intertwine.cli._main import main
from intertwine.cli.commands._audit_callable import FAIL, PASS, audit_callable
from intertwine.cli.commands._python_model import names_callable

MODELS = """
import torch
from torch import nn
from intertwine.groups import O3

class Scale(nn.Module):
    rep_in = rep_out = O3().vector

    def __init__(self, leak=0.0):
        super().__init__()
        self.leak = leak

    def forward(self, x):
        return x * x.norm(dim=-1, keepdim=True) + self.leak

class Leaky(Scale):
    def __init__(self):
        super().__init__(leak=1e-3)

instance = Scale()
norm = lambda x: x.norm(dim=-1, keepdim=True)

def question():
    return norm, O3().vector, O3().trivial

def keywords():
    return {"f": norm, "input_action": O3().vector, "output_action": O3().vector, "samples": 3}

def broken():
    raise KeyError("weights.pt")

def undeclared(x):
    return x

number = 3
"""


@pytest.fixture
def models(tmp_path):
    path = tmp_path / "my_models.py"
    path.write_text(MODELS)
    return path


@pytest.mark.parametrize("name", ["Scale", "instance", "question"])
def test_passes(models, name, capsys):
    assert audit_callable(f"{models}:{name}", samples=8) == PASS
    assert "PASS" in capsys.readouterr().out


def test_fails(models, capsys):
    assert audit_callable(f"{models}:Leaky", samples=8) == FAIL
    assert "FAIL" in capsys.readouterr().out
    assert audit_callable(f"{models}:Leaky", samples=8, tolerance=1.0) == PASS


def test_by_name_of_module(models, monkeypatch, capsys):
    monkeypatch.chdir(models.parent)
    monkeypatch.syspath_prepend(models.parent)
    assert audit_callable("my_models:instance", samples=2) == PASS


def test_full_and_folder(models, tmp_path, capsys):
    assert audit_callable(f"{models}:instance", samples=2, full=True, folder=tmp_path / "out") == PASS
    values = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert set(values["errors"]) >= {"float32", "float64, train, compiled, gradient"}
    assert (tmp_path / "out" / "audit.html").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", 'has no "nothing"; it has '),
        ("broken", r"raised KeyError: 'weights.pt'; it is called without arguments"),
        ("undeclared", "is a function that declares no actions: give it rep_in and rep_out"),
        ("number", "is a int that declares no actions"),
        ("keywords", r"the output does not fit the output action: expected a tensor \(\.\.\., 3\)"),
    ],
)
def test_bad_input(models, name, said):
    with pytest.raises(UsageError, match=said):
        audit_callable(f"{models}:{name}")


def test_no_such_place(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        audit_callable(f"{tmp_path}/none.py:x")
    with pytest.raises(UsageError, match='no module "no_such_module"'):
        audit_callable("no_such_module:x")
    (tmp_path / "bad.py").write_text("1 +")
    with pytest.raises(UsageError, match="cannot be imported: SyntaxError"):
        audit_callable(f"{tmp_path}/bad.py:x")


def test_what_is_a_name(tmp_path):
    assert names_callable("package.module:name")
    assert names_callable("some/file.py:name")
    assert not names_callable("runs/x/best")
    assert not names_callable("runs/x:best")
    folder = tmp_path / "file.py:name"
    folder.mkdir()
    assert not names_callable(str(folder))


ENDINGS = {
    "sys.exit(0)": "it ends the process, sys.exit\\(0\\)",
    "sys.exit()": "it ends the process, sys.exit\\(\\)",
    "sys.exit('bye')": "it ends the process",
    "raise SystemExit": "it ends the process",
    "quit()": "it ends the process",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise GeneratorExit": "GeneratorExit",
    "raise BaseException('odd')": "BaseException: odd",
    "raise MemoryError": "MemoryError",
    "open('/no/such/file')": "FileNotFoundError",
    "raise FileNotFoundError": "FileNotFoundError",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_ends_itself_is_not_audited(tmp_path, ending):
    """Exit code 0 without an audit is a gate that cannot fail."""
    path = tmp_path / "ends.py"
    path.write_text(f"import sys\n{ending}\nx = None\n")
    with pytest.raises(UsageError, match=f"cannot be imported: .*{ENDINGS[ending]}"):
        audit_callable(f"{path}:x")
    assert main(["audit", f"{path}:x"]) == 2


@pytest.mark.parametrize("place", ["factory", "forward"])
def test_a_model_that_ends_the_process(tmp_path, place, capsys):
    path = tmp_path / "ends.py"
    path.write_text(
        """
import sys
from intertwine.groups import O3
def factory(): sys.exit(0)
def forward(x): sys.exit(0)
forward.rep_in = forward.rep_out = O3().vector
"""
    )
    assert main(["audit", f"{path}:{place}"]) == 2
    assert "it ends the process" in capsys.readouterr().err


PEERS = """
import torch
from torch import nn

class Plain(nn.Module):
    def forward(self, x): return x

class NoArguments(nn.Module):
    def forward(self, *x): return x[0]

class Mean(nn.Module):
    def forward(self, features, positions, edges):
        return features + (positions - positions.mean(0)).square().mean()

class Pair(nn.Module):
    def forward(self, features, positions):
        return features.sum(0) + (positions - positions.mean(0)).norm()

class Pooled(nn.Module):
    def forward(self, x, edges):
        return x[edges[0]].new_zeros(len(x), 2).index_add(0, edges[1], x[edges[0]][:, :2])

plain, empty, mean, pair, pooled = Plain(), NoArguments(), Mean(), Pair(), Pooled()
"""


class TestStatedRepresentations:
    @pytest.fixture
    def peers(self, tmp_path):
        path = tmp_path / "peers.py"
        path.write_text(PEERS)
        return path

    @pytest.mark.parametrize("name", ["plain", "empty"])
    def test_an_instance_is_never_called_as_a_factory(self, peers, name):
        with pytest.raises(UsageError, match=r"declares no actions: give it rep_in and rep_out.*--rep-in"):
            audit_callable(f"{peers}:{name}")

    @pytest.mark.parametrize(
        ("name", "rep_in", "rep_out", "code"),
        [
            ("plain", "2x0e + 1x1o", "2x0e + 1x1o", PASS),
            ("plain", "1x1o", "1x1e", FAIL),
            ("plain", "points: 2x0e", "points: 2x0e", PASS),
            ("mean", "cloud: 3x0e", "points: 3x0e", PASS),
            ("mean", "cloud: 1x1o", "points: 1x1o", FAIL),
            ("pair", "cloud: 3x0e", "3x0e", PASS),
            ("pooled", "graph: 4", "graph: 2", PASS),
        ],
    )
    def test_kinds(self, peers, name, rep_in, rep_out, code):
        assert audit_callable(f"{peers}:{name}", samples=8, rep_in=rep_in, rep_out=rep_out) == code

    def test_another_group(self, peers):
        stated = {"rep_in": "2x1", "rep_out": "2x1", "group": "SO3"}
        assert audit_callable(f"{peers}:plain", samples=4, **stated) == PASS

    @pytest.mark.parametrize(
        ("rep_in", "rep_out", "said"),
        [
            ("5x0e", None, "--rep-in needs --rep-out"),
            (None, "5x0e", "--rep-out needs --rep-in"),
            ("5x0e", "5x0q", "--rep-in, --rep-out: "),
            ("cluod: 5x0e", "5x0e", '"cluod" is not a kind of data'),
            ("graph: 4", "5x0e", "on both sides"),
            ("graph: x", "graph: 4", "on both sides"),
        ],
    )
    def test_bad_text(self, peers, rep_in, rep_out, said):
        with pytest.raises(UsageError, match=said):
            audit_callable(f"{peers}:plain", rep_in=rep_in, rep_out=rep_out)

    def test_output_folder(self, peers, tmp_path, capsys):
        stated = ["--rep-in", "1x1o", "--rep-out", "1x1o", "--samples", "2"]
        assert main(["audit", f"{peers}:plain", *stated, "--output", str(tmp_path / "a" / "b")]) == 0
        assert json.loads((tmp_path / "a" / "b" / "audit.json").read_text())["passed"]
        for bad in ("", str(peers)):
            assert main(["audit", f"{peers}:plain", *stated, "--output", bad]) == 2
            assert "--output expects a folder" in capsys.readouterr().err
