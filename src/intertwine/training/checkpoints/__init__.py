"""Checkpoints: weights, configuration and state of a run as files, read again by this and later versions."""

from intertwine.training.checkpoints._checkpoint import (
    CONFIG,
    SPLIT,
    Checkpoint,
    Run,
    checkpoint_files,
    checksum,
    copy_weights,
    load_checkpoint,
    load_resume_state,
    load_run,
    to_json,
)
from intertwine.training.checkpoints._state import ResumeState, TrainingState, completed_share, learning_rate
from intertwine.training.checkpoints._storage import replace_file, replace_folder, sole_writer
from intertwine.training.checkpoints._upgrade import FORMAT

__all__ = [
    "CONFIG",
    "FORMAT",
    "SPLIT",
    "Checkpoint",
    "ResumeState",
    "Run",
    "TrainingState",
    "checkpoint_files",
    "checksum",
    "completed_share",
    "copy_weights",
    "learning_rate",
    "load_checkpoint",
    "load_resume_state",
    "load_run",
    "replace_file",
    "replace_folder",
    "sole_writer",
    "to_json",
]
