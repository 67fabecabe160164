"""A comparison of encoders on made-up molecules: equal sizes, equal data, and a rotation that tells them apart."""

from pathlib import Path

import pytest
import torch
from rich.console import Console

from intertwine.data import molecules as make_molecules
from intertwine.data import write_extxyz
from intertwine.tasks.properties import PropertiesOptions, plan
from intertwine.tasks.properties.comparison import (
    ANGLES,
    Arm,
    compare,
    comparison_table,
    count_parameters,
    matched_width,
    write_page,
)
from intertwine.training import Settings


@pytest.fixture
def molecules(tmp_path: Path) -> Path:
    """Forty clouds of five atoms whose energy is a sum over pairs."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.randn(40, 5, 3, dtype=torch.float64, generator=generator)
    distances = torch.cdist(positions, positions)
    energy = torch.exp(-distances).sum((1, 2))
    numbers = torch.tensor([1, 6, 8, 1, 6]).repeat(40)
    structures = make_molecules(numbers, positions.reshape(-1, 3), torch.arange(0, 201, 5))
    path = tmp_path / "molecules.extxyz"
    write_extxyz(path, structures, {"strength": energy[:, None]})
    return path


def test_arms_are_trained_measured_and_reported(molecules: Path, tmp_path: Path) -> None:
    options = PropertiesOptions(
        data=str(molecules), target=("strength",), train="24", validation="8", test="8", hidden="8x0e + 4x1o", layers=1
    )
    options.check()
    config, split, structures = plan(options)
    message = {"layer": "message", "hidden": "16x0e", "lmax": 0}
    message["width"] = matched_width({**config, "encoder": {**config["encoder"], **message}}, count_parameters(config))
    arms = [Arm("steerable", {}), Arm("message", message), Arm("message, augmented", message, augment=True)]
    settings, said = Settings(epochs=2, batch_size=8), []

    def run() -> list:
        results = compare(
            config,
            split,
            structures,
            arms,
            settings,
            tmp_path / "demo",
            screen=Console(quiet=True),
            say=lambda label, text: said.append((label, text)),
        )
        assert results is not None
        return results

    results = run()
    assert [label for label, _ in said] == ["steerable", "message", "message, augmented", "test"]
    steerable, plain, _ = results
    assert abs(plain.parameters / steerable.parameters - 1) < 0.05
    assert steerable.error(steerable.rotated) == pytest.approx(steerable.error(steerable.given), rel=1e-5)
    assert plain.error(plain.rotated) != pytest.approx(plain.error(plain.given), rel=1e-5)
    assert steerable.report.max_error <= 1e-5 < plain.report.max_error
    assert steerable.by_angle == pytest.approx([steerable.by_angle[0]] * len(ANGLES), rel=1e-5)
    assert len(steerable.history) == 2

    columns, cells = comparison_table(results, "eV")
    assert columns[1] == "test MAE (eV)"
    assert [row[0] for row in cells] == ["steerable", "message", "message, augmented", "composition only"]
    write_page(results, "strength", "eV", ["What was done."], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 2 + 2 * 3
    assert "Audit: message, augmented" in page
    assert "http" not in page.replace("http://www.w3.org", "")

    again = run()  # what has ended is not trained again
    assert again[0].history == steerable.history
    torch.testing.assert_close(again[0].given, steerable.given)


def test_the_width_that_matches_is_the_nearest() -> None:
    encoder = {"rep_in": "4x0e", "layer": "message", "hidden": "8x0e", "layers": 2}
    config = {"elements": [1, 6], "encoder": encoder}

    def count(width: int) -> int:
        return count_parameters({**config, "encoder": {**encoder, "width": width}})

    for wanted in (count(17), count(17) + 3, count(40) - 3, 1):
        width = matched_width(config, wanted)
        best = min(range(1, 60), key=lambda w: abs(count(w) - wanted))
        assert width == best
