"""Options of a task: their declaration, their bounds, and files that keep them."""

from intertwine.tasks.options._bounds import (
    LARGEST_BATCH,
    LARGEST_EPOCHS,
    LARGEST_RATE,
    LARGEST_SAMPLE,
    LARGEST_SEED,
    SMALLEST_RATE,
    check_below_one,
    check_devices,
    check_features,
    check_nodes,
)
from intertwine.tasks.options._config_file import options_to_json, read_config
from intertwine.tasks.options._fit_options import OPTIMIZER_HELP, OPTION, FitOptions, check_rules, flag, option, share
from intertwine.tasks.options._grouped_options import GroupedFitOptions

__all__ = [
    "LARGEST_BATCH",
    "LARGEST_EPOCHS",
    "LARGEST_RATE",
    "LARGEST_SAMPLE",
    "LARGEST_SEED",
    "OPTIMIZER_HELP",
    "OPTION",
    "SMALLEST_RATE",
    "FitOptions",
    "GroupedFitOptions",
    "check_below_one",
    "check_devices",
    "check_features",
    "check_nodes",
    "check_rules",
    "flag",
    "option",
    "options_to_json",
    "read_config",
    "share",
]
