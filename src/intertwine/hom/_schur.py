"""Basis of intertwiners by Schur's lemma: between irreps there is nothing but their endomorphisms.

For rep_in = sum m_i rho_i and rep_out = sum n_i rho_i, every W that commutes is

    W = Q_out ((+)_i sum_k W_i^k (x) E_i^k) Q_in^T,      W_i^k in R^{n_i x m_i}
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from intertwine.reps import Irrep, Rep


def multiplicities(rep: Rep) -> dict[Irrep, int]:
    """How often each irrep occurs, in the order of first occurrence."""
    counts: Counter[Irrep] = Counter()
    for copies, irrep in rep.irreps if rep.irreps is not None else rep.decompose().irreps.irreps or ():
        counts[irrep] += copies
    return dict(counts)


def schur_dimension(rep_in: Rep, rep_out: Rep) -> int:
    """The dimension of Hom_G from the multiplicities of both decompositions: sum over irreps of e m_in m_out."""
    copies_in, copies_out = multiplicities(rep_in), multiplicities(rep_out)
    return sum(
        len(irrep.endomorphisms) * copies * copies_out[irrep]
        for irrep, copies in copies_in.items()
        if irrep in copies_out
    )


def isotypic_bases(rep: Rep) -> dict[Irrep, Tensor]:
    """For each irrep the isometries of its copies into rep, ``(copies, dim, irrep.dim)``."""
    matrix, irreps = rep.decompose()
    bases = {}
    start = 0
    for copies, irrep in irreps.irreps or ():
        stop = start + copies * irrep.dim
        bases[irrep] = matrix[:, start:stop].reshape(-1, copies, irrep.dim).transpose(0, 1)
        start = stop
    return bases


def schur(rep_in: Rep, rep_out: Rep) -> Tensor:
    """An orthonormal basis ``(k, dim_out, dim_in)`` of Hom_G(rep_in, rep_out) from both decompositions, float64.

    Ordered by irrep, then by endomorphism, then by copy of the output, then by copy of the input.
    """
    bases_in, bases_out = isotypic_bases(rep_in), isotypic_bases(rep_out)
    families = [torch.zeros(0, rep_out.dim, rep_in.dim, dtype=torch.float64)]
    for irrep in bases_out:
        if irrep in bases_in:
            endomorphisms = irrep.endomorphisms / irrep.dim**0.5
            family = torch.einsum("oai,eij,nbj->eonab", bases_out[irrep], endomorphisms, bases_in[irrep])
            families.append(family.flatten(0, 2))
    return torch.cat(families)
