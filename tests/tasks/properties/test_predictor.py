from __future__ import annotations

import csv
import weakref

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import Split
from intertwine.tasks import AuditSettings
from intertwine.tasks import _predictor as base
from intertwine.tasks.properties import PropertyJob, PropertyPredictor, _predictor
from intertwine.tasks.properties._writing import file_key

ALL = ("energy", "dipole:1o", "quadrupole:ij=ji")


@pytest.fixture
def predictor(config, split, structures):
    def build(*targets, **options):
        settings = config(*(targets or ALL), **options)
        job = PropertyJob(settings, split, structures)
        return PropertyPredictor(job.model, settings, Split.from_json(split))

    return build


@pytest.fixture
def from_memory(monkeypatch, structures):
    """Sources that are not files."""
    monkeypatch.setattr(base, "check_source", lambda data, public: None)
    monkeypatch.setattr(base, "check_still_there", lambda source, way: None)
    monkeypatch.setattr(base, "resolve", lambda data: data)
    monkeypatch.setattr(_predictor, "read", lambda source, targets, progress: structures)
    monkeypatch.setattr(_predictor, "read_again", lambda config, progress: structures)


def test_batches_do_not_change_the_answer(predictor, structures):
    one = predictor()
    whole = torch.cat(list(one(structures)))
    parts = torch.cat(list(one(structures, batch_size=5)))
    assert whole.dtype == torch.float64
    assert torch.allclose(whole, parts, rtol=1e-5, atol=1e-6)


def test_an_element_that_was_never_seen_is_named(predictor, make):
    strange = make(5, elements=(1, 14))
    with pytest.raises(
        UsageError, match=r"some\.xyz, .*: element Si was not seen in training; this model knows H, C, O"
    ):
        list(predictor()(strange, name="some.xyz"))


def test_the_test_split_is_what_it_is_judged_by(predictor, from_memory, structures, split):
    found, what = predictor().load(None)
    assert what == "test split of made"
    assert torch.equal(found.cloud_fields["energy"], structures.cloud_fields["energy"][split["test"]])
    every, what = predictor().load("other.xyz")
    assert (len(every), what) == (24, "other.xyz")
    trained_on, _ = predictor().load("made")
    assert len(trained_on) == 4


def test_an_empty_test_split_asks_for_data(predictor, from_memory, split):
    split["train"], split["test"] = split["train"] + split["test"], []
    with pytest.raises(UsageError, match="no structures for the test"):
        predictor().load(None)


def evaluated(predictor):
    return predictor.evaluate("other.xyz", batch_size=7, seed=0)


def evaluated_aloud(predictor, loud):
    loud(predictor.model)
    metrics = evaluated(predictor).metrics["targets"]
    return {name: found.get("error_norm", found["mae"]) for name, found in metrics.items()}


def test_turning_structures_changes_nothing(predictor, from_memory, loud):
    for name, errors in evaluated_aloud(predictor(), loud).items():
        assert errors["rotated"] == pytest.approx(errors["given"], rel=1e-4), name


def test_turning_structures_upsets_the_twin(predictor, from_memory, loud):
    errors = evaluated_aloud(predictor("dipole:1o", layer="message"), loud)["dipole"]
    assert errors["rotated"] != pytest.approx(errors["given"], rel=1e-3)


def test_the_baseline_is_the_composition(predictor, from_memory, structures):
    one = predictor("energy")
    shift = one.model.shift(structures.point_fields["numbers"], structures.batch, len(structures))
    found = evaluated(one)
    expected = float((shift - structures.cloud_fields["energy"]).abs().mean())
    assert found.metrics["targets"]["energy"]["mae"]["composition"] == pytest.approx(expected)
    assert found.rows[0][:2] == ("energy", "MAE")
    assert found.rows[0][4] == f"{expected:.4g}"


@pytest.mark.parametrize("suffix", [".csv", ".extxyz"])
def test_chunks_do_not_change_the_file_and_are_let_go(
    predictor, from_memory, structures, monkeypatch, tmp_path, suffix
):
    alive = []

    def stream(size):
        def chunks(source, chunk):
            for part in torch.arange(len(structures)).split(size):
                assert sum(ref() is not None for ref in alive) <= 1, "chunks pile up"
                piece = structures.select(part)
                alive.append(weakref.ref(piece))
                yield piece

        return chunks

    one, texts = predictor(), []
    for size in (24, 5, 1):
        alive.clear()
        monkeypatch.setattr(_predictor, "stream", stream(size))
        reported = []
        path = tmp_path / f"{size}{suffix}"
        count = one.predict(
            "made", output=path, batch_size=1, progress=lambda done, total, to=reported: to.append(done)
        )
        assert count == reported[-1] == 24
        texts.append(path.read_text())
    assert texts[0].count("\n") > 24
    # Structures that are selected from memory are named anew in each chunk; files name them themselves.
    assert len({len(text.splitlines()) for text in texts}) == 1
    if suffix == ".csv":
        tables = [np.array([row[2:] for row in list(csv.reader(text.splitlines()))[1:]], dtype=float) for text in texts]
        assert np.allclose(tables[0], tables[1], rtol=1e-12)
        assert np.allclose(tables[0], tables[2], rtol=1e-12)


def test_reserved_names_get_out_of_the_way():
    assert [file_key(name) for name in ("stress", "dipole")] == ["predicted_stress", "dipole"]


def test_the_audit_passes_for_the_encoder_and_fails_for_its_twin(predictor, from_memory):
    assert predictor().audit(None, AuditSettings(samples=6)).passed
    assert not predictor("dipole:1o", layer="message").audit(None, AuditSettings(samples=6)).passed


def test_the_audit_does_not_hide_behind_a_large_shift(predictor, from_memory):
    """A twin that predicts tiny corrections to huge energies breaks its symmetry all the same."""
    twin = predictor("energy", layer="message")
    twin.model.constant.fill_(-1e9)
    report = twin.audit(None, AuditSettings(samples=6))
    assert not report.passed
