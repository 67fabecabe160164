"""Folders of runs."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file
from intertwine.tasks._source import stem

RUNS = Path("runs")
_LONGEST_NAME = 80
_OF_A_RUN = re.compile(
    r"(\.lock|(config|split|evaluation.*|audit)\.json|(metrics|log)\.csv|.*\.html|tensorboard|.*\.(part|old))$"
)
"""Names of files of a run that has no checkpoint yet."""


def make_run_folder(name: str) -> Path:
    """Make the first of runs/NAME-1, runs/NAME-2, ... that does not exist; two processes never make the same one.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        RUNS.mkdir(exist_ok=True)
        for number in itertools.count(1):
            folder = RUNS / f"{name[:_LONGEST_NAME]}-{number}"
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
    except OSError as error:
        raise UsageError(f"cannot make a folder for the run in {RUNS.absolute()}: {error.strerror}") from error
    raise AssertionError("the numbers do not end")


def remove_empty_folder(folder: Path) -> None:
    """Remove a folder of `make_run_folder` into which nothing was written, and `RUNS` if it is empty then."""
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def check_run_place(folder: Path) -> Path:
    """The folder for a run, new or old, if it is one or can be made.

    Raises:
        UsageError: It, or what should be a folder above it, is a file.
    """
    for place in (folder, *folder.parents):
        if place.exists() or place.is_symlink():
            if not place.is_dir():
                raise UsageError(f"--output {folder}: {place} is a file; expected a folder for the run")
            break
    return folder


def check_run_folder(folder: Path) -> Path:
    """The folder for a new run, if it is free.

    Raises:
        UsageError: It is a file, or holds a run.
    """
    check_run_place(folder)
    if any((folder / name).exists() for name in ("last", "best")):
        raise UsageError(
            f"{folder} exists already; resume it (intertwine fit --resume {folder}), or choose another --output"
        )
    strangers = (
        [path.name for path in folder.iterdir() if _OF_A_RUN.match(path.name) is None] if folder.exists() else []
    )
    if strangers:
        raise UsageError(f"--output {folder}: other files are in that folder ({min(strangers)}); choose a new one")
    return folder


def evaluation_path(run: Path, data: str | None, protocols: Sequence[str] = (), *, last: bool = False) -> Path:
    """The file for an evaluation: evaluation.json for the data of the run, evaluation-DATA.json for other data.

    The last checkpoint and an evaluation under some protocols only have names of their own: evaluation.last.json,
    evaluation.z-SO3.json. A file with the evaluation of other data of the same name stays as it is.

    Args:
        run: The folder of the run.
        data: The other data; None for those of the run.
        protocols: The protocols that were asked for; none for all of them.
        last: Whether it is the run's last checkpoint, not the best one.

    Example:
        >>> str(evaluation_path(Path("run"), None, ["z/SO3", "z/z"]))
        'run/evaluation.z-SO3+z-z.json'
    """
    chosen = "+".join(sorted({protocol.replace("/", "-") for protocol in protocols}))
    ending = (".last" if last else "") + (f".{chosen}" if chosen else "")
    if data is None:
        return run / f"evaluation{ending}.json"
    name = f"evaluation-{stem(data)[:_LONGEST_NAME]}{ending}"
    for number in itertools.count(1):
        path = run / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
        try:
            if json.loads(read_regular_file(path))["data"] == data:
                return path
        except FileNotFoundError:
            return path
        except (OSError, ValueError, TypeError, KeyError):
            continue
    raise AssertionError("the numbers do not end")


def check_checkpoint_folder(folder: Path) -> None:
    """Raise if there can be no checkpoint, before torch is imported to read it.

    Raises:
        UsageError: There is no such folder.
    """
    if not folder.exists():
        raise UsageError(f'no checkpoint "{folder}"; expected a folder such as runs/qm9-1/best')
    if not folder.is_dir():
        raise UsageError(f'"{folder}" is a file; a checkpoint is a folder such as runs/qm9-1/best')
