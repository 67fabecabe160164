"""Command `intertwine keypoints`: match two images and estimate the geometry between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
_RATIO, _LEARNED_RATIO = 0.8, 0.95


def keypoints(
    first: Annotated[str, typer.Argument(metavar="A", help="Image file.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Image file.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Trained detector and descriptor (fit keypoints); SIFT when not given.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="IMAGE", help="Picture of the matches.", show_default=False)
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Table of the matches (CSV).", show_default=False)
    ] = None,
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
    threshold: Annotated[float, typer.Option(metavar="PIXELS", help="Largest error of an inlier.")] = 3.0,
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
    """Match two images by keypoints, and estimate the homography or the epipolar geometry between them."""
    from intertwine.tasks import check_output

    if ratio is not None and not 0 < ratio <= 1:
        raise UsageError(f"--ratio expects a number above 0 and at most 1, got {ratio}")
    if not 1 <= max_keypoints <= 100_000:
        raise UsageError(f"--max-keypoints expects a number within 1 .. 100,000, got {max_keypoints:,}")
    if not 0 < threshold < float("inf"):
        raise UsageError(f"--threshold expects a number of pixels above 0, got {threshold}")
    for name in (output, csv):
        if name is not None:
            check_output(Path(name), force=force)
    kind = _geometry(geometry, focal)
    if output is not None and Path(output).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"{output}: the picture of the matches is written as .png or .jpg")
    share = ratio or (_RATIO if checkpoint is None else _LEARNED_RATIO)
    extract = None if checkpoint is None else _extractor(checkpoint)
    found = _match(first, second, extract, share, max_keypoints)
    return _write(first, second, found, output, csv, kind, focal, threshold, force=force)


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


def _match(first: str, second: str, extract: Extractor | None, ratio: float, max_keypoints: int) -> ImageMatches:
    from intertwine.tasks.keypoints import match_images

    options = {} if extract is None else {"extract": extract}
    return match_images(first, second, max_keypoints=max_keypoints, ratio=ratio, **options)


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
        with output_file(Path(output), force=force) as path:
            draw_matches(found, inliers).save(path, format="PNG" if output.lower().endswith(".png") else "JPEG")
        show_line(screen, "written", output)
    return SUCCESS


def _show(screen: Console, first: str, second: str, found: ImageMatches, model: TwoViewGeometry | None) -> None:
    for name, image, points in zip((first, second), found.images, found.keypoints, strict=True):
        show_line(screen, name, f"{image.shape[2]} x {image.shape[1]} pixels, {len(points.positions):,} keypoints")
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
