from __future__ import annotations

import threading

import pytest

from intertwine._errors import UsageError
from intertwine.data import RECIPES
from intertwine.tasks._registry import get, names
from intertwine.tasks._source import PUBLIC, PUBLIC_TASKS, check_source, fingerprint, resolve, stem
from intertwine.tasks.runs import RUNS, make_run_folder, remove_empty_folder


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
    with pytest.raises(UsageError, match=r'no file or folder "qm8"$'):
        check_source("qm8", ())
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


def test_each_public_set_has_the_task_that_reads_it():
    assert {name: task for task in names() for name in get(task).options.public} == PUBLIC_TASKS


def test_runs_that_begin_together_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = []
    threads = [threading.Thread(target=lambda: found.append(make_run_folder("x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(RUNS / f"x-{number}" for number in range(1, 17))
    (found[0] / "config.json").touch()
    for folder in found:
        remove_empty_folder(folder)
    assert list(RUNS.iterdir()) == [found[0]]
    (found[0] / "config.json").unlink()
    remove_empty_folder(found[0])
    assert not RUNS.exists()


def test_where_no_folder_can_be_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RUNS.write_text("a file")
    with pytest.raises(UsageError, match="cannot make a folder for the run"):
        make_run_folder("x")
