"""`make bench [ONLY=name]`: ours beside its peers in one run, on the same function with the same weights."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from attention import attention
from building import building
from degrees import degrees
from harmonics import harmonics
from layers import convolution, forces
from measure import machine
from scaling import scaling

RESULTS = Path(__file__).parent / "RESULTS.md"
SECTIONS = [convolution, forces, degrees, attention, harmonics, building, scaling]
PEERS = ["e3nn", "cuequivariance-torch", "sphericart-torch"]


def main() -> None:
    wanted = sys.argv[1:] or [section.__name__ for section in SECTIONS]
    texts = [section() for section in SECTIONS if section.__name__ in wanted]
    peers = ", ".join(f"{peer} {version(peer)}" for peer in PEERS)
    text = f"""# Measured

Written by `make bench`. {machine()}, {peers}.

Medians of runs in turn, float32; memory is the peak above what stood before the step; the outputs are compared first,
and their relative difference is given. A ratio above one says that ours is faster, or smaller.

"""
    if len(texts) < len(SECTIONS):
        print("not all sections were run; nothing is written")
        return
    RESULTS.write_text(text + "\n\n".join(texts) + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
