"""Sets of images: folders, tables, masks, IDX files, archives; what is odd in them."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from intertwine._errors import UsageError
from intertwine.data.images import ImageLayout, iter_images, read_images

random = np.random.default_rng(0)


def write(path, shape=(8, 8), kind=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = random.integers(0, 255, shape).astype(kind)
    Image.fromarray(array).save(path)
    return array


def folder_of(root, classes=("cat", "dog"), each=3, shape=(8, 8)):
    arrays = [write(root / name / f"{number}.png", shape) for name in classes for number in range(each)]
    return np.stack(arrays)


def idx(array):
    code = {"uint8": 8, "float32": 13}[array.dtype.name]
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + (
        array.astype(array.dtype.newbyteorder(">")).tobytes()
    )  # fmt: skip


def test_a_folder_for_each_class(tmp_path):
    arrays = folder_of(tmp_path)
    found = read_images(tmp_path)
    assert np.array_equal(found.pixels[:, 0].numpy(), arrays)
    assert found.image_fields["classes"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.label_names == {"classes": ("cat", "dog")}
    assert found.names[0] == "cat/0.png"
    assert found.split is None
    assert found.remarks == ()


@pytest.mark.parametrize("above", [True, False])
def test_prescribed_split(tmp_path, above):
    for part, kind in ((part, kind) for part in ("train", "val", "test") for kind in "ab"):
        write(tmp_path / (f"{part}/{kind}" if above else f"{kind}/{part}") / "0.png")
    split = read_images(tmp_path).split
    assert [len(part) for part in (split.train, split.validation, split.test)] == [2, 2, 2]
    write(tmp_path / "loose.png")
    with pytest.raises(UsageError, match=r"loose\.png.* is in no part of the split"):
        read_images(tmp_path)


def test_mixed_sizes_gray_and_color_sixteen_bits(tmp_path):
    write(tmp_path / "a/gray.png", (8, 8))
    write(tmp_path / "a/wide.png", (10, 20, 3))
    write(tmp_path / "b/deep.png", (12, 12), np.uint16)
    found = read_images(tmp_path)
    assert found.pixels.shape == (3, 3, 12, 12)
    assert found.pixels.dtype == torch.float32
    assert found.pixels.min() >= 0
    assert found.pixels.max() <= 1
    assert "images of mixed sizes, 8 x 8 to 12 x 12" in found.remarks[0] or "10 x 20" in found.remarks[0]
    assert "gray images repeated as colors" in found.remarks
    assert "16 bit (1 file)" in found.remarks
    assert read_images(tmp_path, size=5, channels=1).pixels.shape == (3, 1, 5, 5)


def test_one_size_that_is_no_square_is_padded(tmp_path):
    arrays = folder_of(tmp_path, shape=(4, 8))
    found = read_images(tmp_path)
    assert found.remarks == ("images 4 x 8 padded to 8 x 8",)
    assert np.array_equal(found.pixels[:, 0, 2:6].numpy(), arrays)


def test_bad_files_are_skipped_and_named(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "cat/broken.png").write_bytes(b"no image")
    whole = tmp_path / "cat/0.png"
    write(tmp_path / "dog/cut.png", (64, 64))
    (tmp_path / "dog/cut.png").write_bytes((tmp_path / "dog/cut.png").read_bytes()[:900])
    found = read_images(tmp_path, size=8)
    assert len(found) == 6
    assert [name for name, _ in found.skipped] == ["cat/broken.png", "dog/cut.png"]
    assert found.skipped[0][1] == "no image that can be read"
    with pytest.raises(UsageError, match=r"broken\.png"):
        read_images(tmp_path, strict=True)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(UsageError, match=rf"no image can be read: {whole.parent.name}/"):
        read_images(tmp_path)


def test_one_class_is_one_line(tmp_path):
    folder_of(tmp_path, classes=("cat",))
    with pytest.raises(UsageError, match='one class only, "cat"'):
        read_images(tmp_path)


def test_a_flat_folder_has_no_labels(tmp_path):
    write(tmp_path / "a.png")
    with pytest.raises(UsageError, match="image 1 has no label"):
        read_images(tmp_path)


@pytest.mark.parametrize("heading", ["", "label;path;split\n", "path,label\n"])
def test_tables(tmp_path, heading):
    folder_of(tmp_path, each=2)
    rows = [f"cat/{n}.png,kitten" for n in (0, 1)] + [f"dog/{n}.png,puppy" for n in (0, 1)]
    if ";" in heading:
        rows = [
            ";".join((*reversed(row.split(",")), part)) for row, part in zip(rows, ("train", "test") * 2, strict=True)
        ]
    (tmp_path / "labels.csv").write_text(heading + "\n".join(rows) + "\n")
    found = read_images(tmp_path / "labels.csv")
    assert found.label_names == {"classes": ("kitten", "puppy")}
    assert found.image_fields["classes"].tolist() == [0, 0, 1, 1]
    assert (found.split is not None) == (";" in heading)


def test_numbers_are_read_as_a_quantity(tmp_path):
    folder_of(tmp_path, each=2)
    names = ("cat/0.png", "cat/1.png", "dog/0.png")
    table = tmp_path / "labels.csv"
    table.write_text("".join(f"{name},{value}\n" for name, value in zip(names, (1.5, 2, -3e2), strict=True)))
    assert read_images(table).image_fields["values"].tolist() == [1.5, 2, -300]
    table.write_text("".join(f"{name},{value}\n" for name, value in zip(names, (10, 9, 10), strict=True)))
    assert read_images(table).label_names == {"classes": ("9", "10")}
    assert read_images(table, labels="numbers").image_fields["values"].tolist() == [10, 9, 10]
    table.write_text("cat/0.png,inf\ncat/1.png,2.5\n")
    with pytest.raises(UsageError, match='the label "inf" is not a finite number'):
        read_images(table, labels="numbers")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("name,label\nx,1\n", "expected a heading such as"),
        ("path,label\n", "holds no images"),
        ("path,label\ncat/0.png\n", "row 2: expected 2 columns"),
        ("path,label,split\ncat/0.png,a,later\n", 'the split "later"'),
        ("path,label\nnowhere.png,a\n", "no image can be read: nowhere.png"),
    ],
)
def test_bad_tables_are_one_line(tmp_path, text, says):
    folder_of(tmp_path, each=1)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UsageError, match=says) as caught:
        read_images(tmp_path / "labels.csv")
    assert "\n" not in str(caught.value)


def test_masks(tmp_path):
    for number, values in enumerate(([0, 7, 255], [0, 7, 7])):
        write(tmp_path / f"images/{number}.jpg", (6, 6, 3))
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(random.choice(np.array(values, np.uint8), (6, 6))).save(tmp_path / f"masks/{number}.png")
    found = read_images(tmp_path)
    assert found.label_names == {"masks": ("0", "7")}
    assert set(found.pixel_fields["masks"].unique().tolist()) == {0, 1, 255}
    assert found.remarks == ("pixels of value 255 in masks are left out",)
    write(tmp_path / "masks/1.png", (5, 6))
    assert [name for name, _ in read_images(tmp_path).skipped] == ["images/1.jpg"]
    (tmp_path / "masks/1.png").unlink()
    with pytest.raises(UsageError, match=r"images/1\.jpg has no mask"):
        read_images(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_idx(tmp_path, compressed):
    images, labels = random.integers(0, 255, (6, 5, 5)).astype(np.uint8), np.array([3, 1] * 3, np.uint8)
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = gzip.compress(idx(array)) if compressed else idx(array)
            (tmp_path / f"{part}-{name}-ubyte{'.gz' if compressed else ''}").write_bytes(content)
    found = read_images(tmp_path)
    assert np.array_equal(found.pixels[:6, 0].numpy(), images)
    assert found.label_names == {"classes": ("1", "3")}
    assert [len(part) for part in (found.split.train, found.split.test)] == [6, 6]
    single = read_images(next(tmp_path.glob("train-images*")))
    assert len(single) == 6
    assert single.split is None


def test_damaged_idx_is_one_line(tmp_path):
    path, content = tmp_path / "train-images-idx3-ubyte", idx(np.zeros((3, 4, 4), np.uint8))
    for bad, says in (
        (content[:-1], "truncated"),
        (b"PK", "no IDX file"),
        (content, "no labels"),
        (content[:9], "trunc"),
    ):
        path.write_bytes(bad)
        with pytest.raises(UsageError, match=says):
            read_images(path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(2, np.uint8)))
    path.write_bytes(content)
    with pytest.raises(UsageError, match="has 3 images"):
        read_images(path)


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW", "floats", "parts"])
def test_archives(tmp_path, layout):
    images, labels = random.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8), np.array([0, 1, 1, 0])
    path = tmp_path / "a.npz"
    if layout == "parts":
        np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels[:, None])
    else:
        stored = {"NHW": images[..., 0], "NCHW": images.transpose(0, 3, 1, 2), "floats": images / 255}.get(
            layout, images
        )
        np.savez(path, images=stored, labels=labels)
    found = read_images(path)
    assert len(found) == (8 if layout == "parts" else 4)
    expected = images[..., :1] if layout == "NHW" else images
    values = (255 * found.pixels.double()).numpy() if layout == "floats" else found.pixels.numpy()
    assert np.allclose(values[:4].transpose(0, 2, 3, 1), expected, atol=1e-4)
    assert (found.split is not None) == (layout == "parts")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"other": np.zeros(3)}, "expected arrays images and labels"),
        ({"images": np.zeros((3, 4)), "labels": np.zeros(3)}, "expected images"),
        ({"images": np.zeros((3, 4, 4)), "labels": np.zeros(2)}, "3 images, 2 labels"),
        ({"images": np.full((3, 4, 4), np.nan), "labels": np.arange(3)}, "not finite"),
        ({"images": np.zeros((0, 4, 4)), "labels": np.zeros(0)}, "of one shape"),
        ({"images": np.zeros((3, 4, 4)), "labels": np.array([None, 1, 2])}, "no archive"),
    ],
)
def test_bad_archives_are_one_line(tmp_path, arrays, says):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UsageError, match=says):
        read_images(tmp_path / "a.npz")


def test_streams(tmp_path):
    arrays = folder_of(tmp_path, each=5)
    (tmp_path / "cat/bad.png").write_bytes(b"")
    chunks = list(iter_images(tmp_path, ImageLayout(8, 1), 4))
    assert np.array_equal(torch.cat([chunk.pixels for chunk in chunks])[:, 0].numpy(), arrays)
    assert [skipped for chunk in chunks for skipped in chunk.skipped] == [("cat/bad.png", "no image that can be read")]
    single = next(iter(iter_images(tmp_path / "cat/0.png", ImageLayout(4, 3))))
    assert single.pixels.shape == (1, 3, 4, 4)
    assert single.image_fields["height"].tolist() == [8]


def test_sizes(tmp_path):
    write(tmp_path / "a/1.png", (300, 300))
    write(tmp_path / "b/1.png", (300, 300))
    found = read_images(tmp_path)
    assert found.pixels.shape[-1] == 128
    assert found.remarks == ("images 300 x 300 scaled to 128 x 128", "--size keeps more")
    for shape in ((1, 1), (1, 50)):
        write(tmp_path / "a/2.png", shape)
        assert read_images(tmp_path, size=9).pixels.shape == (3, 1, 9, 9)
