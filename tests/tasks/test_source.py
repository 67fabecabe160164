from __future__ import annotations

import pytest

from intertwine._errors import UsageError
from intertwine.data import RECIPES
from intertwine.tasks._source import PUBLIC, check_source, fingerprint, resolve, stem


def test_public_sets_are_those_that_have_recipes():
    assert set(PUBLIC) == set(RECIPES)


def test_what_can_be_read_passes(tmp_path):
    file = tmp_path / "a.xyz"
    file.write_text("1\n\nH 0 0 0\n")
    for data in (str(file), str(tmp_path), "qm9"):
        check_source(data)
    assert resolve("qm9") == "qm9"
    assert resolve(str(file)) == str(file.resolve())


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r'no file or folder "qm8".*did you mean "qm9"'):
        check_source("qm8")
    (tmp_path / "a.xyz").write_text("")
    with pytest.raises(UsageError, match="is empty"):
        check_source(str(tmp_path / "a.xyz"))


def test_a_fingerprint_notices_a_change_of_size_or_of_the_beginning(tmp_path):
    file = tmp_path / "a.xyz"
    file.write_text("abc")
    first = fingerprint(str(file))
    assert fingerprint(str(file)) == first
    file.write_text("abd")
    assert fingerprint(str(file)) != first
    file.write_text("abcd")
    assert fingerprint(str(file)) != first
    file.write_text("abc")
    assert fingerprint(str(file)) == first
    in_folder = fingerprint(str(tmp_path))
    (tmp_path / "b.xyz").write_text("more")
    assert fingerprint(str(tmp_path)) != in_folder
    assert fingerprint("qm9") == {}


@pytest.mark.parametrize(
    ("data", "name"), [("qm9", "qm9"), ("a/b c.extxyz", "b-c"), (".", "run"), ("../x.tar.gz", "x.tar"), ("/", "run")]
)
def test_runs_are_called_after_their_data(data, name):
    assert stem(data) == name
