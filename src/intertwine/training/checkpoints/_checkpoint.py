"""Checkpoint folders: safetensors for the weights and JSON for the rest, so that reading one never runs code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from intertwine._atomic import find_intact
from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file
from intertwine.training._job import Job
from intertwine.training._settings import Settings
from intertwine.training.checkpoints._state import ResumeState, TrainingState
from intertwine.training.checkpoints._upgrade import (
    FORMAT,
    OLDEST,
    check_format,
    upgrade_config,
    upgrade_metrics,
    upgrade_split,
    upgrade_state_dict,
)

WEIGHTS, METADATA, SPLIT, RESUME = "model.safetensors", "checkpoint.json", "split.json", "resume.pt"
CONFIG = "config.json"
_FIELDS = {"task": str, "config": dict, "metrics": dict, "monitor": str, "epoch": int, "step": int, "sha256": dict}
_RUN_FIELDS = ("format", "intertwine", "task", "config", "settings")
_CHECKSUM, _CHECKSUM_SINCE = "checksum", 3


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint folder, in the current format.

    Attributes:
        folder: The checkpoint folder that was read, also when a run folder was given.
        task: Name of the task.
        config: The job's configuration.
        weights: The state dict for evaluation (the moving average of the weights where there is one).
        split: The split of the data.
        metrics: Validation metrics of exactly these weights; empty if they have not been validated.
        monitor: The metric that selects the best epoch.
        epoch: Completed epochs.
        step: Completed optimizer steps.
        versions: What wrote it: "format", "intertwine", "conventions", "torch".
    """

    folder: Path
    task: str
    config: dict[str, Any]
    weights: dict[str, Tensor]
    split: dict[str, Any]
    metrics: dict[str, float]
    monitor: str
    epoch: int
    step: int
    versions: dict[str, Any]

    def load_into(self, model: nn.Module) -> None:
        """Copy the weights into a model, whose names and shapes must agree exactly.

        Raises:
            UsageError: They do not; the message says which.
        """
        copy_weights(self.weights, model, self.folder)


@dataclass(frozen=True)
class Run:
    """The content of ``config.json`` of a run folder, in the current format: enough to resume the run.

    Attributes:
        folder: The run folder.
        task: Name of the task.
        config: The job's configuration.
        settings: The settings of the run.
        record: What else the file says: the rest of its keys.
    """

    folder: Path
    task: str
    config: dict[str, Any]
    settings: Settings
    record: dict[str, Any] = field(default_factory=dict)


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint folder, or the best checkpoint of a run folder (the last, while there is no best).

    A checkpoint of an older format is upgraded in memory; nothing on disk is changed.

    Args:
        folder: Such as ``runs/x``, ``runs/x/best`` or ``runs/x/last``.

    Raises:
        UsageError: It is missing, damaged, foreign, or of a format or conventions that cannot be read; one line.
    """
    folder = _locate(Path(folder))
    metadata = _read_metadata(folder)
    task, found = metadata["task"], metadata["format"]
    return Checkpoint(
        folder=folder,
        task=task,
        config=upgrade_config(metadata["config"], task, found),
        weights=upgrade_state_dict(_read_weights(folder, metadata), task, found),
        split=upgrade_split(_parse(_read_verified(folder, SPLIT, metadata), folder / SPLIT), task, found),
        metrics=upgrade_metrics(metadata["metrics"], task, found),
        monitor=next(iter(upgrade_metrics({metadata["monitor"]: None}, task, found))),
        epoch=metadata["epoch"],
        step=metadata["step"],
        versions={name: metadata[name] for name in ("format", "intertwine", "conventions", "torch")},
    )


def load_run(folder: str | Path) -> Run:
    """Read ``config.json`` of a run folder; a checkpoint folder inside it may be given as well.

    The configuration of an older format is upgraded in memory; nothing on disk is changed.

    Raises:
        UsageError: There is none, or it is damaged; one line.
    """
    run_folder = Path(folder)
    if not (run_folder / CONFIG).exists() and (run_folder.absolute().parent / CONFIG).exists():
        run_folder = run_folder.absolute().parent
    if not (run_folder / CONFIG).exists():
        raise UsageError(f"{folder} is not a run folder: it has no {CONFIG}")
    values = _parse(_read(run_folder / CONFIG), run_folder / CONFIG)
    found = values.get("format", OLDEST)  # until format 3 it was not written down
    check_format(found, run_folder, values.get("intertwine"))
    try:
        task, config = str(values["task"]), dict(values["config"])
        settings = Settings.from_json(values["settings"])
        record = {name: value for name, value in values.items() if name not in _RUN_FIELDS}
        return Run(run_folder, task, upgrade_config(config, task, found), settings, record)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{run_folder / CONFIG} is damaged or foreign: {error}") from error


def checkpoint_files(
    job: Job,
    weights: Mapping[str, Tensor],
    state: TrainingState,
    metrics: Mapping[str, float],
    resume: bytes | None = None,
) -> dict[str, bytes]:
    """The contents of the files of a checkpoint folder, by file name."""
    from safetensors.torch import save

    from intertwine._version import __version__
    from intertwine.reps import CONVENTION_VERSION

    files = {WEIGHTS: save(dict(weights)), SPLIT: to_json(job.split)}
    if resume is not None:
        files[RESUME] = resume
    metadata = {
        "format": FORMAT,
        "intertwine": __version__,
        "conventions": CONVENTION_VERSION,
        "torch": torch.__version__,
        "task": job.task,
        "config": job.config,
        "epoch": state.epoch,
        "step": state.global_step,
        "monitor": job.monitor,
        "metrics": dict(metrics),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return {**files, METADATA: to_json({**metadata, _CHECKSUM: checksum(metadata)})}


def checksum(metadata: Mapping[str, Any]) -> str:
    """The SHA-256 of the metadata, which hold the configuration and the SHA-256 of each other file.

    It covers everything but itself, so a change of any byte of the configuration, the split or the weights is noticed.
    """
    content = {name: value for name, value in metadata.items() if name != _CHECKSUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def copy_weights(weights: Mapping[str, Tensor], model: nn.Module, source: Path) -> None:
    """Copy weights into a model, all of them or none.

    Raises:
        UsageError: Names or shapes differ.
    """
    target = model.state_dict()
    problems = [f"it lacks {_first_few(target.keys() - weights.keys())}"] if target.keys() - weights.keys() else []
    if weights.keys() - target.keys():
        problems.append(f"the model has no {_first_few(weights.keys() - target.keys())}")
    for name in sorted(target.keys() & weights.keys()):
        if target[name].shape != weights[name].shape:
            there, here = tuple(weights[name].shape), tuple(target[name].shape)
            problems.append(f"{name} has shape {there} there and {here} in the model")
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise UsageError(f"the weights of {source} do not fit the model: {'; '.join(problems[:3])}{more}")
    model.load_state_dict(dict(weights), strict=True)


def to_json(value: Any) -> bytes:
    """The value as indented JSON."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def load_resume_state(folder: Path) -> ResumeState:
    """Read the state to resume from in a checkpoint folder; one of an older format is upgraded in memory.

    Raises:
        UsageError: It is missing or damaged; one line.
    """
    metadata = _read_metadata(folder)
    state = ResumeState.decode(_read_verified(folder, RESUME, metadata), folder / RESUME, metadata["task"])
    for weights in (state.weights, state.average):
        check_finite(weights or {}, folder / RESUME)
    return state


def _read_verified(folder: Path, name: str, metadata: Mapping[str, Any]) -> bytes:
    """A file of a checkpoint folder, whose SHA-256 must be the one in its metadata."""
    content = _read(folder / name)
    if hashlib.sha256(content).hexdigest() != metadata["sha256"].get(name):
        raise UsageError(f"{folder / name} is damaged: its content is not what was saved{_advice(folder)}")
    return content


def _advice(folder: Path) -> str:
    """What to do about a damaged checkpoint: the other one of the run, if there is one."""
    other = {"best": "last", "last": "best"}.get(folder.name)
    if other is None or not (folder.parent / other / METADATA).exists():
        return "; restore it from a copy, or train again"
    if other == "last":
        return f"; {folder.parent / other} is the state after the last epoch"
    again = f"intertwine fit TASK DATA --config {folder.parent / CONFIG}"
    return f"; {folder.parent / other} still predicts and evaluates; to train again with the same options: {again}"


def _locate(folder: Path) -> Path:
    if folder.is_file():
        raise UsageError(f"{folder} is a file; a checkpoint is a folder with {WEIGHTS} and {METADATA}")
    if (folder / METADATA).exists():
        return folder
    for candidate in (folder / "best", folder / "last", folder):
        intact = find_intact(candidate)
        if intact is not None and (intact / METADATA).exists():
            return intact
    if not folder.exists():
        raise UsageError(f"no checkpoint at {folder}: there is no such folder")
    if (folder / CONFIG).exists():
        raise UsageError(f"the run {folder} has no checkpoint yet")
    raise UsageError(f"{folder} is not a checkpoint: it has no {METADATA}")


def _read_metadata(folder: Path) -> dict[str, Any]:
    from intertwine._version import __version__
    from intertwine.reps import CONVENTION_VERSION

    path = folder / METADATA
    metadata = _parse(_read(path), path)
    if not {"format", "intertwine", "conventions", "torch"} <= metadata.keys():
        raise UsageError(f"{path} was not written by intertwine")
    check_format(metadata["format"], folder, metadata["intertwine"])
    if metadata["conventions"] != CONVENTION_VERSION:
        raise UsageError(
            f"{folder} was written with conventions {metadata['conventions']} by intertwine {metadata['intertwine']}; "
            f"this intertwine {__version__} has conventions {CONVENTION_VERSION}, where its weights mean something "
            "else: install the one that wrote it, or train again"
        )
    for name, kind in _FIELDS.items():
        if not isinstance(metadata.get(name), kind):
            raise UsageError(f'{path} is damaged: "{name}" is missing or not what it should be')
    if metadata["format"] >= _CHECKSUM_SINCE and metadata.get(_CHECKSUM) != checksum(metadata):
        raise UsageError(f"{path} is damaged: its content is not what was saved{_advice(folder)}")
    return metadata


def _read_weights(folder: Path, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
    from safetensors.torch import load

    content = _read_verified(folder, WEIGHTS, metadata)
    try:
        weights = load(content)
    except Exception as error:
        raise UsageError(f"{folder / WEIGHTS} is damaged: {' '.join(str(error).split())}") from error
    check_finite(weights, folder / WEIGHTS)
    return weights


def check_finite(weights: Mapping[str, Tensor], source: Path) -> None:
    """Raise if a weight is NaN or infinite: whatever is computed with it means nothing.

    Raises:
        UsageError: The first one that is, with its name.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            raise UsageError(
                f"{source} is unusable: {count} of {value.numel()} numbers of {name} are NaN or infinite; use another "
                "checkpoint, or train again"
            )


def _read(path: Path) -> bytes:
    try:
        return read_regular_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path.parent} is damaged: it has no {path.name}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise UsageError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} is damaged: a JSON object was expected, it holds a {type(value).__name__}")
    return value


def _first_few(names: set[str]) -> str:
    first = sorted(names)
    return ", ".join(first[:3]) + (f" (and {len(first) - 3} more)" if len(first) > 3 else "")
