"""The page about a run of `potential`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import CHEMICAL_SYMBOLS, PointCloudSet, Split
from intertwine.tasks.potential._describe import labels_text
from intertwine.tasks.potential._evaluation import (
    COLUMNS,
    by_element,
    by_kind,
    element_table,
    evaluate_errors,
    frame_errors,
    kind_table,
    number,
    rmse,
)
from intertwine.tasks.potential._job import PotentialJob, known_frames
from intertwine.tasks.potential._predictor import PotentialPredictor
from intertwine.tasks.potential.report._plots import Parity, curve_figure, parity_figure
from intertwine.tasks.potential.report._structures import Structure, structure_viewer
from intertwine.tasks.runs import write_run_page


class PotentialPage:
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row for each epoch.
        predictor: Its model in use.
        refit: What the refit of the readout gave, one line.
    """

    def __init__(
        self, job: PotentialJob, history: Sequence[dict[str, float]], predictor: PotentialPredictor, refit: str = ""
    ) -> None:
        self.job, self.history, self.config, self.refit = job, history, job.config, refit
        split = Split.from_json(job.split)
        self.part = "test" if len(split.test) else "validation"
        chosen = job.frames.select(split.test if len(split.test) else split.validation)
        self.frames: PointCloudSet = known_frames(chosen, job.elements, self.part)
        self.outputs = predictor.outputs(self.frames, self.config["data"]["given"])
        self.errors = frame_errors(self.outputs, self.frames)

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        found = evaluate_errors(self.errors, self.frames, self.part)
        kinds, elements = by_kind(self.errors, self.frames), by_element(self.errors, self.frames)
        body = [
            *map(page.paragraph, self._lead()),
            page.table(COLUMNS, found.rows),
            *self._parity(),
            *self._structures(),
            page.heading("Errors by element"),
            page.table(*element_table(elements)),
            page.heading("Errors by kind of frame"),
            page.table(*kind_table(kinds)),
            *self._curves(),
        ]
        name = Path(self.config["data"]["given"]).name
        return write_run_page(path, f"Potential of {name}", body)

    def _lead(self) -> list[str]:
        config, split, model = self.config, self.job.split, self.config["model"]
        sizes = [f"{len(split[part]):,}" for part in ("train", "validation", "test")]
        symbols = " ".join(CHEMICAL_SYMBOLS[element] for element in self.job.elements)
        weights = sum(weight.numel() for weight in self.job.model.parameters())
        return [
            f"{sizes[0]} frames of {symbols} for training, {sizes[1]} for validation and {sizes[2]} for the test; "
            f"{labels_text(config['found'], config['data']['frames'])}. Reference energies: "
            f"{config['reference']['source']}. The model has {model['layers']} layers, "
            f"{model['hidden']}, body order {model['body_order']}, cutoff {model['cutoff']:g} A; it has {weights:,} "
            "weights. Forces are the gradient of the energy.",
            *([f"At the end: {self.refit}."] if self.refit else []),
            f"The figures are of the {self.part} split: {len(self.frames):,} frames.",
        ]

    def _parity(self) -> list[str]:
        if find_spec("matplotlib") is None:
            return []
        drawings = []
        energies, forces = self._energy_parity(), self._force_parity()
        texts = {
            "energy": f"RMSE {number(rmse(self.errors.energy / self.frames.counts))} meV/atom",
            "forces": f"RMSE {number(rmse(self.errors.forces))} meV/A",
        }
        captions = {
            "energy": "Energies per atom above the references, and their errors.",
            "forces": "Components of the forces by element, and their errors.",
        }
        for key, parity in (("energy", energies), ("forces", forces)):
            if parity.groups:
                drawing = figures.svg(parity_figure(parity, texts[key]), captions[key])
                drawings.append(page.illustration(drawing, captions[key]))
        return [page.heading("Predicted and true"), page.side_by_side(drawings)] if drawings else []

    def _energy_parity(self) -> Parity:
        frames, atoms = self.frames, self.frames.counts
        references = torch.tensor(self.config["reference"]["energies"], dtype=torch.float64)
        base = frames.composition(self.job.elements) @ references
        true = (frames.cloud_fields["energy"][:, 0] - base) / atoms
        predicted = (self.outputs.energy - base) / atoms
        labels, groups = frames.cloud_fields["config_type"], {}
        for index, kind in enumerate(frames.label_names["config_type"]):
            chosen = (labels == index) & frames.cloud_fields["has_energy"][:, 0]
            if bool(chosen.any()):
                groups[kind] = (true[chosen], predicted[chosen])
        return Parity("energy per atom", "eV", groups)

    def _force_parity(self) -> Parity:
        frames, groups = self.frames, {}
        known = frames.cloud_fields["has_forces"][frames.batch, 0]
        for element in frames.distinct("numbers"):
            chosen = (frames.point_fields["numbers"] == element) & known
            if bool(chosen.any()):
                pair = frames.point_fields["forces"][chosen], self.outputs.forces[chosen]
                groups[CHEMICAL_SYMBOLS[element]] = pair[0].flatten(), pair[1].flatten()
        return Parity("force component", "eV/A", groups)

    def _structures(self) -> list[str]:
        """The frames with the largest, the median and the smallest force error."""
        squares = self.errors.forces.square().mean(1)
        sums = squares.new_zeros(len(self.frames)).index_add_(0, self.frames.batch, squares.nan_to_num())
        sizes = (sums / self.frames.counts).sqrt()
        known = self.frames.cloud_fields["has_forces"][:, 0].nonzero()[:, 0]
        order = known[sizes[known].argsort(descending=True, stable=True)].tolist()
        if not order:
            return []
        places = dict.fromkeys((0, len(order) // 2, len(order) - 1))
        words = ("largest", "median", "smallest") if len(places) == 3 else ("largest", "smallest")
        shown = [
            self._structure(order[place], f"{word} error, {number(float(sizes[order[place]]))} meV/A")
            for place, word in zip(places, words, strict=False)
        ]
        text = (
            "Drag a structure to turn it; a double click brings it back. Arrows are the predicted minus the true force "
            "on each atom, or the forces themselves, each structure on its own scale."
        )
        return [page.heading("Structures"), page.paragraph(text), structure_viewer(shown)]

    def _structure(self, index: int, title: str) -> Structure:
        frames = self.frames
        begin, end = frames.offsets[index : index + 2].tolist()
        lattice = frames.lattice
        assert lattice is not None, "frames have cells"
        return Structure(
            title,
            frames.names[index],
            frames.point_fields["numbers"][begin:end].numpy(),
            frames.positions[begin:end].numpy(),
            lattice[index].numpy(),
            frames.point_fields["forces"][begin:end].numpy(),
            self.outputs.forces[begin:end].numpy(),
        )

    def _curves(self) -> list[str]:
        if not self.history or find_spec("matplotlib") is None:
            return []
        losses = {"training": "train_loss", "validation": "loss"}
        labels = {"energy, meV/atom": "energy_mae", "forces, meV/A": "forces_mae", "stress, meV/A^3": "stress_mae"}
        errors = {name: column for name, column in labels.items() if column in self.history[0]}
        captions = [
            "Loss. That of training begins with a hundredth of the energy weight, which then grows.",
            "Mean absolute errors in validation.",
        ]
        drawings = [curve_figure(self.history, "loss", losses), curve_figure(self.history, "MAE", errors)]
        shown = (page.illustration(figures.svg(one, text), text) for one, text in zip(drawings, captions, strict=True))
        return [page.heading("Learning"), page.side_by_side(shown)]
