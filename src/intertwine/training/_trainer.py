"""Lightning trainer of one process, without output, files or changed global state of its own."""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.strategies import DDPStrategy

from intertwine._torch_threads import torch_threads
from intertwine.training._display import Display
from intertwine.training._job import Job
from intertwine.training._process_group import LocalEnvironment, ProcessRank, process_group
from intertwine.training._run_callback import RunCallback
from intertwine.training._settings import Settings
from intertwine.training._stopping import StopRequest
from intertwine.training._training_module import TrainingModule
from intertwine.training.checkpoints import ResumeState


def is_launched_externally(settings: Settings) -> bool:
    """Whether the processes are started by Lightning or torchrun: on several machines, or under torchrun."""
    return settings.nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ


def is_first_process(settings: Settings) -> bool:
    """Whether this is the process of rank 0, which writes files and shows progress. Cheap: it builds no model."""
    if not is_launched_externally(settings):
        return True
    with silence_lightning():
        return bool(_trainer(settings, Path(), None, []).is_global_zero)


def train(
    job: Job,
    folder: Path,
    settings: Settings,
    resume_state: ResumeState,
    process_rank: ProcessRank | None = None,
    *,
    stop: StopRequest | None = None,
    display: Display | None = None,
) -> str:
    """Train in this process until there is a reason to stop, and return the reason.

    Args:
        job: What to train.
        folder: The run folder; the process of rank 0 writes there.
        settings: How to train.
        resume_state: Where to start.
        process_rank: The rank of this process, if there are several on this machine.
        stop: Whether the user has asked to stop.
        display: The display of progress, in the process of rank 0.

    Raises:
        Interrupted: The user has asked to stop.
        UsageError: The loss is not finite, or the disk is full.
    """
    with ExitStack() as stack:
        stack.enter_context(silence_lightning())
        stack.enter_context(_preserve_generators())
        if process_rank is not None:
            stack.enter_context(torch_threads(max(1, torch.get_num_threads() // process_rank.world_size)))
            stack.enter_context(process_group(process_rank, _accelerator(settings)))
        if display is not None:
            stack.callback(display.stop)
        module = TrainingModule(job, settings, resume_state, folder)
        callback = RunCallback(module, stop or StopRequest(), display)
        job.model.train()
        _trainer(settings, folder, process_rank, [callback]).fit(module)
        return callback.reason


def _trainer(
    settings: Settings, folder: Path, process_rank: ProcessRank | None, callbacks: list[Any]
) -> lightning.Trainer:
    strategy: Any = "auto"
    plugins: Any = LightningEnvironment()
    if is_launched_externally(settings):
        strategy, plugins = "ddp_find_unused_parameters_true", None
    elif process_rank is not None:
        backend = "nccl" if _accelerator(settings) == "gpu" else "gloo"
        strategy = DDPStrategy(
            cluster_environment=LocalEnvironment(process_rank),
            process_group_backend=backend,
            find_unused_parameters=True,
        )
        plugins = None
    return lightning.Trainer(
        accelerator=_accelerator(settings),
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=strategy,
        plugins=plugins,
        callbacks=callbacks,
        max_epochs=-1,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        inference_mode=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def _accelerator(settings: Settings) -> str:
    if settings.accelerator != "auto":
        return settings.accelerator
    return "gpu" if torch.cuda.is_available() else "cpu"


@contextmanager
def silence_lightning() -> Iterator[None]:
    """No log messages and warnings of Lightning."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PossibleUserWarning)
        warnings.filterwarnings("ignore", module=r"lightning\.")
        warnings.filterwarnings("ignore", message=r".*find_unused_parameters=True.*")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def _preserve_generators() -> Iterator[None]:
    """Restore the states of the global generators at the end."""
    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
