"""Dialects of XYZ files, rewritten as ase reads them: Fortran's exponents, Mathematica's, isotopes, atomic numbers."""

from __future__ import annotations

import re

from intertwine.data._elements import CHEMICAL_SYMBOLS

_EXPONENT = re.compile(r"(?<![\w.+-])([-+]?(?:\d+\.\d*|\.\d+))[dD]([-+]?\d{1,3})(?![\w.])")
_MATHEMATICA = re.compile(r"(?<![\w.+-])([-+]?(?:\d+\.?\d*|\.\d+))\*\^([-+]?\d{1,3})(?![\w.])")
PROPERTIES = re.compile(r'(?<!\S)Properties\s*=\s*"?([^\s"]+)', re.IGNORECASE)
_ISOTOPES = {"D": "H", "T": "H"}


def standard_comment(comment: str) -> str:
    """The comment with its numbers as C writes them: 1.5D-6 and 1.5*^-6 are 1.5e-6."""
    return _standard_numbers(comment)


def standard_atoms(lines: list[str], comment: str) -> list[str]:
    """The lines of atoms with numbers as C writes them, deuterium and tritium as H, atomic numbers as symbols."""
    lines = [_standard_numbers(line) for line in lines]
    column = _species_column(comment)
    return lines if column is None else [_standard_species(line, column) for line in lines]


def _standard_numbers(text: str) -> str:
    if "*^" in text:
        text = _MATHEMATICA.sub(r"\1e\2", text)
    return _EXPONENT.sub(r"\1e\2", text) if "d" in text or "D" in text else text


def _species_column(comment: str) -> int | None:
    """The column of the symbols: the first, unless the comment says otherwise; None when there is none."""
    found = PROPERTIES.search(comment)
    if found is None:
        return 0
    words = found[1].split(":")
    column = 0
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=False):
        if name.lower() == "species" and kind == "S":
            return column
        column += int(width) if width.isdigit() else 1
    return None


def _standard_species(line: str, column: int) -> str:
    words = line.split(maxsplit=column + 1)
    if len(words) <= column:
        return line
    word = words[column]
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 4 else 0
    symbol = CHEMICAL_SYMBOLS[number] if 0 < number < len(CHEMICAL_SYMBOLS) else _ISOTOPES.get(word, word)
    if symbol == word:
        return line
    words[column] = symbol
    return " ".join(words).rstrip("\n") + "\n"
