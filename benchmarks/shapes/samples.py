"""Accuracy against the number of furniture models to learn from: equivariant, augmented, in a canonical frame.

    python benchmarks/shapes/samples.py            # every run that is missing, then the table and the figure

The test is that of classification.py, whose runs are those on all 257 models; clouds are turned at random in the test.
Fewer models are seen more often: epochs grow with the root of the share that is missing. The models of a class are in
the smaller sets in the share that they have in the whole; smaller sets are parts of larger ones, another for each seed.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from classification import COMMON, options
from runs import arguments, results, run, spread
from showing import markdown, save

from intertwine._figures import BLUE, GRAY, ORANGE
from intertwine.data import Split
from intertwine.training import Job

TABLE = Path(__file__).parent / "samples.md"
WHOLE, COUNTS = 257, (64, 128)
ARMS = {
    "steerable-z": ("steerable, trained upright", BLUE),
    "dgcnn-SO3": ("DGCNN, trained on turned clouds", ORANGE),
    "dgcnn-pca": ("DGCNN in the principal frame", GRAY),
}


def fewer(count: int, seed: int) -> Any:
    """A function that leaves so many of a job's training models."""

    def changed(task: Any, job: Any) -> Job:
        split = Split.from_json(job.split)
        classes = job._train.clouds.cloud_fields["classes"][:: job.config["draws"]]
        order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
        places = torch.empty(len(classes))
        for kind in classes.unique():  # the k-th of a class of n comes at (k + 1/2) / n, whatever the class
            mine = order[classes[order] == kind]
            places[mine] = (torch.arange(len(mine)) + 0.5) / len(mine)
        kept = split.train[places.argsort()[:count].sort().values]
        made: Job = task.build(job.config, Split(split.n, kept, split.validation, split.test, split.seed).to_json())
        return made

    return changed


def draw(page: Any, found: dict[str, dict[int, list[float]]]) -> None:
    """Means over the seeds, and every seed as a point."""
    panel = page.subplots()
    for arm, (label, color) in ARMS.items():
        counts = sorted(found[arm])
        panel.plot(counts, [mean(found[arm][count]) for count in counts], color=color, marker="o", label=label)
        for count in counts:
            panel.plot([count] * len(found[arm][count]), found[arm][count], ".", color=color, alpha=0.5)
    panel.set_xscale("log")
    panel.set_xticks([*COUNTS, WHOLE], [*map(str, (*COUNTS, WHOLE))])
    panel.minorticks_off()
    panel.set(xlabel="models to learn from", ylabel="accuracy on turned clouds (%)")
    panel.legend(loc="upper left", fontsize=8.5, frameon=False)


def main() -> None:
    chosen = arguments(__doc__, ARMS)
    for seed in chosen.seeds:
        for arm in chosen.arms or ARMS:
            for count in COUNTS:
                epochs = round(COMMON["epochs"] * sqrt(WHOLE / count))
                run(f"{arm}-{count}", seed, "classify", {**options(arm), "epochs": epochs}, fewer(count, seed))
    show()


def show() -> None:
    """The table and the figure of the runs that there are."""
    named = {arm: {**{count: f"{arm}-{count}" for count in COUNTS}, WHOLE: arm} for arm in ARMS}
    found = {
        arm: {count: [100 * one["judged"]["SO3"]["accuracy"] for one in results(run)] for count, run in runs.items()}
        for arm, runs in named.items()
    }
    found = {arm: {count: values for count, values in one.items() if values} for arm, one in found.items()}
    table = [
        (label, *(spread(found[arm][count]) if count in found[arm] else "" for count in (*COUNTS, WHOLE)))
        for arm, (label, _) in ARMS.items()
    ]
    TABLE.write_text(markdown(("arm", *map(str, (*COUNTS, WHOLE))), table), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))
    save(lambda page: draw(page, found), "samples", 5.6, 3.6)


if __name__ == "__main__":
    main()
