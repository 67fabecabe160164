"""`make bench [ONLY=name] [FORCE=1]`: ours beside its peers in one run, on the same function with the same weights."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from attention import attention
from building import building
from degrees import degrees
from harmonics import harmonics
from layers import convolution, forces
from measure import machine, require_idle
from scaling import scaling

RESULTS = Path(__file__).parent / "RESULTS.md"
SECTIONS = [convolution, forces, degrees, attention, harmonics, building, scaling]
TITLES = {
    "convolution": "The steerable convolution",
    "forces": "Forces",
    "degrees": "High degrees",
    "attention": "Attention with steerable keys and values",
    "harmonics": "Spherical harmonics",
    "building": "Building an encoder",
    "scaling": "Many points, many neighbors",
}
PEERS = ["e3nn", "cuequivariance-torch", "sphericart-torch"]


def main() -> None:
    """Run the sections that were named, or all; those that were not keep their place in the file."""
    named = [name for name in sys.argv[1:] if name != "--force"]
    require_idle("--force" in sys.argv)
    wanted = named or [section.__name__ for section in SECTIONS]
    peers = ", ".join(f"{peer} {version(peer)}" for peer in PEERS)
    head = f"""# Measured

Written by `make bench`. {machine()}, {peers}.

Medians of runs in turn, float32; a peer's layer or forces that take over three seconds are timed once, without a
warm-up. Memory is the peak above what stood before the step; the outputs are compared first, and their relative
difference is given. A ratio above one says that ours is faster, or smaller."""
    before = RESULTS.read_text(encoding="utf-8").split("\n## ")[1:] if RESULTS.exists() else []
    kept = {part.partition("\n")[0]: f"## {part.strip()}" for part in before}
    texts = []
    for section in SECTIONS:
        text = section() if section.__name__ in wanted else kept.get(TITLES[section.__name__])
        texts += [] if text is None else [text]
    RESULTS.write_text("\n\n".join([head, *texts]) + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
