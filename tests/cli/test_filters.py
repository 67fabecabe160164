"""The command `intertwine filters`: what is said and written, odd images, and bad input."""

import numpy as np
import pytest
import torch

from intertwine.cli.commands._filters import _read

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """photo.png, with edges across 30 degrees, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:40, :60]
    across = x * np.cos(np.pi / 6) - y * np.sin(np.pi / 6)
    pixels = (127 + 100 * np.cos(across)).astype(np.uint8)
    Image.fromarray(pixels).save("photo.png")
    return pixels


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_filters_alone(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = run("filters", "--filter", "g1", "--angle", "30").out
    assert "2 filters" in out
    assert "0.866, 0.5 at 30 degrees" in out
    assert out.split()[-2:] == ["written", "G1.png"]
    assert names(tmp_path) == ["G1.png"]
    assert "--force" in run("filters", "--filter", "G1", code=2).err


def test_a_photo(run, photo, tmp_path):
    lines = run("filters", "photo.png", "--filter", "H2", "--angle", "-30", "-o", "energy.svg").out.splitlines()
    found = {line.split()[0]: line for line in lines}
    assert "60 x 40 pixels" in found["photo.png"]
    assert abs(float(found["dominant"].split()[1]) - 30) < 3
    assert {"H2", "basis", "coefficients", "response", "energy", "written"} <= set(found)
    assert "<svg" in (tmp_path / "energy.svg").read_text()


def test_odd_images(photo, tmp_path):
    gray = np.stack([photo] * 3, -1)
    exif = Image.fromarray(np.rot90(photo))
    tags = exif.getexif()
    tags[0x0112] = 6  # to be turned clockwise
    exif.save("exif.png", exif=tags)
    Image.fromarray(gray // np.array([1, 2, 4], np.uint8)).save("color.png")
    Image.fromarray(np.dstack([gray, np.full_like(photo, 255)])).save("alpha.png")
    Image.fromarray(photo.astype(np.uint16) * 257).save("deep.png")
    expected = torch.from_numpy(photo).float() / 255
    for name in ("photo", "exif", "alpha", "deep"):
        assert torch.allclose(_read(f"{name}.png")[0], expected, atol=1e-6), name
    luma = (0.299 + 0.587 / 2 + 0.114 / 4) * expected
    assert torch.allclose(_read("color.png")[0], luma, atol=0.01)
    Image.new("L", (1536, 60)).save("large.png")
    image, remarks = _read("large.png")
    assert image.shape == (40, 1024)
    assert remarks == ("scaled from 1536 x 60 pixels",)


def test_mistakes_are_one_line_and_leave_nothing_behind(run, photo, tmp_path):
    whole = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "words.png").write_text("words")
    Image.new("L", (40, 9)).save("small.png")
    before = names(tmp_path)
    for words, message in (
        (["missing.png"], "missing.png: no such file"),
        (["cut.png"], "cut.png: cannot be read"),
        (["words.png"], "words.png: no image that can be read"),
        (["."], "cannot be read"),
        (["small.png"], "40 x 9 pixels is smaller than the filters of 17 x 17"),
        (["photo.png", "--sigma", "6"], "smaller than the filters"),
        (["photo.png", "--sigma", "0"], "at least 0.5 pixels, got 0"),
        (["photo.png", "--sigma", "nan"], "at least 0.5 pixels, got nan"),
        (["--sigma", "2"], "--sigma is in pixels of an image"),
        (["--filter", "G22"], 'no filter "G22"; did you mean "G2"? Known: G1, G2'),
        (["--filter", ""], 'no filter ""'),
        (["--angle", "nan"], "a finite angle, got nan"),
        (["--angle", "inf"], "a finite angle, got inf"),
        (["--output", "."], ". is a folder"),
        (["--output", "a.txt"], "a.txt: the picture is written as .png, .pdf or .svg"),
        (["--output", "nowhere/a.png"], "nowhere does not exist"),
    ):
        error = run("filters", *words, code=2).err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert message in error
    assert names(tmp_path) == before
