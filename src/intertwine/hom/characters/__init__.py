"""Dimensions of spaces of maps by characters: sums over classes, weights, cycle types, closed forms in the plane."""

from intertwine.hom.characters._count import (
    Count,
    character_count,
    check_groups,
    count_terms,
    merged_terms,
    total_count,
)

__all__ = ["Count", "character_count", "check_groups", "count_terms", "merged_terms", "total_count"]
