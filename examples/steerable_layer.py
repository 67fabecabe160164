"""The tensor field network layer on a point cloud: build it, run it, and see that it commutes with rotations."""

import torch

import intertwine as iw

torch.manual_seed(0)
positions = torch.randn(100, 3)
edges = iw.ops.radius_graph(positions, cutoff=1.5)  # (2, E): source row over target row, as in PyG
features = torch.randn(100, 8)

gate = iw.nn.Gate("16x0e + 8x1o + 4x2e")  # its rep_in has one more scalar for each irrep that is scaled
conv = iw.nn.SteerableConv("8x0e", gate.rep_in, lmax=2, cutoff=1.5, avg_num_neighbors=edges.shape[1] / 100)
readout = iw.nn.Linear(gate.rep_out, "1x0e + 1x1o")  # an energy and a force for each point, say


def network(features, positions):
    return readout(gate(conv(features, positions, edges)))


rotation = iw.O3().sample(generator=torch.Generator().manual_seed(1)).float()  # a rotation or a reflection
output = network(features, positions)
rotated = network(features, positions @ rotation.T)
expected = output @ readout.rep_out.matrix(rotation.double()).float().T
print(f"output {tuple(output.shape)}, relative error {(rotated - expected).norm() / expected.norm():.1e}")
assert torch.allclose(rotated, expected, atol=1e-4)

report = iw.audit(conv, conv.action_in, conv.action_out)  # every law of the layer, over random elements
print(report)
