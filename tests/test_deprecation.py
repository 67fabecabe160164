import ast
import warnings
from pathlib import Path

import pytest

import intertwine
from intertwine import _deprecation
from intertwine._deprecation import deprecated, is_due, warn_deprecated

SOURCES = Path(intertwine.__file__).parent


def removals(source):
    """The literal `removal` of each call of `deprecated` and `warn_deprecated` in some source text."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [call for call in calls if getattr(call.func, "id", None) in ("deprecated", "warn_deprecated")]
    return [
        keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        for call in named
        for keyword in call.keywords
        if keyword.arg == "removal"
    ]


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch):
    monkeypatch.setattr(_deprecation, "_warned", set())


def test_nothing_is_overdue():
    for path in SOURCES.rglob("*.py"):
        if path.name == "_deprecation.py":
            continue
        for removal in removals(path.read_text()):
            assert removal is not None, f"{path}: the version of removal must be a literal"
            assert not is_due(removal, intertwine.__version__), f"{path}: something was to be removed in {removal}"


def test_an_overdue_name_is_found():
    source = '@deprecated(instead="b", removal="0.1")\ndef a(): warn_deprecated("c", instead="d", removal="9.0")'
    assert removals(source) == ["0.1", "9.0"]
    assert [is_due(removal, "0.1.0") for removal in removals(source)] == [True, False]
    assert removals('deprecated(instead="b", removal=VERSION)') == [None]


def test_a_function_warns_once_at_its_caller():
    @deprecated(instead="new", removal="9.0")
    def old(x):
        """Twice x."""
        return 2 * x

    with pytest.warns(FutureWarning, match=r"old is deprecated and will be removed in intertwine 9.0; use new") as seen:
        assert old(2) == 4
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert old(3) == 6
    assert old.__doc__ == "Deprecated, will be removed in intertwine 9.0: use new.\n\nTwice x."


def test_a_class_stays_a_class():
    @deprecated(instead="New", removal="9.0")
    class Old:
        def __init__(self, x):
            self.x = x

    with pytest.warns(FutureWarning, match="use New"):
        old = Old(3)
    assert isinstance(old, Old)
    assert old.x == 3


def test_a_keyword_argument():
    def function(*, old=None, new=1):
        if old is not None:
            warn_deprecated("function(old=)", instead="new", removal="9.0")
            new = old
        return new

    with pytest.warns(FutureWarning, match=r"function\(old=\) is deprecated") as seen:
        assert function(old=2) == 2
    assert seen[0].filename == __file__
