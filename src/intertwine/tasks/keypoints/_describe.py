"""Description of the networks of a run on keypoints, in words."""

from __future__ import annotations

from intertwine.tasks.keypoints._job import KeypointJob


def network_text(job: KeypointJob) -> str:
    """The networks in words."""
    network = job.config["network"]
    parts = (job.network.detector, job.network.descriptor)
    detector, descriptor = (sum(weight.numel() for weight in part.parameters()) for part in parts)
    kind = "plain convolutions" if network["name"] == "plain" else f"equivariant under {network['group']}"
    frozen = f", taken from {job.config['detector']}" if job.frozen else ""
    return (
        f"{kind}; detector {detector:,} parameters{frozen}, descriptor {descriptor:,} parameters, "
        f"{job.network.descriptor.dim} numbers"
    )
