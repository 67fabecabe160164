from __future__ import annotations

import errno
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from intertwine.data._cache import load_cached, store_cached, user_cache

KEY = {"format": 1, "sources": {"a.csv": 12}}


def tensors():
    return {"x": torch.arange(5000, dtype=torch.float64), "n": torch.tensor([1, 2], dtype=torch.uint8)}


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("INTERTWINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert user_cache() == tmp_path / ".cache" / "intertwine"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/to/be/ignored")
    assert user_cache() == tmp_path / ".cache" / "intertwine"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_cache() == tmp_path / "xdg" / "intertwine"
    monkeypatch.setenv("INTERTWINE_CACHE", "~/mine")
    assert user_cache() == tmp_path / "mine"
    assert not list(tmp_path.iterdir())


def test_round_trip_leaves_one_file(tmp_path):
    path = tmp_path / "new" / "x.safetensors"
    assert load_cached(path, KEY) is None
    store_cached(path, KEY, tensors())
    again = load_cached(path, KEY)
    assert again is not None
    assert all(torch.equal(again[name], value) for name, value in tensors().items())
    assert [file.name for file in path.parent.iterdir()] == ["x.safetensors"]


def test_another_key_is_another_content_and_no_damage(tmp_path, caplog):
    store_cached(tmp_path / "x", KEY, tensors())
    assert load_cached(tmp_path / "x", {**KEY, "format": 2}) is None
    assert not caplog.records


def shorten(content):
    return content[:-100]


def flip_a_bit(content):
    return content[:-4000] + bytes([content[-4000] ^ 1]) + content[-3999:]


def empty(content):
    return b""


def scribble(content):
    return b"not tensors" * 100


@pytest.mark.parametrize("damage", [shorten, flip_a_bit, empty, scribble])
def test_damage_is_noticed_in_one_line(tmp_path, caplog, damage):
    path = tmp_path / "x.safetensors"
    store_cached(path, KEY, tensors())
    path.write_bytes(damage(path.read_bytes()))
    assert load_cached(path, KEY) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "is damaged" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_full_disk_costs_a_warning_and_keeps_the_old_file(tmp_path, caplog, monkeypatch):
    path = tmp_path / "x.safetensors"
    store_cached(path, KEY, tensors())

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    store_cached(path, {"format": 2}, tensors())
    assert "No space left" in caplog.text
    assert load_cached(path, KEY) is not None
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    store_cached(tmp_path / "file" / "x.safetensors", KEY, tensors())
    assert "could not write" in caplog.text


def test_what_the_command_line_needs_comes_without_torch():
    code = (
        "import sys; from intertwine.data import QM9_TARGETS, RECIPES, user_cache; import intertwine.data as data; "
        "assert 'qm9' in RECIPES and 'gap' in QM9_TARGETS and user_cache() and 'qm9' in dir(data); "
        "heavy = {'torch', 'ase', 'numpy', 'pandas', 'qm9pack'} & set(sys.modules); assert not heavy, heavy; "
        "data.qm9; light = {'ase', 'pandas', 'qm9pack', 'safetensors'} & set(sys.modules); assert not light, light"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_every_public_name_exists():
    from intertwine import data

    assert all(getattr(data, name) is not None for name in data.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        data.nonsense
