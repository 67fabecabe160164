from __future__ import annotations

import os
import stat

import pytest

from intertwine._errors import UsageError
from intertwine.data.public._debian import package_files, package_list

FILES = {"usr/share/x/a.txt": b"first", "usr/share/x/b.bin": bytes(range(256)) * 999, "usr/share/doc/c": b""}


@pytest.fixture
def package(tmp_path, make_deb):
    """Pinned, and in a registry: a folder that only the apt-get below knows."""
    return make_deb(tmp_path / "registry", "x", FILES)


@pytest.fixture
def apt_get(tmp_path, monkeypatch):
    """An apt-get of our own that does as it is told."""

    def make(script):
        program = tmp_path / "bin" / "apt-get"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return make


def contents(path):
    return dict(package_files(path, lambda name: True))


def test_a_package_is_read_without_being_installed(tmp_path, package):
    path = tmp_path / "registry" / package.file_name
    assert package_list(path) == sorted(FILES)
    assert contents(path) == FILES
    assert dict(package_files(path, lambda name: name.endswith(".txt"))) == {"usr/share/x/a.txt": b"first"}


def test_it_is_fetched_checked_and_left_nowhere(tmp_path, package, cache, apt_get):
    apt_get(f'[ "$*" = "download x=1.0-1" ] && sleep 0.5 && cp {tmp_path}/registry/*.deb . && sleep 0.5')
    seen = []
    with package.open(lambda done, total: seen.append((done, total))) as path:
        assert contents(path) == FILES
    assert not path.exists()
    assert list((cache / "packages").iterdir()) == []
    assert seen[-1] == (package.size, package.size)


def test_one_that_lies_in_the_cache_is_taken_and_stays(tmp_path, package, cache, apt_get):
    apt_get("exit 1")
    (cache / "packages").mkdir(parents=True)
    (tmp_path / "registry" / package.file_name).rename(cache / "packages" / package.file_name)
    with package.open() as path:
        assert contents(path) == FILES
    assert path.is_file()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"is not the x that is pinned: expected sha256 [\da-f]{64}"), package.open():
        pass


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "echo 'E: Version not found' >&2; exit 100",
            r"could not fetch x 1.0-1 \(Version not found\); apt-get update may",
        ),
        ("exit 3", r"could not fetch x 1.0-1 \(exit code 3\); .* or put x_1.0-1_all.deb \(sha256 "),
        ("exit 0", r"could not fetch x 1.0-1 \(exit code 0\)"),
        ("echo other > x_1.0-1_all.deb", "is not the x that is pinned"),
    ],
)
def test_what_goes_wrong_is_one_line(package, cache, apt_get, script, says):
    apt_get(script)
    with pytest.raises(UsageError, match=says) as caught, package.open():
        pass
    assert "\n" not in str(caught.value)
    assert list((cache / "packages").iterdir()) == []


def test_without_apt_get(package, cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(UsageError, match=r"no apt-get here; put x_1.0-1_all.deb \(sha256 .*\) into .*packages"),
        package.open(),
    ):
        pass


def test_what_is_no_package(tmp_path):
    path = tmp_path / "x.deb"
    path.write_bytes(b"PK")
    with pytest.raises(UsageError, match="is not a Debian package"):
        contents(path)
    path.write_bytes(b"!<arch>\n")
    with pytest.raises(UsageError, match=r"has no data.tar"):
        contents(path)
