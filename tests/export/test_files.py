"""Exported files: their formats, and the same outputs for any number of examples."""

from __future__ import annotations

import pytest
import torch

from intertwine import export
from intertwine._errors import UsageError


@pytest.mark.parametrize("function", [export.check_format, lambda name: export.load_exported("a", name)])
def test_unknown_formats_are_refused(function):
    with pytest.raises(UsageError, match=r'no format "tflite"; known: torch, onnx'):
        function("tflite")


def test_nothing_is_written_in_an_unknown_format(tmp_path):
    with pytest.raises(UsageError, match=r'no format "tflite"'):
        export.export_file(torch.nn.Linear(3, 4), torch.randn(2, 3), tmp_path / "a", "tflite")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("intertwine.export._files.find_spec", lambda name: None)
    assert export.check_format("torch") == ".pt2"
    with pytest.raises(UsageError, match=r'needs onnx, onnxscript, onnxruntime, .* pip install "intertwine\[onnx\]"'):
        export.check_format("onnx")


def test_a_file_takes_any_number_of_examples(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.SiLU()).eval()
    export.export_file(module, torch.randn(2, 3), tmp_path / "a.pt2", "torch")
    loaded = export.load_exported(tmp_path / "a.pt2", "torch")
    for count in (1, 2, 5):
        x = torch.randn(count, 3)
        outputs = loaded(x)
        assert torch.allclose(outputs, module(x), atol=1e-6)
        assert not outputs.requires_grad


def test_axes_of_an_onnx_file_have_names(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    export.export_file(torch.nn.Linear(3, 2).eval(), torch.zeros(2, 3), path, "onnx")
    session = runtime.InferenceSession(path.read_bytes())
    ends = [(end.name, end.shape) for end in (*session.get_inputs(), *session.get_outputs())]
    assert ends == [("input", ["batch", 3]), ("output", ["batch", 2])]
