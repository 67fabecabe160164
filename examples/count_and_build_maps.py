"""Which linear maps commute with a group: counted by characters, solved, and used as a layer's weights."""

import torch

import intertwine as iw

group = iw.SO3()
vector = group.vector

# The five steps of equivariant deep learning: the group, the input space and action, the output space and action.
basis = iw.intertwiners(vector * vector, vector)  # all linear maps from 3 x 3 tensors to vectors that commute
print(f"tensor -> vector: {len(basis)} map of {basis[0].numel()}")  # 1 of 27: the cross product

g = group.sample(100, generator=torch.Generator().manual_seed(0))
left, right = vector.matrix(g) @ basis[0], basis[0] @ (vector * vector).matrix(g)
print(f"largest violation over 100 random rotations: {(left - right).abs().max():.1e}")
assert torch.allclose(left, right, atol=1e-12)

# Any group: the maps between n x n matrices that commute with permutations are 15, the Bell number B(4).
symmetric = iw.Symmetric(5)
print(f"S_5 on pairs: {len(iw.intertwiners(symmetric.vector * symmetric.vector, symmetric.vector * symmetric.vector))}")

# A group of your own, from generators: the symmetries of a rectangle.
flips = iw.MatrixGroup(generators=[torch.diag(torch.tensor([-1.0, 1.0])), torch.diag(torch.tensor([1.0, -1.0]))])
print(f"the rectangle's group on the plane: {len(iw.intertwiners(flips.vector, flips.vector))} maps (one per axis)")

# A layer mixes the basis maps with learned weights.
layer = iw.nn.Linear(group.rep("4x0 + 2x1"), group.rep("8x0 + 4x1"))
report = iw.testing.assert_equivariant(layer)
print(f"Linear {layer.rep_in} -> {layer.rep_out}: equivariance error {report.max_error:.1e}")
