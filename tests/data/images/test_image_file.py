"""Image files of every kind: bit depths, palettes, transparency, EXIF, damage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from intertwine._errors import UsageError
from intertwine.data.images import image_files, read_image, read_mask, write_mask

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], -1)


def save(path, array, mode=None, **options):
    Image.fromarray(np.ascontiguousarray(array), mode=mode).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif"])
def test_formats_without_loss(tmp_path, suffix):
    array = GRAY if suffix == ".gif" else COLOR
    path = save(tmp_path / f"a{suffix}", array, **({"lossless": True} if suffix == ".webp" else {}))
    expected = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    assert np.array_equal(read_image(path).pixels.numpy(), expected)


def test_jpeg_is_close(tmp_path):
    smooth = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    pixels = read_image(save(tmp_path / "a.jpg", smooth, quality=95)).pixels
    assert pixels.shape == (3, 16, 16)
    assert (pixels.float() - torch.tensor([200.0, 100, 50])[:, None, None]).abs().max() < 4


def test_channels_are_converted(tmp_path):
    gray, color = save(tmp_path / "g.png", GRAY), save(tmp_path / "c.png", COLOR)
    assert np.array_equal(read_image(gray, channels=3).pixels.numpy(), np.stack([GRAY] * 3))
    luma = np.array(Image.open(color).convert("L")).astype(int)
    assert np.abs(read_image(color, channels=1).pixels[0].numpy().astype(int) - luma).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits(tmp_path, suffix):
    deep = (np.arange(12).reshape(3, 4) * 5000).astype(np.uint16)
    found = read_image(save(tmp_path / f"a{suffix}", deep))
    assert found.remarks == ("16 bit",)
    assert found.pixels.dtype == torch.float32
    assert np.allclose(found.pixels[0].numpy(), deep / 65535)


def test_floating_point_numbers(tmp_path):
    values = np.linspace(-2, 6, 12, dtype=np.float32).reshape(3, 4)
    found = read_image(save(tmp_path / "a.tif", values))
    assert np.allclose(found.pixels[0].numpy(), (values + 2) / 8)
    values[0, 0] = np.nan
    with pytest.raises(UsageError, match=r"b\.tif: .*not a finite number"):
        read_image(save(tmp_path / "b.tif", values))


def test_alpha_is_blended_over_black(tmp_path):
    rgba = np.dstack([COLOR, np.full((3, 4), 128, np.uint8)])
    found = read_image(save(tmp_path / "a.png", rgba))
    assert found.remarks == ("alpha blended over black",)
    assert np.array_equal(found.pixels.numpy(), np.round(COLOR * (128 / 255)).astype(np.uint8).transpose(2, 0, 1))
    gray = read_image(save(tmp_path / "b.png", np.dstack([GRAY, np.full((3, 4), 255, np.uint8)]), "LA"))
    assert np.array_equal(gray.pixels.numpy(), GRAY[None])


def test_palettes(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "color.png")
    assert read_image(tmp_path / "color.png").pixels[:, 0].tolist() == [[255, 0], [0, 0], [0, 255]]
    image.putpalette([9, 9, 9, 77, 77, 77])
    image.save(tmp_path / "gray.png")
    assert read_image(tmp_path / "gray.png").pixels.tolist() == [[[9, 77], [77, 9]]]
    assert read_mask(tmp_path / "color.png").tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honored(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
               6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).T, 8: np.rot90}[orientation]  # fmt: skip
    found = read_image(save(tmp_path / "a.png", GRAY, exif=exif))
    assert np.array_equal(found.pixels[0].numpy(), upright(GRAY))
    assert found.remarks == (() if orientation == 1 else ("turned upright as EXIF says",))


def test_damaged_files_are_one_line(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    whole = save(tmp_path / "whole.png", noise).read_bytes()
    jpeg = save(tmp_path / "whole.jpg", noise).read_bytes()
    bad = {"truncated.png": whole[:600], "truncated.jpg": jpeg[:600], "text.png": b"hello", "empty.jpg": b""}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.png").mkdir()
    for name in (*bad, "folder.png", "missing.png"):
        with pytest.raises(UsageError, match=name) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_one_pixel(tmp_path):
    assert read_image(save(tmp_path / "a.png", GRAY[:1, 1:2])).pixels.tolist() == [[[20]]]


def test_masks(tmp_path):
    mask = torch.tensor([[0, 2], [1, 255]], dtype=torch.uint8)
    write_mask(tmp_path / "m.png", mask, [(0, 0, 0), (255, 0, 0), (0, 255, 0)])
    assert read_mask(tmp_path / "m.png").tolist() == mask.tolist()
    with pytest.raises(UsageError, match=r"c\.png: a mask has one class index a pixel"):
        read_mask(save(tmp_path / "c.png", COLOR))


def test_image_files_are_sorted_and_not_hidden(tmp_path):
    for name in ("b/2.PNG", "a/1.jpg", "a/notes.txt", ".git/x.png", "a/.hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)] == ["a/1.jpg", "b/2.PNG"]
