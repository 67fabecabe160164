from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import torch

from intertwine.tasks.clouds.report import confusion_table, errors_first
from intertwine.tasks.clouds.report._gallery import GalleryItem, gallery, orientations


def shown(name="a.off", said="table 51 %", **parts):
    positions = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) / 4
    return GalleryItem(name, positions, "is chair", [said, *["chair 99 %"] * 23], [0.0, *[1.0] * 23], **parts)


def content(page):
    return json.loads(re.search(r'id="clouds">(.*?)</script>', page, re.DOTALL)[1])


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype=dtype)


def test_points_and_what_is_said_of_them_are_in_the_page():
    one = shown()
    data = content(gallery([one], orientations(), "z"))
    (found,) = data["clouds"]
    assert np.allclose(unpacked(found["points"], np.int16).reshape(5, 3) / 32767, one.positions, atol=2e-5)
    assert found["said"] == list(one.said)
    assert np.allclose(np.array(data["turns"]).reshape(-1, 3, 3), orientations(), atol=1e-6)


def test_parts_have_a_legend_and_their_own_colors():
    parts = torch.randint(0, 2, (24, 5), generator=torch.Generator().manual_seed(1))
    page = gallery([shown(truths=parts[0], parts=parts)], orientations(), "y", ["body", "pin"])
    data = content(page)
    assert data["colors"] == ["#4878d0", "#ee854a"]
    assert np.array_equal(unpacked(data["clouds"][0]["parts"], np.uint8).reshape(24, 5), parts)
    assert page.count("</span>body</span>") == 1
    assert page.count('class="controls keys" hidden') == 1  # of right and wrong, until errors are asked for
    assert 'value="wrong"' in page
    assert 'value="wrong"' not in gallery([shown()], orientations(), "y")


def test_a_name_cannot_break_the_page():
    name = '</script><script>alert("x")</script>.off'
    page = gallery([shown(name, name)], orientations(), "z", [name])
    assert page.count("</script>") == 2
    assert content(page)["clouds"][0]["said"][0] == name


def test_errors_come_first_then_one_of_each_kind():
    errors, kinds = torch.tensor([0, 0.2, 0, 0.9, 0, 0]), torch.tensor([0, 0, 1, 1, 2, 0])
    assert errors_first(errors, kinds) == [3, 1, 0, 2, 4, 5]
    assert sorted(errors_first(torch.rand(40), torch.zeros(40, dtype=torch.int64))) == list(range(40))


@pytest.mark.parametrize("name", ["chair", "<b>"])
def test_the_confusion_table_counts(name):
    table = confusion_table(torch.tensor([[3, 1], [0, 2]]), [name, "table"])
    assert [cell or "0" for cell in re.findall(r">(\d*)</td>", table)[1:]] == ["3", "1", "0", "2"]
    assert "<b>" not in table
    assert ", taken for table: 1, 25.0 %" in table


def test_many_are_counted_legibly():
    table = confusion_table(torch.tensor([[1234567, 0], [0, 0]]), ["body", "pin"])
    assert ">1,234,567</td>" in table
