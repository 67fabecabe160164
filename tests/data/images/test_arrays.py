"""IDX arrays of every type and of every wrong length."""

import gzip
import re
import struct

import pytest

from intertwine._errors import UsageError
from intertwine.data.images._arrays import parse_idx, read_idx, read_idx_images

TYPES = {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}


def idx(code, values, *shape):
    return struct.pack(f">BBBB{len(shape)}i{len(values)}{TYPES[code]}", 0, 0, code, len(shape), *shape, *values)


@pytest.mark.parametrize("code", TYPES)
def test_types(code, tmp_path):
    content = idx(code, [1, 2, 3, 4, 5, 100], 2, 3)
    assert parse_idx(content, "a").tolist() == [[1, 2, 3], [4, 5, 100]]
    assert parse_idx(content, "a").dtype.itemsize == struct.calcsize(">" + TYPES[code])
    for packed in (content, gzip.compress(content)):
        (tmp_path / "a").write_bytes(packed)
        assert read_idx(tmp_path / "a").tolist() == [[1, 2, 3], [4, 5, 100]]
    assert parse_idx(idx(code, [7], 1), "a").tolist() == [7]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\1\x08\1", b"\1\0\x08\1", b"\0\0\x0a\1\0\0\0\0", idx(8, [1, 2], 3), idx(12, [1], 1)[:-1]],
)
def test_what_is_refused(content):
    with pytest.raises(UsageError, match=re.escape("a: ")):
        parse_idx(content, "a")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(idx(8, [1, 2, 3, 4, 5, 6], 2, 3), mtime=0)[:-12],
        gzip.compress(idx(8, [1, 2, 3, 4, 5, 6], 2, 3), mtime=0)[:12] + b"\xff" * 9,
        gzip.compress(b"", mtime=0),
        gzip.compress(b"\0\0", mtime=0),
        gzip.compress(idx(8, [1, 2], 3), mtime=0),
        gzip.compress(idx(8, [1, 2, 3, 4], 3), mtime=0),
        gzip.compress(idx(8, [], 2**31 - 1, 2**31 - 1, 2**31 - 1), mtime=0),
    ],
)
def test_damaged_gzip_files_are_refused(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / 'a'}: ")):
        read_idx(tmp_path / "a")


def test_no_more_is_unpacked_than_the_header_says(tmp_path, monkeypatch):
    sizes = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: sizes.append(size) or read(self, size))
    (tmp_path / "a").write_bytes(gzip.compress(idx(12, [1, 2], 2) + bytes(10**7)))
    with pytest.raises(UsageError, match="2 needs 8 bytes, there are 9"):
        read_idx(tmp_path / "a")
    assert sizes == [4, 4, 9]


@pytest.mark.parametrize("shape", [(), (6,), (2, 3)])
def test_arrays_that_are_no_images_are_refused(shape, tmp_path):
    values = [1, 2, 3, 4, 5, 6] if shape else [1]
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(8, values, *shape))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(8, [1], 1))
    with pytest.raises(UsageError, match="expected images, rows and columns, got an array of shape"):
        read_idx_images(tmp_path / "train-images-idx3-ubyte")
