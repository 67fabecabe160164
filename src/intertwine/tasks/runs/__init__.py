"""Folders of runs: where they stand, what they record, and their summaries."""

from intertwine.tasks.runs._record import command_line, provenance, run_record
from intertwine.tasks.runs._run_page import write_run_page
from intertwine.tasks.runs._run_summary import RunSummary, differing_options, find_runs, summarize
from intertwine.tasks.runs._runs import (
    RUNS,
    check_checkpoint_folder,
    check_run_folder,
    check_run_place,
    evaluation_path,
    make_run_folder,
    remove_empty_folder,
)

__all__ = [
    "RUNS",
    "RunSummary",
    "check_checkpoint_folder",
    "check_run_folder",
    "check_run_place",
    "command_line",
    "differing_options",
    "evaluation_path",
    "find_runs",
    "make_run_folder",
    "provenance",
    "remove_empty_folder",
    "run_record",
    "summarize",
    "write_run_page",
]
