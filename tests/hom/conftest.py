"""The slow reference of the constraint solver."""

import pytest
import torch

from intertwine.reps import canonical_basis


def _dense_null_space(rep_in, rep_out):
    """The reference: the constraints as one matrix, and its null space in echelon form."""
    group = rep_in.group
    one_in, one_out = torch.eye(rep_in.dim).double(), torch.eye(rep_out.dim).double()
    pairs = [
        *zip(rep_out.algebra(group.lie_algebra), rep_in.algebra(group.lie_algebra), strict=True),
        *zip(rep_out.matrix(group.discrete_generators), rep_in.matrix(group.discrete_generators), strict=True),
    ]
    rows = [torch.kron(out.contiguous(), one_in) - torch.kron(one_out, inn.T.contiguous()) for out, inn in pairs]
    gram = torch.stack([row.T @ row for row in rows]).sum(0)
    values, vectors = torch.linalg.eigh(gram)
    basis = vectors[:, values <= 1e-10 * max(float(values[-1]), 1.0)].T
    return canonical_basis(basis).reshape(-1, rep_out.dim, rep_in.dim)


@pytest.fixture
def dense_null_space():
    return _dense_null_space
