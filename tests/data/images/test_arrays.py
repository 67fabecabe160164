"""IDX arrays of every type and of every wrong length."""

import gzip
import re
import struct

import pytest

from intertwine._errors import UsageError
from intertwine.data.images._arrays import parse_idx, read_idx

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
