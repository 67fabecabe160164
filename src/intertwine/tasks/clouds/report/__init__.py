"""The page of a run on clouds."""
