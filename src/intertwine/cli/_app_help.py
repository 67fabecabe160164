"""Help flags and examples of commands."""

from __future__ import annotations

from collections.abc import Sequence

HELP_FLAGS = {"help_option_names": ["-h", "--help"]}
"""Settings of a command that has `-h` besides `--help`."""

EXAMPLES: dict[str, tuple[str, str]] = {
    "fit": ("intertwine fit classify scans/ --minutes 10", "intertwine fit --resume runs/scans-1"),
    "evaluate": (
        "intertwine evaluate runs/scans-1",
        "intertwine evaluate runs/scans-1/best other/ --output a.json",
    ),
    "predict": ("intertwine predict runs/scans-1 new/ --output new.csv", "intertwine predict runs/qm9-1 new.extxyz"),
    "audit": ("intertwine audit runs/scans-1", "intertwine audit model.py:net --samples 16"),
    "export": ("intertwine export runs/photos-1", "intertwine export runs/photos-1 --format onnx --output photos.onnx"),
    "basis": (
        'intertwine basis "SO3: 1 x 1 -> 0 + 1 + 2"',
        'intertwine basis "SO3: V^5 -> V^5" --count',
    ),
    "data": ("intertwine data", "intertwine data furniture"),
    "demo": ("intertwine demo", "intertwine demo --train 500 --test 200 --epochs 3"),
    "dock": (
        "intertwine dock ligand.pdb receptor.pdb --output complex",
        "intertwine dock a.cif b.cif --models 100 --level 5",
    ),
    "filters": (
        "intertwine filters --filter G1 --angle 30",
        "intertwine filters photo.jpg --filter H2 --output energy.png",
    ),
    "keypoints": (
        "intertwine keypoints photo.jpg --output keypoints.png",
        "intertwine keypoints left.png right.png --checkpoint runs/photos-1 --geometry fundamental --csv matches.csv",
    ),
    "pattern": ("intertwine pattern p4m p4m.png", "intertwine pattern --detect tiles.png"),
    "register": (
        "intertwine register a.ply b.ply --output motion.json",
        "intertwine register a.ply b.ply --picture before_after.png --output moved.ply",
    ),
    "runs": ("intertwine runs", "intertwine runs runs/scans-1 runs/scans-2"),
    "sfm": ("intertwine sfm sparse/0 --output out", "intertwine sfm tracks.csv --intrinsics cameras.csv"),
}


def epilog(examples: Sequence[str]) -> str:
    """The examples as the last lines of a help page, a paragraph each."""
    return "\n\n".join(("Examples:", *examples))
