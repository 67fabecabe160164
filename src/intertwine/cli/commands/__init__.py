"""The commands: one file each, as functions that the root command registers."""

from intertwine.cli.commands._audit import audit
from intertwine.cli.commands._basis import basis
from intertwine.cli.commands._data import data
from intertwine.cli.commands._demo import demo
from intertwine.cli.commands._dock import dock
from intertwine.cli.commands._evaluate import evaluate
from intertwine.cli.commands._export import export
from intertwine.cli.commands._filters import filters
from intertwine.cli.commands._fit import HELP as FIT_HELP
from intertwine.cli.commands._fit import TaskGroup
from intertwine.cli.commands._fit import app as fit_app
from intertwine.cli.commands._keypoints import keypoints
from intertwine.cli.commands._list_runs import runs
from intertwine.cli.commands._pattern import pattern
from intertwine.cli.commands._predict import predict
from intertwine.cli.commands._register import register
from intertwine.cli.commands._sfm import sfm

__all__ = [
    "FIT_HELP",
    "TaskGroup",
    "audit",
    "basis",
    "data",
    "demo",
    "dock",
    "evaluate",
    "export",
    "filters",
    "fit_app",
    "keypoints",
    "pattern",
    "predict",
    "register",
    "runs",
    "sfm",
]
