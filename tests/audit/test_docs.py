"""What docs/audit.md shows, runs."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "audit.md"


@pytest.mark.skipif(not PAGE.exists(), reason="an installed package has no docs")
def test_page():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    space = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    assert space["report"].passed
