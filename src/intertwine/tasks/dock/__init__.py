"""Rigid docking of proteins: structures, scalar fields, exhaustive search, measures, and files.

The network that `intertwine fit dock` trains is in `equidock`.
Importing this package loads no torch; its names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.tasks.dock._atom_types import ATOM_TYPES, atom_types
    from intertwine.tasks.dock._dock import (
        DockedModel,
        DockingOptions,
        DockingResult,
        canonical_frame,
        dock,
        docked_model,
    )
    from intertwine.tasks.dock._fit import PoseSums, contact_energies, fit_pair_potential, pair_sums
    from intertwine.tasks.dock._measures import (
        DockingMeasures,
        count_clashes,
        interface_residues,
        measure_alpha_carbons,
        measure_docking,
        residue_contacts,
        superposed_rmsd,
        superposition,
    )
    from intertwine.tasks.dock._page import write_page
    from intertwine.tasks.dock._potential import DockingPotential, PairPotential
    from intertwine.tasks.dock._ranking import (
        InterfacePoses,
        NormalField,
        RankingScore,
        fit_ranking,
        interface_sums,
        surface_normals,
    )
    from intertwine.tasks.dock._reading import STANDARD_RESIDUES, SUFFIXES, ReadStructure, read_structure
    from intertwine.tasks.dock._structure import Structure
    from intertwine.tasks.dock._writing import complex_pdb, write_scores_csv, write_scores_json

__all__ = [
    "ATOM_TYPES",
    "STANDARD_RESIDUES",
    "SUFFIXES",
    "DockedModel",
    "DockingMeasures",
    "DockingOptions",
    "DockingPotential",
    "DockingResult",
    "InterfacePoses",
    "NormalField",
    "PairPotential",
    "PoseSums",
    "RankingScore",
    "ReadStructure",
    "Structure",
    "atom_types",
    "canonical_frame",
    "complex_pdb",
    "contact_energies",
    "count_clashes",
    "dock",
    "docked_model",
    "fit_pair_potential",
    "fit_ranking",
    "interface_residues",
    "interface_sums",
    "measure_alpha_carbons",
    "measure_docking",
    "pair_sums",
    "read_structure",
    "residue_contacts",
    "superposed_rmsd",
    "superposition",
    "surface_normals",
    "write_page",
    "write_scores_csv",
    "write_scores_json",
]

_HOMES = {
    "ATOM_TYPES": "_atom_types",
    "DockedModel": "_dock",
    "DockingMeasures": "_measures",
    "DockingOptions": "_dock",
    "DockingPotential": "_potential",
    "DockingResult": "_dock",
    "InterfacePoses": "_ranking",
    "NormalField": "_ranking",
    "PairPotential": "_potential",
    "PoseSums": "_fit",
    "RankingScore": "_ranking",
    "ReadStructure": "_reading",
    "STANDARD_RESIDUES": "_reading",
    "SUFFIXES": "_reading",
    "Structure": "_structure",
    "atom_types": "_atom_types",
    "canonical_frame": "_dock",
    "complex_pdb": "_writing",
    "contact_energies": "_fit",
    "count_clashes": "_measures",
    "dock": "_dock",
    "docked_model": "_dock",
    "fit_pair_potential": "_fit",
    "fit_ranking": "_ranking",
    "interface_residues": "_measures",
    "interface_sums": "_ranking",
    "measure_alpha_carbons": "_measures",
    "measure_docking": "_measures",
    "pair_sums": "_fit",
    "read_structure": "_reading",
    "residue_contacts": "_measures",
    "superposed_rmsd": "_measures",
    "superposition": "_measures",
    "surface_normals": "_ranking",
    "write_page": "_page",
    "write_scores_csv": "_writing",
    "write_scores_json": "_writing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
