"""Molecular dynamics with a trained potential: drift of the energy, stability when hot, nanoseconds per day.

    python benchmarks/atoms/dynamics.py CHECKPOINT FRAMES.xyz --steps 20000

From the first frame of the file: Langevin dynamics at 300 K to begin with, then constant energy (velocity Verlet) with
steps of 0.5 fs, and Langevin dynamics at 600 K. The drift is the slope of a line through the total energy against time,
eV per atom and ps. A trajectory has exploded when an atom is 1.5 times as far from its nearest neighbor as in the first
frame; a proton may change its partner. The potential is evaluated in --dtype. The deviation is that of the committee's
forces, averaged over a trajectory.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet

from ase import units
from intertwine.ase import Calculator

STEP = 0.5
EVERY = 20
BROKEN = 1.5


class Trajectory(NamedTuple):
    """What is kept of a trajectory, every 20 steps, and what it took.

    Attributes:
        times: ps.
        energies: Total energies, eV.
        temperatures: K.
        stretch: The largest distance of an atom from its nearest neighbor, over that of the first frame.
        seconds: It took.
        deviation: Root mean square of the committee's deviation of force components, eV/A.
    """

    times: Any
    energies: Any
    temperatures: Any
    stretch: float
    seconds: float
    deviation: float

    def line(self, name: str, atoms: int) -> str:
        picoseconds = float(self.times[-1])
        slope = np.polyfit(self.times, self.energies, 1)[0] / atoms
        noise = np.std(self.energies - np.polyval(np.polyfit(self.times, self.energies, 1), self.times)) / atoms
        per_day = 86400 / self.seconds * picoseconds / 1000
        drift = f"{slope:.1e} | {noise:.1e}" if "constant" in name else " | "
        return (
            f"| {name} | {picoseconds:.1f} | {self.temperatures.mean():.0f} | {drift} | {self.stretch:.2f} | "
            f"{1000 * self.deviation:.1f} | {per_day:.2f} |"
        )


def run(dynamics: Any, steps: int, nearest: Any) -> Trajectory:
    """Follow a trajectory, and stop when it has exploded."""
    atoms, times, energies, temperatures, stretch, deviations = dynamics.atoms, [], [], [], 0.0, []
    committee = "forces_deviation" in atoms.calc.implemented_properties
    begun = time.perf_counter()
    for step in range(0, steps, EVERY):
        dynamics.run(EVERY)
        times.append((step + EVERY) * STEP / 1000)
        energies.append(atoms.get_total_energy())
        temperatures.append(atoms.get_temperature())
        stretch = max(stretch, float((nearest_distances(atoms) / nearest).max()))
        if committee and not step % (25 * EVERY):
            deviations.append(np.sqrt(np.square(atoms.calc.get_property("forces_deviation", atoms)).mean()))
        if not stretch < BROKEN:
            break
    taken = time.perf_counter() - begun
    series = (np.array(values) for values in (times, energies, temperatures))
    return Trajectory(*series, stretch, taken, float(np.mean(deviations)) if deviations else float("nan"))


def nearest_distances(atoms: Any) -> Any:
    """The distance of each atom from its nearest neighbor."""
    distances = atoms.get_all_distances()
    np.fill_diagonal(distances, np.inf)
    return distances.min(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    atoms: Any = read(chosen.frames, "0")
    nearest = nearest_distances(atoms)
    atoms.calc = Calculator(chosen.checkpoint, dtype=chosen.dtype)
    random = np.random.default_rng(0)
    print("| dynamics | ps | K | drift, eV/atom/ps | about it, eV/atom | stretch | deviation, meV/A | ns per day |")
    print("|---|---|---|---|---|---|---|---|")
    MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=random)
    Stationary(atoms)
    Langevin(atoms, STEP * units.fs, temperature_K=300, friction=0.01 / units.fs, fixcm=False, rng=random).run(1000)
    Stationary(atoms)
    found = run(VelocityVerlet(atoms, STEP * units.fs), chosen.steps, nearest)
    print(found.line("constant energy, from 300 K", len(atoms)), flush=True)
    hot = Langevin(atoms, STEP * units.fs, temperature_K=600, friction=0.01 / units.fs, fixcm=False, rng=random)
    print(run(hot, chosen.steps, nearest).line("Langevin, 600 K", len(atoms)), flush=True)


if __name__ == "__main__":
    main()
