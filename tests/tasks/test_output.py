from __future__ import annotations

import os

import pytest

from intertwine._errors import UsageError
from intertwine.tasks import check_prediction_output, output_file, output_folder


def test_a_file_appears_whole(tmp_path):
    path = tmp_path / "out.csv"
    with output_file(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    with output_file(tmp_path / "ours") as part:
        part.write_text("")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_nothing_is_left_of_a_failure_and_the_old_file_survives(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail():
        with output_file(path, force=True) as part:
            part.write_text("new")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_an_existing_file_is_kept_unless_forced(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(UsageError, match="--force"), output_file(path):
        raise AssertionError("the block must not run")
    with output_file(path, force=True) as part:
        part.write_text("new")
    assert path.read_text() == "new"


def test_folders_are_no_files(tmp_path):
    with pytest.raises(UsageError, match="is a folder"), output_file(tmp_path, force=True):
        pass
    with pytest.raises(UsageError, match="does not exist"), output_file(tmp_path / "nowhere" / "out.csv"):
        pass


def test_a_folder_takes_its_place_when_all_went_well(tmp_path):
    with output_folder(tmp_path / "out") as part:
        (part / "a.ply").write_text("a")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a.ply").read_text() == "a"
    (tmp_path / "empty").mkdir()
    with output_folder(tmp_path / "empty") as part:
        (part / "b.ply").write_text("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "out"]


def fail_in(folder):
    with output_folder(folder) as part:
        (part / "a.ply").write_text("a")
        raise RuntimeError


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        fail_in(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_never_takes_the_place_of_another(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    (tmp_path / "file").write_text("")
    for name, said in (
        ("out", "is a folder with something in it"),
        ("file", "is a file"),
        ("no/out", "does not exist"),
    ):
        with pytest.raises(UsageError, match=said), output_folder(tmp_path / name):
            pass
    assert (tmp_path / "out" / "mine").read_text() == "mine"


def test_predictions_do_not_replace_what_is_read(tmp_path):
    path = tmp_path / "clouds.npz"
    path.write_text("data")
    with pytest.raises(UsageError, match="is the file that predict reads; write elsewhere"):
        check_prediction_output(path, str(path), force=True)
    check_prediction_output(path, str(tmp_path / "other.npz"), force=True)
    check_prediction_output(path, force=True)
