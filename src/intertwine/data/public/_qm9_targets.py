"""Targets of QM9 by name: columns of the source, units, extensivity."""

from __future__ import annotations

from typing import NamedTuple


class TargetInfo(NamedTuple):
    """One property of a data set: its column in the source, its unit, and whether it grows with the system."""

    column: str
    unit: str
    extensive: bool


QM9_TARGETS: dict[str, TargetInfo] = {
    "polarizability": TargetInfo("Polarizability_bohr3", "bohr^3", True),
    "dipole_norm": TargetInfo("Dipole_debye", "debye", False),
    "homo": TargetInfo("HOMO_au", "hartree", False),
    "lumo": TargetInfo("LUMO_au", "hartree", False),
    "gap": TargetInfo("HOMO_LUMO_gap_au", "hartree", False),
    "r2": TargetInfo("R2_bohr2", "bohr^2", True),
    "zpve": TargetInfo("ZPVE_au", "hartree", True),
    "u0": TargetInfo("InternalEnergy_0K_au", "hartree", True),
    "u": TargetInfo("InternalEnergy_298K_au", "hartree", True),
    "h": TargetInfo("Enthalphy_298K_au", "hartree", True),
    "g": TargetInfo("GibbsFreeEnergy_298K_au", "hartree", True),
    "cv": TargetInfo("Heatcapacity_Cv_cal_mol_K", "cal/(mol K)", True),
}
"""The twelve scalars of QM9, as the source gives them (the column of the enthalpy is misspelled there)."""
