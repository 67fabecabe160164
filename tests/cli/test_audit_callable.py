"""The audit of a user's own model from the command line."""

import json

import pytest

from intertwine._errors import UsageError
from intertwine.cli._audit_callable import FAIL, PASS, audit_callable
from intertwine.cli._python_model import names_callable

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
