"""A PointEncoder in a training loop of your own: it learns the second moments of clouds, a symmetric tensor."""

import torch
from torch.nn.functional import mse_loss

import intertwine as iw

CLOUDS, POINTS = 64, 10
torch.manual_seed(0)
torch.set_num_threads(1)

positions = torch.randn(CLOUDS * POINTS, 3)
batch = torch.arange(CLOUDS).repeat_interleave(POINTS)  # which cloud each point is in
edges = iw.ops.knn_graph(positions, POINTS - 1, batch)
masses = torch.rand(len(positions), 1) + 0.5

# The target, sum_i m_i x_i x_i^T about the center, in irreps: the trace (0e) and the traceless symmetric part (2e).
inertia = iw.CartesianTensor(iw.O3(), "ij=ji")
clouds = positions.view(CLOUDS, POINTS, 3)
centered = clouds - clouds.mean(1, keepdim=True)
moments = torch.einsum("bn,bni,bnj->bij", masses.view(CLOUDS, POINTS), centered, centered)
target = inertia.to_irreps(moments)

encoder = iw.models.PointEncoder(
    "1x0e", "1x0e + 1x2e", hidden="16x0e + 8x1o + 8x2e", layers=2, cutoff=6.0, avg_num_neighbors=POINTS - 1
)
optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01)
for step in range(60):
    loss = mse_loss(encoder(masses, positions, edges, batch), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3d}   loss {loss:.3f}")
print(f"last       loss {loss:.3f}   (variance of the target {target.var(0).mean():.3f})")
assert loss < target.var(0).mean()

# It has seen no rotated cloud, and needs to see none: the prediction for a rotated cloud is the rotated prediction.
rotation = iw.SO3().sample(generator=torch.Generator().manual_seed(1)).float()
with torch.no_grad():
    tensors = inertia.from_irreps(encoder(masses, positions, edges, batch))
    rotated = inertia.from_irreps(encoder(masses, positions @ rotation.T, edges, batch))
error = (rotated - rotation @ tensors @ rotation.T).norm() / tensors.norm()
print(f"equivariance error {error:.1e}")
assert error < 1e-4
