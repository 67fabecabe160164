"""Restriction of a representation to a subgroup, or along a homomorphism."""

from __future__ import annotations

from intertwine.groups import SO3, DirectProduct, Group, Homomorphism, Inclusion, Irrep, Projection, Rep
from intertwine.reps._composite import DirectSum, Dual, TensorProduct, direct_sum, tensor_product
from intertwine.reps._elementary import DefiningRep
from intertwine.reps._pullback import Pullback
from intertwine.reps.irreps import ProductIrrep, SphericalIrrep, irrep_table


def restrict(rep: Rep, subgroup: Group | Homomorphism) -> Rep:
    """See ``Rep.restrict``. Sums, products and duals are restricted term by term.

    The trivial rep stays trivial, the irreps of O(3) stay irreps under SO(3), and along the projection of a direct
    product onto a factor irreps of the factor stay irreps.
    """
    along = subgroup if isinstance(subgroup, Homomorphism) else Inclusion(subgroup, rep.group)
    if along.target != rep.group:
        raise ValueError(f"{rep!r} is a rep of {rep.group}, but the homomorphism maps into {along.target}")
    return _restrict(rep, along)


def _restrict(rep: Rep, along: Homomorphism) -> Rep:
    group = along.source
    if isinstance(along, Inclusion) and group == rep.group:
        return rep
    if isinstance(rep, DirectSum):
        return direct_sum(group, ((copies, _restrict(term, along)) for copies, term in rep.terms))
    if isinstance(rep, TensorProduct):
        return tensor_product(group, (_restrict(factor, along) for factor in rep.factors))
    if isinstance(rep, Dual):
        return _restrict(rep.base, along).dual
    if rep == rep.group.trivial:
        return group.trivial
    if isinstance(along, Inclusion) and (isinstance(rep, DefiningRep) or rep == rep.group.vector):
        return group.vector
    if isinstance(rep, SphericalIrrep) and isinstance(along, Inclusion) and group == SO3():
        return SO3().irrep(rep.degree)
    if isinstance(rep, Irrep) and isinstance(along, Projection) and irrep_table(group).complete:
        return _lift(rep, along)
    if isinstance(rep, Pullback):
        return Pullback(group, rep.base, (*rep.path, along))
    return Pullback(group, rep, (along,))


def _lift(rep: Irrep, along: Projection) -> Rep:
    """The irrep of a factor beside the trivial one of the other factor."""
    product = along.source
    assert isinstance(product, DirectProduct), "a projection starts at a direct product"
    other = irrep_table(product.right if along.start == 0 else product.left).trivial
    return ProductIrrep(product, rep, other) if along.start == 0 else ProductIrrep(product, other, rep)
