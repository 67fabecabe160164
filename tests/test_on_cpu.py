"""New tensors on the CPU under another default device."""

import torch

from intertwine._on_cpu import on_cpu


def test_tensors_are_made_on_the_cpu():
    with torch.device("meta"):
        assert torch.empty(1).device.type == "meta"
        with on_cpu():
            assert torch.empty(1).device.type == "cpu"
        assert torch.empty(1).device.type == "meta"
    with on_cpu():
        assert torch.empty(1).device.type == "cpu"
