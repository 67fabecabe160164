"""From options to a configuration: what of the parts is decided before training."""

from __future__ import annotations

from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine.data import ShapeSet, Split
from intertwine.tasks.segment._metrics import batch_of
from intertwine.tasks.segment._options import SegmentOptions
from intertwine.tasks.clouds import _plan as shared


def plan(options: SegmentOptions) -> tuple[dict[str, Any], dict[str, Any], ShapeSet]:
    """Read, split, and decide what was left open.

    The class of a cloud is its category, with parts of its own, where every class that is judged was learned. Where
    whole classes are held back nothing is made of them: an unseen class would say nothing.

    Args:
        options: What the user asked for, checked.

    Returns:
        The configuration and the split, both JSON, and the clouds that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    config, split, shapes = shared.plan(options, parts=True)
    if shapes.parts is None or len(shapes.part_names) < 2:
        raise UsageError(
            f"{options.data}: a segmentation needs a label at each point and two parts at least; expected PLY or NPZ "
            "files with labels, text with a last column of integers, or ShapeNetPart as it is"
        )
    learned = Split.from_json(split).train
    judged = set(shapes.classes.tolist())
    known = len(judged) > 1 and judged == set(shapes.classes[learned].tolist())
    config |= {
        "parts": list(shapes.part_names),
        "categories": list(shapes.class_names) if known else [],
        "allowed": parts_of(shapes) if known else [],
    }
    return config, split, shapes


def parts_of(shapes: ShapeSet) -> list[list[int]]:
    """The parts that occur in each class."""
    assert shapes.parts is not None, "clouds without parts have none"
    classes = shapes.classes[batch_of(shapes.offsets)]
    parts = shapes.parts
    return [torch.unique(parts[classes == k]).tolist() for k in range(len(shapes.class_names))]
