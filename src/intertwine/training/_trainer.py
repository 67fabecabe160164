"""One process's part of a run: a Lightning trainer that says nothing and leaves nothing behind."""

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

from intertwine.training._display import Display
from intertwine.training._job import Job
from intertwine.training._run_callback import RunCallback
from intertwine.training._settings import Settings
from intertwine.training._state import State
from intertwine.training._stopping import StopRequest
from intertwine.training._training_module import TrainingModule
from intertwine.training._worker_processes import LocalEnvironment, ProcessRank, joined


def is_launched_outside(settings: Settings) -> bool:
    """Whether Lightning's own launching decides about processes: several machines, or torchrun."""
    return settings.nodes > 1 or "TORCHELASTIC_RUN_ID" in os.environ


def is_first_process(settings: Settings) -> bool:
    """Whether this is the process that writes and shows. Cheap: it is asked before anything is built."""
    if not is_launched_outside(settings):
        return True
    with quiet():
        return bool(_trainer(settings, Path(), None, []).is_global_zero)


def train(
    job: Job,
    folder: Path,
    settings: Settings,
    state: State,
    *,
    seat: ProcessRank | None = None,
    stop: StopRequest | None = None,
    display: Display | None = None,
) -> str:
    """Train until there is a reason to stop, and return it.

    Args:
        job: What is trained.
        folder: The run folder; the first process writes there.
        settings: How.
        state: Where to begin.
        seat: Among the processes of this machine, if there are several.
        stop: Whether somebody wants to stop.
        display: For the first process.

    Raises:
        Interrupted: Somebody wanted to stop.
        UsageError: The loss is not finite, or the disk is full.
    """
    with ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(_generators_kept())
        if seat is not None:
            stack.enter_context(_threads(max(1, torch.get_num_threads() // seat.world)))
            stack.enter_context(joined(seat, _accelerator(settings)))
        if display is not None:
            stack.callback(display.stop)
        trainee = TrainingModule(job, settings, state, folder)
        keeper = RunCallback(trainee, stop or StopRequest(), display)
        job.model.train()
        _trainer(settings, folder, seat, [keeper]).fit(trainee)
        return keeper.reason


def _trainer(settings: Settings, folder: Path, seat: ProcessRank | None, callbacks: list[Any]) -> lightning.Trainer:
    strategy: Any = "auto"
    plugins: Any = LightningEnvironment()
    if is_launched_outside(settings):
        strategy, plugins = "ddp_find_unused_parameters_true", None
    elif seat is not None:
        backend = "nccl" if _accelerator(settings) == "gpu" else "gloo"
        strategy = DDPStrategy(
            cluster_environment=LocalEnvironment(seat), process_group_backend=backend, find_unused_parameters=True
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
def quiet() -> Iterator[None]:
    """Lightning keeps its advice to itself."""
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
def _generators_kept() -> Iterator[None]:
    """The caller's random numbers go on as if nothing had been trained."""
    ours, numpys, pythons = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(ours)
        np.random.set_state(numpys)
        random.setstate(pythons)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
