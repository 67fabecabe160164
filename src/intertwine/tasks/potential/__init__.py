"""The task `potential`."""
