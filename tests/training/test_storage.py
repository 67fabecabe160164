import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intertwine._atomic import atomic_file, find_intact, recover
from intertwine._errors import UsageError
from intertwine.training.checkpoints import _storage
from intertwine.training.checkpoints._storage import replace_file, replace_folder, sole_writer

FILES = {"a": b"1" * 1000, "b": b"2"}


def content(folder):
    return {path.name: path.read_bytes() for path in find_intact(folder).iterdir()}


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "deep" / "last"
    replace_folder(folder, FILES)
    replace_folder(folder, {"c": b"3"})
    assert content(folder) == {"c": b"3"}
    assert [path.name for path in folder.parent.iterdir()] == ["last"]


DEADLY = """
import os, shutil, sys
from pathlib import Path
from intertwine.training.checkpoints import _storage

folder, left = Path(sys.argv[1]), int(sys.argv[2])

def deadly(function):
    def wrapper(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return function(*arguments, **options)
    return wrapper

_storage.write_file = deadly(_storage.write_file)
shutil.rmtree = deadly(shutil.rmtree)
Path.rename = deadly(Path.rename)
_storage.replace_folder(folder, {"a": b"x", "b": b"y"})
"""


def test_death_at_each_touch_of_the_disk_leaves_a_whole_folder(tmp_path):
    folder, found = tmp_path / "last", []
    for touch in range(20):
        replace_folder(folder, FILES)
        died = subprocess.run([sys.executable, "-c", DEADLY, str(folder), str(touch)]).returncode == 9
        assert content(folder) in (FILES, {"a": b"x", "b": b"y"})
        found.append(content(folder) != FILES)
        recover(folder)
        assert [path.name for path in tmp_path.iterdir()] == ["last"]
        if not died:
            break
    assert not died
    assert found == sorted(found)
    assert len(found) >= 6


@pytest.mark.parametrize("which", ["a", "b"])
def test_a_full_disk_leaves_the_previous_folder(tmp_path, monkeypatch, which):
    folder = tmp_path / "last"
    replace_folder(folder, FILES)

    def full(path, content):
        if path.name == which:
            path.write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(content)

    monkeypatch.setattr(_storage, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        replace_folder(folder, {"a": b"x", "b": b"y"})
    assert content(folder) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_leaves_the_previous_file(tmp_path, monkeypatch):
    replace_file(tmp_path / "a", b"before")

    def full(path, content):
        path.write_bytes(content[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_storage, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_writer_killed_again_and_again_leaves_a_whole_folder_each_time(tmp_path):
    """Every file of the folder holds the same number; two different ones would be a half-written folder."""
    code = (
        "import sys, itertools; from pathlib import Path; from intertwine.training.checkpoints import replace_folder\n"
        "for n in itertools.count():\n"
        "    replace_folder(Path(sys.argv[1]), {name: str(n).encode() * 500 for name in 'abcd'})\n"
    )
    folder, chance = tmp_path / "last", random.Random(0)
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)])
        while find_intact(folder) is None:
            time.sleep(0.001)
        time.sleep(0.08 + 0.1 * chance.random())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        found = content(folder)
        assert sorted(found) == list("abcd")
        assert len(set(found.values())) == 1
    recover(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_one_writer_at_a_time(tmp_path):
    with (
        sole_writer(tmp_path),
        pytest.raises(UsageError, match="another process is training"),
        sole_writer(tmp_path),
    ):
        pass
    with sole_writer(tmp_path):
        pass


def test_a_durable_file_has_reached_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps, flush, rename = [], os.fsync, Path.replace

    def fsync(descriptor):
        steps.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).suffix or "folder")
        flush(descriptor)

    def replace(path, target):
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    with atomic_file(tmp_path / "file", durable=True) as part:
        part.write_text("content")
    assert steps == [".part", "rename", "folder"]
