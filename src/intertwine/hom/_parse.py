"""Parser of a Hom space in one line of text: "O3: 1x1o x 1x1o -> 1x0e + 1x1e + 1x2e".

line     = GROUP : sum -> sum
GROUP    = name [x name ..]               (of a product: V1, V2, .. the vectors of its factors, (1,0) pairs of irreps)
sum      = product + product + ..
product  = factor x factor x ..          (a cross between blanks; * between blanks does as well)
factor   = [COPIESx] atom [^POWER] [*]   (copies without blanks, 8x1o; a star at the end is the dual)
atom     = an irrep's label | V | vector | regular | trivial | a name of the group's file | ( sum )
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from intertwine import groups
from intertwine._bounds import check_digits
from intertwine._errors import UsageError
from intertwine._regular_files import read_regular_file
from intertwine.groups import Group
from intertwine.hom._exchangeable import factor_vectors
from intertwine.hom._generator_rep import generator_rep, parse_matrices
from intertwine.reps import Rep, irrep_table

_NAMED = ("SO2", "O2", "SO3", "O3", "U1", "SU2", "Lorentz", "FullLorentz", "SE2", "SE3", "E2", "E3")
_POLYHEDRAL = ("Tetrahedral", "Octahedral", "Icosahedral", "FullTetrahedral", "FullOctahedral", "FullIcosahedral")
_FAMILIES = ("Cyclic", "Dihedral", "Symmetric", "Alternating", "SO", "O", "SL", "Sp")
_ALIASES = {
    "C": "Cyclic",
    "Z": "Cyclic",
    "D": "Dihedral",
    "S": "Symmetric",
    "A": "Alternating",
    "T": "Tetrahedral",
    "I": "Icosahedral",
    "SO+(1,3)": "Lorentz",
    "SO(1,3)+": "Lorentz",
    "O(1,3)": "FullLorentz",
}
_NUMBERED = re.compile(r"([A-Za-z]+)_?\(?(\d+)\)?")
_PRODUCT = re.compile(r"\s+[x*]\s+|\s*[⊗×]\s*")
_KEYWORDS: dict[str, Callable[[Group], Rep]] = {
    "vector": lambda group: group.vector,
    "trivial": lambda group: group.trivial,
    "regular": lambda group: group.regular,
    "V": lambda group: group.vector,
}
_LONGEST = 5000
"""The most characters of a line."""
_DEEPEST = 50
_MOST_FACTORS = 4
"""The most brackets within each other."""
EXAMPLE = '"SO3: 1 x 1 -> 0 + 1 + 2"'


class HomSpace(NamedTuple):
    """The representations that maps are asked for between."""

    rep_in: Rep
    rep_out: Rep


def parse_hom(text: str) -> HomSpace:
    """Read "GROUP: IN -> OUT".

    Args:
        text: The line; the group is a name such as SO3, C4, Dihedral(6), S5, or a JSON file of generators.

    Raises:
        UsageError: If it cannot be read.

    Example:
        >>> rep_in, rep_out = parse_hom("O3: V x V -> 0e + 2x(1o x 1o)")
        >>> rep_in.dim, rep_out.dim
        (9, 19)
        >>> parse_hom("SO3 x SO3: (1,0) x (0,1) -> (1,1)").rep_out.dim
        9
    """
    if len(text) > _LONGEST:
        raise UsageError(f'expected "GROUP: IN -> OUT" of at most {_LONGEST:,} characters, got {len(text):,}')
    check_digits(text)
    name, colon, maps = text.rpartition(":")
    before, arrow, after = maps.partition("->")
    if not colon or not arrow or "->" in after:
        raise UsageError(f'expected "GROUP: IN -> OUT" such as {EXAMPLE}, got "{text}"')
    group, named_reps = parse_group(name.strip())
    return HomSpace(parse_rep(group, before, named_reps), parse_rep(group, after, named_reps))


def parse_group(name: str) -> tuple[Group, Mapping[str, Rep]]:
    """A group by its name or from a JSON file, and the representations that the file names.

    Of a product "S4 x S3" the representations are V1, V2, ..: the defining ones of its factors.

    Raises:
        UsageError: If there is no such group, or the file does not describe one.
    """
    factors = _PRODUCT.split(name)
    if len(factors) > 1:
        return _parse_product(factors)
    if name.endswith(".json") or "/" in name:
        return _parse_file(Path(name).expanduser())
    known = _ALIASES.get(name, name)
    if known in (*_NAMED, *_POLYHEDRAL) and hasattr(groups, known):
        return getattr(groups, known)(), {}
    match = _NUMBERED.fullmatch(name)
    if match:
        family, number = _ALIASES.get(match[1], match[1]), int(match[2])
        if f"{family}{number}" in _NAMED and hasattr(groups, f"{family}{number}"):
            return getattr(groups, f"{family}{number}")(), {}
        if family in _FAMILIES and hasattr(groups, family):
            try:
                return getattr(groups, family)(number), {}
            except ValueError as error:
                raise UsageError(str(error)) from None
    names = [n for n in (*_NAMED, *_POLYHEDRAL) if hasattr(groups, n)]
    families = [n for n in _FAMILIES if hasattr(groups, n)]
    close = get_close_matches(name, [*names, *families], n=1)
    question = f'; did you mean "{close[0]}"?' if close else "."
    raise UsageError(
        f'no group "{name}"{question} Known: {", ".join(names)}, {", ".join(f"{n}(n)" for n in families)}, C4, D6,'
        " S5 .., or a file of generators such as mine.json"
    )


def _parse_product(names: list[str]) -> tuple[Group, Mapping[str, Rep]]:
    """The direct product of groups, of three that of the product of the first two with the third; V1, V2, ... in it."""
    if len(names) > _MOST_FACTORS:
        raise UsageError(f"expected at most {_MOST_FACTORS} groups in a product, got {len(names)}")
    return factor_vectors([parse_group(name.strip())[0] for name in names])


def _parse_file(path: Path) -> tuple[Group, Mapping[str, Rep]]:
    """{"name": .., "algebra": [..], "generators": [..], "reps": {NAME: {"algebra": [..], "generators": [..]}}}."""
    try:
        content = json.loads(read_regular_file(path).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    allowed = {"name", "algebra", "generators", "reps"}
    if not isinstance(content, dict) or not set(content) <= allowed or not set(content) & {"algebra", "generators"}:
        raise UsageError(
            f'{path} expects an object with "generators" or "algebra", lists of square matrices, and perhaps "name"'
            ' and "reps"'
        )
    algebra = parse_matrices(content.get("algebra", ()), f"{path}: algebra")
    generators = parse_matrices(content.get("generators", ()), f"{path}: generators")
    try:
        group = groups.MatrixGroup(generators, algebra, str(content.get("name", path.stem)))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    reps = content.get("reps", {})
    if not isinstance(reps, dict) or not all(isinstance(value, dict) for value in reps.values()):
        raise UsageError(f'{path}: "reps" expects an object of objects with "algebra" and "generators"')
    return group, {name: _parse_file_rep(group, name, value) for name, value in reps.items()}


def _parse_file_rep(group: Group, name: str, value: Mapping[str, Any]) -> Rep:
    if not re.fullmatch(r"[A-Za-z]\w*", name) or name in _KEYWORDS:
        raise UsageError(f'"{name}" is no name for a representation: expected letters and digits, none of V, vector ..')
    return generator_rep(group, name, algebra=value.get("algebra", ()), generators=value.get("generators", ()))


def parse_rep(group: Group, text: str, named_reps: Mapping[str, Rep] | None = None) -> Rep:
    """Read a sum of products of representations.

    Args:
        group: The group.
        text: Such as "2x1o x 1o + V^3"; "0" alone reads as the irrep of that label.
        named_reps: Representations by name, besides those of the group.

    Raises:
        UsageError: If it cannot be read.

    Example:
        >>> from intertwine.groups import SO3
        >>> parse_rep(SO3(), "(0 + 1) x V^2").dim
        36
    """
    return _Parser(group, text.strip(), named_reps or {}).read()


class _Parser:
    """Recursive descent; ``at`` is the position in the text."""

    def __init__(self, group: Group, text: str, named_reps: Mapping[str, Rep]) -> None:
        self.group, self.text, self.at, self.depth = group, text, 0, 0
        self.keywords = {word: partial(make, group) for word, make in _KEYWORDS.items()}
        self.named_reps = named_reps
        self.pattern = irrep_table(group).pattern

    def read(self) -> Rep:
        rep = self.sum()
        if self.at < len(self.text):
            raise self.error()
        return rep

    def sum(self) -> Rep:
        total = self.product()
        while self.take(r"\s*\+\s*"):
            total = total + self.product()
        return total

    def product(self) -> Rep:
        total = self.factor()
        while self.take(r"\s+[x*]\s+|\s*[⊗×]\s*"):
            total = total * self.factor()
        return total

    def factor(self) -> Rep:
        copies = self.take(r"\s*(\d+)x(?=\S)")
        rep = self.atom()
        power = self.take(r"\s*(?:\^|\*\*)\s*(\d+)")
        if power:
            rep = rep ** int(power[1])
        if self.take(r"\*(?!\*)"):
            rep = rep.dual
        return int(copies[1]) * rep if copies else rep

    def atom(self) -> Rep:
        start = self.at
        word = self.take(r"\s*([A-Za-z]\w*)")
        if word and word[1] in self.named_reps:
            return self.named_reps[word[1]]
        if word and word[1] in self.keywords:
            try:
                return self.keywords[word[1]]()
            except ValueError as error:
                raise UsageError(str(error)) from None
        self.at = start
        label = self.take(rf"\s*({self.pattern})(?![A-Za-z0-9])")
        if label:
            return self.group.irrep(label[1])
        if self.take(r"\s*\(\s*"):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise UsageError(f"expected at most {_DEEPEST} brackets within each other")
            inner = self.sum()
            self.depth -= 1
            if not self.take(r"\s*\)"):
                raise self.error("a closing bracket")
            return inner
        raise self.error()

    def take(self, pattern: str) -> re.Match[str] | None:
        match = re.compile(pattern).match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match

    def error(self, expected: str = "") -> UsageError:
        rest = self.text[self.at :].strip() or "its end"
        known = irrep_table(self.group)
        names = ", ".join([*self.named_reps, "V", "trivial"])
        wanted = (
            expected or f"an irrep such as {known.example.split(' + ')[-1]}, {names}, copies as 8xV, products as V x V"
        )
        return UsageError(f'cannot read "{self.text}" at "{rest}": expected {wanted}')
