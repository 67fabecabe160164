"""Command `intertwine keypoints`: find those of an image, or match two and estimate the geometry between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, show_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from torch import Tensor

    from intertwine.ops import Keypoints
    from intertwine.tasks.keypoints import ImageMatches, TwoViewGeometry

    Extractor = Callable[[Tensor, int | None], Keypoints]

SUCCESS = 0

_NO_GEOMETRY = "none"
_RATIO, _LEARNED_RATIO, _THRESHOLD = 0.8, 0.95, 3.0


def keypoints(
    first: Annotated[str, typer.Argument(metavar="A", help="Image file.")],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="Image file to match it with.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Trained detector and descriptor (fit keypoints); SIFT when not given.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="IMAGE", help="Picture of the matches, or of the keypoints.", show_default=False
        ),
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Table of them (CSV).", show_default=False)] = None,
    geometry: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="homography, fundamental, essential or none; by default homography where OpenCV is installed.",
            show_default=False,
        ),
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option(metavar="PIXELS", help="Focal length, for the essential matrix.", show_default=False),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="PIXELS", help="Largest error of an inlier; by default 3.", show_default=False),
    ] = None,
    ratio: Annotated[
        float | None,
        typer.Option(
            help="Ratio test: nearest over second nearest descriptor, within 0 .. 1; by default 0.8 of SIFT, 0.95 of a "
            "trained descriptor.",
            show_default=False,
        ),
    ] = None,
    max_keypoints: Annotated[int, typer.Option(help="Largest number of keypoints of an image.")] = 4096,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> int:
    """Find the keypoints of an image; or match two, and estimate the homography or epipolar geometry between them."""
    from intertwine.tasks import check_output
    from intertwine.tasks.keypoints import match_images

    if ratio is not None and not 0 < ratio <= 1:
        raise UsageError(f"--ratio expects a number above 0 and at most 1, got {ratio}")
    if not 1 <= max_keypoints <= 100_000:
        raise UsageError(f"--max-keypoints expects a number within 1 .. 100,000, got {max_keypoints:,}")
    if threshold is not None and not 0 < threshold < float("inf"):
        raise UsageError(f"--threshold expects a number of pixels above 0, got {threshold}")
    for name in (output, csv):
        if name is not None:
            check_output(Path(name), force=force)
    kind = _NO_GEOMETRY if second is None else _geometry(geometry, focal)
    if output is not None and Path(output).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{output}: the picture is written as .png or .jpg")
    if second is None:
        given = {"--geometry": geometry, "--focal": focal, "--threshold": threshold, "--ratio": ratio}
        for flag, value in given.items():
            if value is not None:
                raise UsageError(f"{flag} is for the matches of two images: give another one, or leave it out")
    extract = {} if checkpoint is None else {"extract": _extractor(checkpoint)}
    if second is None:
        return _write_keypoints(first, output, csv, max_keypoints, extract, force=force)
    share = ratio or (_RATIO if checkpoint is None else _LEARNED_RATIO)
    found = match_images(first, second, max_keypoints=max_keypoints, ratio=share, **extract)
    return _write(first, second, found, output, csv, kind, focal, threshold or _THRESHOLD, force=force)


def _geometry(name: str | None, focal: float | None) -> str:
    from intertwine.tasks import unknown
    from intertwine.tasks.keypoints import GEOMETRIES, has_opencv

    if name is None:
        return "homography" if has_opencv() else _NO_GEOMETRY
    if name not in (*GEOMETRIES, _NO_GEOMETRY):
        raise unknown("geometry", name, (*GEOMETRIES, _NO_GEOMETRY))
    if name == "essential" and not (focal is not None and 0 < focal < float("inf")):
        raise UsageError("--geometry essential needs the focal length of the camera: give --focal PIXELS, above 0")
    if name != _NO_GEOMETRY and not has_opencv():
        raise UsageError(f'--geometry {name} needs OpenCV, which is not installed: pip install "intertwine[images]"')
    return name


def _extractor(checkpoint: str) -> Extractor:
    """What finds keypoints: the model of a checkpoint."""
    from intertwine.tasks import load
    from intertwine.tasks.keypoints import KeypointPredictor

    predictor = load(checkpoint)
    if not isinstance(predictor, KeypointPredictor):
        raise UsageError(f"--checkpoint {checkpoint} is no model of keypoints: train one with intertwine fit keypoints")
    return predictor.extract


def _write_keypoints(
    path: str, output: str | None, csv: str | None, max_keypoints: int, extract: dict[str, Extractor], *, force: bool
) -> int:
    from intertwine.tasks import output_file
    from intertwine.tasks.keypoints import draw_keypoints, find_keypoints, write_keypoints

    found = find_keypoints(path, max_keypoints=max_keypoints, **extract)
    screen = console()
    _show_image(screen, path, found.image, found.keypoints)
    for remark in found.remarks:
        show_line(screen, "note", remark)
    scales = found.keypoints.scales
    if len(scales):
        low, middle, high = (float(each) for each in (scales.min(), scales.median(), scales.max()))
        show_line(screen, "scales", f"{low:.2f} to {high:.2f} pixels, median {middle:.2f}")
    if csv is not None:
        with output_file(Path(csv), force=force) as part:
            write_keypoints(part, found.keypoints)
        show_line(screen, "written", csv)
    if output is not None:
        _save(draw_keypoints(found.image, found.keypoints), output, force=force)
    return SUCCESS


def _write(
    first: str,
    second: str,
    found: ImageMatches,
    output: str | None,
    csv: str | None,
    kind: str,
    focal: float | None,
    threshold: float,
    *,
    force: bool,
) -> int:
    import torch

    from intertwine.tasks import output_file
    from intertwine.tasks.keypoints import draw_matches, two_view_geometry, write_matches

    model = None
    if kind != _NO_GEOMETRY:
        centers = [torch.tensor([(image.shape[2] - 1) / 2, (image.shape[1] - 1) / 2]) for image in found.images]
        model = two_view_geometry(
            kind, *found.points, threshold=threshold, focal=focal, centers=(centers[0], centers[1])
        )
    screen = console()
    _show(screen, first, second, found, model)
    inliers = None if model is None else model.inliers
    if csv is not None:
        with output_file(Path(csv), force=force) as path:
            write_matches(path, found, inliers)
        show_line(screen, "written", csv)
    if output is not None:
        _save(draw_matches(found, inliers), output, force=force)
    return SUCCESS


def _save(picture: Any, output: str, *, force: bool) -> None:
    """Write a Pillow image."""
    from intertwine.tasks import output_file

    with output_file(Path(output), force=force) as path:
        picture.save(path, format="PNG" if output.lower().endswith(".png") else "JPEG")
    show_line(console(), "written", output)


def _show_image(screen: Console, name: str, image: Tensor, points: Keypoints) -> None:
    show_line(screen, name, f"{image.shape[2]} x {image.shape[1]} pixels, {len(points.positions):,} keypoints")


def _show(screen: Console, first: str, second: str, found: ImageMatches, model: TwoViewGeometry | None) -> None:
    for name, image, points in zip((first, second), found.images, found.keypoints, strict=True):
        _show_image(screen, name, image, points)
    for remark in found.remarks:
        show_line(screen, "note", remark)
    show_line(screen, "matches", f"{len(found.pairs):,}")
    if model is None:
        return
    if model.matrix is None:
        show_line(screen, model.kind, "none: too few matches agree")
        return
    show_line(screen, model.kind, f"{int(model.inliers.sum()):,} of {len(found.pairs):,} matches are inliers")
    for row in model.matrix.tolist():
        show_line(screen, "", "".join(f"{value:>15.6g}" for value in row))
