"""The rotation between two noisy clouds, by a bi-equivariant network and a plain one, both trained on turns about z."""

import torch

import intertwine as iw

PAIRS, POINTS = 16, 8
torch.manual_seed(0)
torch.set_num_threads(1)


def pairs(about_z: bool):
    """Clouds, and the same clouds turned, each point with noise of its own; the rotations."""
    points = torch.randn(PAIRS, POINTS, 3) * torch.tensor([1.5, 1.0, 0.6])
    turns = iw.SO3().sample(PAIRS).float()
    if about_z:
        angle = 6.283 * torch.rand(PAIRS)
        turns = torch.eye(3).repeat(PAIRS, 1, 1)
        turns[:, 0, 0] = turns[:, 1, 1] = angle.cos()
        turns[:, 1, 0], turns[:, 0, 1] = angle.sin(), -angle.sin()
    clouds = [x + 0.03 * torch.randn(x.shape) for x in (points, points @ turns.mT)]
    batch = torch.arange(PAIRS).repeat_interleave(POINTS)
    return *(cloud(x.reshape(-1, 3), batch) for x in clouds), turns


def cloud(positions, batch):
    return torch.ones(len(positions), 1), positions, iw.ops.knn_graph(positions, POINTS - 1, batch), batch, PAIRS


def degrees(network):
    """The mean error on rotations that are like those of training, and on all."""
    errors = []
    for about_z in (True, False):
        first, second, turns = pairs(about_z)
        with torch.no_grad():
            cosine = ((network(first, second) * turns).sum((1, 2)) - 1) / 2
        errors.append(float(torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).mean()))
    return errors


size = {"layers": 2, "cutoff": 4.0, "avg_num_neighbors": POINTS - 1.0}
networks = {
    "bi-equivariant": iw.models.RotationNetwork(
        iw.models.PointEncoder("1x0e", "8x1o", hidden="8x0e + 8x1o", lmax=1, **size)
    ),
    "plain": iw.models.PlainRotationNetwork(iw.models.PointEncoder("1x0e", "32x0e", layer="message", **size)),
}
found = {}
for name, network in networks.items():
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    for _ in range(40):
        first, second, turns = pairs(about_z=True)
        loss = (network(first, second) - turns).square().sum((1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found[name] = degrees(network)
    print(f"{name:15} error: {found[name][0]:5.1f} degrees about z, as trained; {found[name][1]:5.1f} about any axis")
assert found["bi-equivariant"][1] < 30 < found["plain"][1]
