"""Measures of predicted complexes by method, as tables and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from intertwine.tasks._results import Evaluation

NEAR, FAIR, INTERFACE = 2.0, 5.0, 4.0
ACCEPTABLE = 0.23
COLUMNS = (
    "", "complex RMSD", "< 2 A", "< 5 A", "interface RMSD", "< 4 A", "DockQ >= 0.23", "no clashes", "clashing pairs",
    "seconds",
)  # fmt: skip


class PoseMeasures(NamedTuple):
    """Of one predicted complex: distances in angstrom, clashing pairs of alpha carbons, seconds."""

    complex_rmsd: float
    interface_rmsd: float
    dockq: float
    clashes: int
    seconds: float


def as_evaluation(rows: Mapping[str, Sequence[PoseMeasures]], names: Sequence[str], data: str) -> Evaluation:
    """Tables and JSON.

    Args:
        rows: For each method the measures of each complex.
        names: Of the complexes.
        data: The name of the data.
    """
    tables = {method: np.array(found, dtype=float).T for method, found in rows.items()}
    metrics: dict[str, Any] = {"data": data, "complexes": list(names)}
    for method, table in tables.items():
        values = (None if np.isnan(x) else float(x) for x in table[1])
        metrics[method] = {
            "complex_rmsd": table[0].tolist(),
            "interface_rmsd": list(values),
            "dockq": table[2].tolist(),
            "clashes": table[3].astype(int).tolist(),
        }
    columns = ("complex", *(f"{method}: RMSD, clashes" for method in rows))
    each = tuple(
        (name, *(f"{table[0][k]:.2f}, {table[3][k]:.0f}" for table in tables.values())) for k, name in enumerate(names)
    )
    notes = (
        f"{len(names):,} complex{'es' * (len(names) != 1)} ({data}), both proteins turned and moved at random; medians "
        "of RMSD and seconds, means of clashing pairs: alpha carbons nearer than 3 A",
    )
    cells = tuple((method, *_cells(table)) for method, table in tables.items())
    return Evaluation(COLUMNS, cells, metrics, notes, ((columns, each),))


def _cells(table: np.ndarray) -> tuple[str, ...]:
    whole, interface, dockq, clashes, seconds = table
    known = interface[~np.isnan(interface)]

    def percent(flags: np.ndarray) -> str:
        return f"{100 * float(np.mean(flags)):.0f} %" if len(flags) else "-"

    return (
        f"{np.median(whole):.2f}",
        percent(whole < NEAR),
        percent(whole < FAIR),
        f"{np.median(known):.2f}" if len(known) else "-",
        percent(known < INTERFACE),
        percent(dockq >= ACCEPTABLE),
        percent(clashes == 0),
        f"{np.mean(clashes):.1f}",
        f"{np.median(seconds):.2f}",
    )
