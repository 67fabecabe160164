"""Command `intertwine demo`: an equivariant encoder and two message-passing baselines on real molecules."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intertwine._errors import UsageError
from intertwine._version import __version__
from intertwine.cli._console import console, progress, show_line, show_table
from intertwine.cli._options import check_named, check_positive, check_seed
from intertwine.cli._runs import INTERRUPTED
from intertwine.tasks import check_run_place, make_run_folder
from intertwine.tasks.properties import PropertiesOptions

if TYPE_CHECKING:
    from intertwine.tasks.properties.comparison import Arm

TARGET, UNIT = "polarizability", "bohr^3"
STEERABLE = "32x0e + 16x1o"
MESSAGE = "64x0e"


def demo(
    train: Annotated[int, typer.Option(help="Number of training molecules.")] = 4000,
    test: Annotated[int, typer.Option(help="Number of test molecules.")] = 2000,
    epochs: Annotated[int, typer.Option(help="Training epochs of each model.")] = 12,
    seed: Annotated[int, typer.Option(help="Random seed of the split, the weights and the order of the batches.")] = 0,
    output: Annotated[
        str | None, typer.Option(help="Folder of the run, by default runs/demo-N; an interrupted run is resumed.")
    ] = None,
) -> int:
    """Train an equivariant encoder and two baselines on QM9, and compare their errors under rotation."""
    for name, value in (("--train", train), ("--test", test), ("--epochs", epochs)):
        check_positive(name, value)
    check_seed(seed)
    check_named("--output", output)
    _check_installed()
    options = _options(train, test, seed)
    screen = console()
    folder = make_run_folder("demo") if output is None else _make_folder(Path(output))

    def say(label: str, text: str) -> None:
        show_line(screen, label, text)

    say("demo", f"three encoders of equal size learn the {TARGET} of {train:,} molecules, {epochs} epochs each")

    import torch

    torch.set_num_threads(1)  # small networks gain little from a second thread, and lose much on a busy machine
    from intertwine.tasks.properties import plan
    from intertwine.tasks.properties.comparison import compare, comparison_table, write_page
    from intertwine.training import Settings

    with progress(screen, "qm9", "bytes") as report:
        config, split, structures = plan(options, report)
    say("qm9", f"{len(structures):,} molecules; {train:,} to train on, 500 to validate, {test:,} to test (seed {seed})")
    settings = Settings(epochs=epochs, batch_size=32, optimizer="muon", learning_rate=5e-3, ema=0.99, seed=seed)
    results = compare(config, split, structures, _arms(config), settings, folder, screen=screen, say=say)
    if results is None:
        say("interrupted", f"resume with: intertwine demo --output {folder}")
        return INTERRUPTED
    columns, cells = comparison_table(results, UNIT)
    screen.print()
    show_table(screen, columns, cells)
    screen.print()
    path = folder / "report.html"
    command = f"intertwine demo --train {train} --test {test} --epochs {epochs} --seed {seed}"
    origin = [
        ("intertwine", __version__),
        ("date", datetime.now(UTC).isoformat(timespec="seconds")),
        ("seed", str(seed)),
        ("command", command),
        ("data", "qm9"),
    ]
    write_page(results, TARGET, UNIT, _lead(train, test, epochs, results[0].seconds), path, origin)
    say("report", str(path))
    return 0


def _make_folder(folder: Path) -> Path:
    """Make the folder of the run, or take an old one, before anything is read."""
    try:
        check_run_place(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--output {folder}: cannot make the folder: {(error.strerror or str(error)).lower()}"
        ) from None
    return folder


def _check_installed() -> None:
    for package in ("lightning", "safetensors", "qm9pack", "matplotlib"):
        if find_spec(package) is None:
            raise UsageError(f'the demo needs the Python package {package}: pip install "intertwine[all]"')


def _options(train: int, test: int, seed: int) -> PropertiesOptions:
    options = PropertiesOptions(
        data="qm9",
        target=(TARGET,),
        train=str(train),
        validation="500",
        test=str(test),
        hidden=STEERABLE,
        cutoff=4.0,
        seed=seed,
    )
    options.check()
    return options


def _arms(config: dict[str, Any]) -> list[Arm]:
    """The planned encoder, and a baseline of equal size without and with augmentation."""
    from intertwine.tasks.properties.comparison import Arm, count_parameters, matched_width

    baseline: dict[str, Any] = {"layer": "message", "hidden": MESSAGE, "lmax": 0}
    baseline["width"] = matched_width(
        {**config, "encoder": {**config["encoder"], **baseline}}, count_parameters(config)
    )
    return [Arm("steerable", {}), Arm("message", baseline), Arm("message, augmented", baseline, augment=True)]


def _lead(train: int, test: int, epochs: int, seconds: float) -> list[str]:
    return [
        f"Three networks with the same number of weights learn the isotropic polarizability of {train:,} molecules of "
        f"QM9 for {epochs} epochs and are tested on {test:,} others. The first is a tensor field network, equivariant "
        "under rotations, reflections, translations and permutations. The other two pass messages on relative "
        "positions: they are equivariant under translations and permutations only; the second of them is trained with "
        "random rotations of every molecule in each epoch.",
        f"Training the first took {seconds:.0f} seconds. The composition-only line is a linear fit on the number of "
        "atoms of each element.",
    ]
