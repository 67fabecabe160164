"""Table of the changes between checkpoint formats."""

from __future__ import annotations

from intertwine.training.checkpoints._upgrade_step import UpgradeStep, rename_key, rename_weights

LAST_WITH = {1: "intertwine 0.1.0 at commit 199b1b5"}
"""For each format that is no longer read, the last version that reads it."""

CLOUDS = ("classify", "segment")

STEPS: tuple[UpgradeStep, ...] = (
    # Format 2 (0.1.0 until a1fb9bb) -> 3: standard names.
    UpgradeStep(
        2,
        counters=(
            rename_key("progress", "state"),
            rename_key("state.position", "step_in_epoch"),
            rename_key("state.length", "steps_per_epoch"),
            rename_key("state.step", "global_step"),
            rename_key("state.best", "best_metric"),
            rename_key("state.stale", "epochs_without_improvement"),
        ),
    ),
    UpgradeStep(
        2,
        CLOUDS,
        config=(rename_key("encoder.neighbours", "neighbors"),),
        state_dict=(
            rename_weights(r"\bstages\.(\d+\.\d+\.)", r"interactions.\1"),  # HierarchicalEncoder
            rename_weights(r"^encoder\.gather\.", "encoder.fuse."),  # DGCNN, VectorDGCNN
            rename_weights(r"\.own\.weight$", ".center.weight"),  # DGCNN
        ),
    ),
    UpgradeStep(
        2,
        ("properties",),
        config=(rename_key("encoder.neighbours", "avg_num_neighbors"),),
    ),
)
