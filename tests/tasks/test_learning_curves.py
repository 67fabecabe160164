"""The section of a page on learning, and tables or archives of predictions."""

import csv
import io

import numpy as np
import pytest

from intertwine.tasks._learning_curves import Panel, learning_section
from intertwine.tasks._results import PredictionChunk
from intertwine.tasks._table_or_archive import ArrayArchive, open_table_or_archive

HISTORY = [{"epoch": epoch, "train_loss": 2 / epoch, "loss": 3 / epoch} for epoch in (1, 2, 3)]
SCORE = Panel("accuracy (%)", {"as given": [50.0, 60.0, 70.0]}, 102, "Validation < test.")


def test_the_losses_stand_beside_the_score():
    pytest.importorskip("matplotlib")
    heading, curves = learning_section(HISTORY, SCORE, "Losses.")
    assert heading == "<h2>Learning</h2>"
    assert curves.startswith('<div class="beside"><figure><svg')
    assert curves.count("<figure>") == 2
    assert curves.index("<figcaption>Losses.") < curves.index("<figcaption>Validation &lt; test.")
    for text in ("training", "validation", "as given", "accuracy (%)", "epoch"):
        assert f">{text}</text>" in curves


def test_without_epochs_there_is_no_section():
    assert learning_section([], SCORE) == []


class Rows:
    def __init__(self, rows):
        self.rows = rows
        rows.writerow(["name", "value"])

    def write(self, chunk):
        self.rows.writerows(zip(chunk.names, chunk.arrays["value"].tolist(), strict=True))


def test_the_suffix_says_whether_predictions_are_a_table_or_an_archive(tmp_path):
    chunks = [PredictionChunk([name], {"value": np.array([value])}, {}, [name]) for name, value in (("a", 1), ("b", 2))]
    for suffix in (".csv", ".npz"):
        with open_table_or_archive(tmp_path / f"p{suffix}", suffix, Rows, ArrayArchive) as writer:
            for chunk in chunks:
                writer.write(chunk)
    text = io.StringIO((tmp_path / "p.csv").read_text())
    assert list(csv.reader(text)) == [["name", "value"], ["a", "1"], ["b", "2"]]
    with np.load(tmp_path / "p.npz") as found:
        assert found["value"].tolist() == [1, 2]
        assert found["names"].tolist() == ["a", "b"]
