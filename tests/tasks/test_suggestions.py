"""Words of an option: their order, what separates them, and the ones that are not known."""

import pytest

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import parse_words

KNOWN = ("none", "rotate", "flip", "shift")


@pytest.mark.parametrize(
    ("text", "words"),
    [("none", ()), ("rotate", ("rotate",)), ("shift+rotate", ("rotate", "shift")), ("flip, shift", ("flip", "shift"))],
)
def test_words_are_those_of_the_list_in_its_order(text, words):
    assert parse_words("augmentation", text, KNOWN) == words


def test_an_unknown_word_is_named():
    with pytest.raises(UsageError, match='no augmentation "rotat"; did you mean "rotate"'):
        parse_words("augmentation", "flip+rotat", KNOWN)
