from __future__ import annotations

import os

import pytest

from intertwine._errors import UsageError
from intertwine.tasks import replacing


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "out.csv"
    with replacing(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    with replacing(tmp_path / "ours") as part:
        part.write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_nothing_is_left_of_a_failure_and_the_old_file_survives(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail():
        with replacing(path, force=True) as part:
            part.write_text("new")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(UsageError, match="--force"), replacing(path):
        raise AssertionError("the block must not run")
    with replacing(path, force=True) as part:
        part.write_text("new")
    assert path.read_text() == "new"


def test_folders_are_no_files(tmp_path):
    with pytest.raises(UsageError, match="is a folder"), replacing(tmp_path, force=True):
        pass
    with pytest.raises(UsageError, match="does not exist"), replacing(tmp_path / "nowhere" / "out.csv"):
        pass
