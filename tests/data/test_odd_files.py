from __future__ import annotations

import os

import odd_files
import pytest

pytest.importorskip("trimesh")


@pytest.mark.skipif(os.name != "posix", reason="the time limit is a POSIX alarm")
def test_every_reader_on_odd_and_damaged_files(tmp_path):
    lines: list[str] = []
    counts, faults = odd_files.try_files(range(100), tmp_path, lines.append)
    assert not faults, "\n".join(faults)
    legal = 100 * len(odd_files.WRITERS)
    assert legal < counts["read"] < 2 * legal
    assert counts["refused"] > legal // 2
    assert counts["second reader: agree"] > legal // 4


def test_the_check_finds_what_is_wrong(tmp_path, monkeypatch):
    right = odd_files._read_shape
    monkeypatch.setattr(odd_files, "_read_shape", lambda path: {**right(path), "area": 1e9})
    _, faults = odd_files.try_files(range(3), tmp_path, lambda line: None)
    assert any("off, legal" in fault and "area" in fault for fault in faults)
