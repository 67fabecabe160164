"""The audit is right on five published networks: each passes, and each of its defects fails under its law."""

import runpy
from pathlib import Path

import pytest
import torch

from intertwine.auditing import audit, stated
from intertwine.groups import O3

MODELS = runpy.run_path(str(Path(__file__).with_name("published_models.py")))["MODELS"]


def report(model):
    torch.manual_seed(0)
    said = stated(model, *model.stated, O3())
    return audit(said.function, said.input_action, said.output_action, samples=8)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(3)


@pytest.mark.parametrize("model", MODELS)
def test_published(model):
    found = report(model())
    found.check({"float32": 1e-5, "float64": 1e-12})
    assert set(found.laws) == {"rotation", "translation", "permutation", "all"}


@pytest.mark.parametrize(("model", "defect"), [(model, defect) for model in MODELS for defect in model.defects])
def test_defect(model, defect):
    found = report(model(defect))
    failing = {law for law, error in found.laws.items() if error > 1e-5}
    assert failing == {model.defects[defect], "all"}
    assert not found.passed
