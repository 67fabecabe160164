"""The report as table, as one line, as JSON and as a page."""

import builtins
import json
import pickle
import re
import xml.dom.minidom

import pytest
import torch

from intertwine.actions import PointCloud, PointFeatures
from intertwine.auditing import EquivarianceError, audit, html_section
from intertwine.groups import SO3, Cyclic


@pytest.fixture
def good(network, rep):
    return audit(network(), PointCloud(rep), PointFeatures(rep), samples=4)


@pytest.fixture
def bad(network, rep):
    return audit(network(leak=0.01), PointCloud(rep), PointFeatures(rep), samples=4)


class TestTable:
    def test_pass(self, good):
        lines = str(good).splitlines()
        assert re.fullmatch(r"layer +law +max error +worst element", lines[0])
        assert [line.split()[0] for line in lines[1:-1]] == ["first", "middle", "last", *4 * ["output"]]
        assert "O(3) x T x S_n" in lines[1]
        assert re.fullmatch(
            r"PASS  \d\.\de-\d\d <= 1e-05 over 4 elements \(float32\); \d\.\de-1\d \(float64\)", lines[-1]
        )

    def test_fail(self, bad):
        text = str(bad)
        middle = next(line for line in text.splitlines() if line.startswith("middle"))
        assert re.match(r"middle +O\(3\) +\d\.\de-0\d +1o +(inversion x )?rotation \d+\.\d deg about", middle)
        assert re.search(r"^FAIL  \d\.\de-0\d > 1e-05 over 4 elements \(float32\)", text, re.MULTILINE)
        assert text.endswith("note  the first failing layer is middle")

    def test_columns_are_aligned(self, bad):
        lines = str(bad).splitlines()
        start = lines[0].index("max error")
        assert all(line[start - 1] == " " and line[start] != " " for line in lines[:8])


class TestCheck:
    def test_message_is_one_line_that_says_where(self, bad):
        with pytest.raises(EquivarianceError) as caught:
            bad.check()
        message = str(caught.value)
        assert isinstance(caught.value, AssertionError)
        assert "\n" not in message
        assert re.match(r"Network: not equivariant under O\(3\): error \d\.\de-0\d > 1e-05 \(float32\); ", message)
        assert "first failing layer middle (" in message
        assert "worst element: " in message
        assert "rotation" in message

    def test_tolerances(self, bad, good):
        bad.check(1.0)
        with pytest.raises(EquivarianceError, match=r"\(float64\)"):
            bad.check({"float32": 1.0, "float64": 1e-10})
        good.check({"float32": 1e-5, "float64": 1e-10})
        with pytest.raises(EquivarianceError, match=r"every layer that declares its output passes|first failing layer"):
            good.check(1e-9)

    def test_every_dtype_must_pass(self):
        """Good in float32, broken in float64: the verdict sees it."""

        def two_faced(x):
            return x if x.dtype == torch.float32 else x.relu()

        report = audit(two_faced, SO3().vector, SO3().vector)
        assert report.max_error < 1e-6
        assert not report.passed
        assert str(report).splitlines()[-1].startswith("FAIL")
        with pytest.raises(EquivarianceError, match=r"\(float64\)"):
            report.check()

    def test_failure_after_the_last_layer(self, network, rep):
        net = network()
        net.register_forward_hook(lambda module, inputs, output: output.relu())
        with pytest.raises(EquivarianceError, match=r"every layer that declares its output passes, the last is last"):
            audit(net, PointCloud(rep), PointFeatures(rep), samples=4).check()

    def test_no_layers(self):
        with pytest.raises(EquivarianceError, match=r"relu: not equivariant under SO.*no layer declares its output"):
            audit(torch.relu, SO3().vector, SO3().vector).check()


class TestValues:
    def test_properties(self, bad):
        assert set(bad.laws) == {"rotation", "translation", "permutation", "all"}
        assert bad.max_error == max(bad.laws.values()) == bad.errors["float32"]
        assert set(bad.errors) == {"float32", "float64"}
        assert bad.worst == max(bad.output, key=lambda row: row.max_error).worst
        assert all(0 <= row.mean_error <= row.max_error for row in bad.layers)
        assert pickle.loads(pickle.dumps(bad)) == bad

    def test_the_only_law_is_also_all(self):
        report = audit(torch.relu, SO3().vector, SO3().vector)
        assert report.laws["all"] == report.laws["rotation"]
        assert len(report.runs[0].elements) == report.samples
        assert str(report).count("output") == 1

    def test_angles(self, good):
        angles = [e.angle for e in good.runs[0].elements if e.law == "rotation"]
        words = next(row.worst for row in good.output if row.law == "rotation")
        assert any(f"{angle:.1f}" in words for angle in angles)
        turns = audit(lambda x: x, Cyclic(4).vector, Cyclic(4).vector).runs[0].elements
        assert {round(e.angle) for e in turns} == {0, 90, 180}


class TestJson:
    def test_round_trip(self, bad, tmp_path):
        text = bad.to_json(tmp_path / "report.json")
        values = json.loads((tmp_path / "report.json").read_text())
        assert values == json.loads(text)
        assert values["format"] == "intertwine-audit-1"
        assert values["passed"] is False
        assert values["max_error"] == bad.max_error
        assert values["runs"][0]["layers"][0]["name"] == "first"

    def test_infinite_is_null(self):
        text = audit(lambda x: x / 0, SO3().vector, SO3().vector).to_json()
        values = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert values["max_error"] is None
        assert values["runs"][0]["finite"] is False


class TestHtml:
    @pytest.mark.parametrize("which", ["good", "bad"])
    def test_page(self, which, request, tmp_path):
        report = request.getfixturevalue(which)
        report.to_html(tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>")
        assert ("PASS" if which == "good" else "FAIL") in page
        figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        assert len(figures) == 3
        for figure in figures:
            xml.dom.minidom.parseString(figure)
            assert "currentColor" in figure
            assert 'role="img" aria-label="error by ' in figure
            assert ">output</text>" in figures[0]

    def test_self_contained(self, good):
        page = good.to_html()
        addresses = set(re.findall(r"https?://[^\"' <]+", page))
        assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
        assert not re.search(r"<(script|link|img|iframe)\b|@import|url\(", re.sub(r"url\(#\w+\)", "", page))

    def test_reproducible(self, good):
        assert good.to_html() == good.to_html()

    def test_section_fits_in_another_page(self, good, bad):
        page = html_section(good) + html_section(bad)
        assert page.count('<section class="audit">') == 2
        assert "<html" not in page
        xml.dom.minidom.parseString(f"<body>{page.replace('&nbsp;', ' ')}</body>")

    def test_names_are_escaped(self):
        def f(x):
            return torch.relu(x)

        f.__name__ = "<b>&"
        assert "<b>&" not in audit(f, SO3().vector, SO3().vector).to_html()

    @pytest.mark.parametrize("factor", [0.0, float("nan")])
    def test_zero_and_not_finite(self, factor):
        page = audit(lambda x: x * factor, SO3().vector, SO3().vector).to_html()
        assert ("output is zero" if factor == 0 else "output is not finite") in page

    def test_without_matplotlib(self, good, monkeypatch):
        real = builtins.__import__

        def no_matplotlib(name, *rest):
            if name.startswith("matplotlib"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", no_matplotlib)
        with pytest.raises(ValueError, match=r"pip install .intertwine\[report\]"):
            good.to_html()


def test_a_failure_by_rounding_is_told_from_a_broken_law():
    """One whose error float32 makes, and one that float64 has as well."""

    class Fast(torch.nn.Module):
        """A function of the norm that makes much of its last digits."""

        def forward(self, x):
            return torch.sin(1e3 * x.norm(dim=-1, keepdim=True))

    group = SO3()
    found = str(audit(Fast(), group.vector, group.trivial, samples=8))
    assert "FAIL" in found
    assert "in float32 rounding decides" in found
    assert "rounding decides" not in str(audit(torch.relu, group.vector, group.vector, samples=8))
