"""Where frames jump and equivariant encoders do not: along a path of clouds whose second moments meet, and under noise.

    python benchmarks/shapes/frame_jump.py         # two tables, docs/images/frame_jump.png

The path X(s) is a generic cloud that changes all the time and is stretched so that its largest two second moments meet
at s = 1/3 and the lesser two at s = 2/3; between, third moments along the axes vanish. Networks have random weights, in
float64, batch statistics of other random clouds. Their invariants f are measured in units of their spread between
clouds, so that 1 is as much as another cloud makes; steps of the path by |X(s + ds) - X(s)| over all points.
"""

from __future__ import annotations

from typing import Any

import torch
from frame_jump_networks import Function, networks
from moving_clouds import EVENTS, path, sign_change, turns_by_noise
from showing import markdown, save
from torch import Tensor

from intertwine._figures import BLUE, GRAY, GREEN, INK, RED

STEPS, HALVINGS = 2000, 20


def size(change: Tensor) -> Tensor:
    """Root mean square over the outputs."""
    return change.square().mean(-1).sqrt()


def ratios(values: Tensor, clouds: Tensor) -> Tensor:
    """``|f(X(s + ds)) - f(X(s))| / |X(s + ds) - X(s)|`` for clouds one after the other."""
    return size(values.diff(dim=0)) / clouds.diff(dim=0).flatten(1).norm(dim=1)


def steepest(function: Function, places: Tensor, along: Tensor) -> tuple[Tensor, Tensor, float, float]:
    """From the steepest step of the path on, the steeper half again and again.

    Returns:
        The steps ds and the ratios on them; where the last is, and what changes on it. Where the function is smooth the
        ratio goes to the slope there; at a jump it doubles each time, and the change stays.
    """
    worst = int(along.argmax())
    ends = places[worst : worst + 2]
    found = [(float(ends.diff()), float(along[worst]))]
    for _ in range(HALVINGS):
        ends = torch.stack([ends[0], ends.mean(), ends[1]])
        clouds = path(ends)
        values = function(clouds)
        halves = ratios(values, clouds)
        half = int(halves.argmax())
        ends = ends[half : half + 2]
        found.append((float(ends.diff()), float(halves[half])))
    steps, slopes = torch.tensor(found, dtype=torch.float64).T
    return steps, slopes, float(ends[0]), float(size(values.diff(dim=0))[half])


def table(functions: dict[str, tuple[Function, str, str]], curves: dict[str, Any], sign: float) -> str:
    """A row for each network: what a step of 1e-9 across each place changes, and the ratios."""
    heads = ["network", "l1 = l2", "third moment 0", "l2 = l3", "ratio: median", f"largest, ds = {1 / STEPS:.0e}"]
    rows = []
    for name, (function, _, _) in functions.items():
        jumps = []
        for place in (EVENTS[0], sign, EVENTS[1]):
            clouds = path(torch.tensor([place - 5e-10, place + 5e-10], dtype=torch.float64))
            jumps.append(f"{float(size(function(clouds).diff(dim=0))[0]):.1g}")
        _, along, steps, slopes, place, change = curves[name]
        largest = (f"{float(slopes[k]):.2g}" for k in (0, -1))
        rows.append((name, *jumps, f"{float(along.median()):.2g}", *largest, f"{place:.4f}", f"{change:.1g}"))
    return markdown([*heads, f"halved to ds = {float(steps[-1]):.0e}", "at s", "change there"], rows)


def follow(function: Function) -> tuple[Tensor, Tensor, Tensor, Tensor, float, float]:
    """The outputs on the path, the ratios of its steps, and what `steepest` says."""
    places = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    clouds = path(places)
    values = function(clouds)
    along = ratios(values, clouds)
    return values, along, *steepest(function, places, along)


def noise() -> list[tuple[int, float, float, float, float]]:
    """Points, noise, gap, predicted and measured angle."""
    sweep = [(n, s, g) for n in (32, 512) for s in (0.003, 0.03, 0.1) for g in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)]
    return [(*each, *turns_by_noise(*each)) for each in sweep]


def draw(page: Any, functions: dict[str, Any], curves: dict[str, Any], sign: float, turns: list[Any]) -> None:
    """The path, its slopes, the steepest step ever finer, and the frame under noise."""
    (first, second), (third, fourth) = page.subplots(2, 2)
    places = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    for name, (_, color, stroke) in functions.items():
        values, along, steps, slopes, *_ = curves[name]
        style = {"color": color, "linestyle": stroke, "linewidth": 1.4, "label": name}
        if stroke == "-":
            first.plot(places, values[:, 0] - values[0, 0], **style)
            second.plot(places[1:], along, **{**style, "linewidth": 1.0})
        third.plot(steps, slopes, **style)
    for panel in (first, second):
        for place in (EVENTS[0], sign, EVENTS[1]):
            panel.axvline(place, color=GRAY, linewidth=0.8, linestyle="--", zorder=0)
        named = ["s = 0", "λ₁ = λ₂", "third\nmoment 0", "λ₂ = λ₃", "1"]
        panel.set_xticks([0, EVENTS[0], sign, EVENTS[1], 1], named)
        panel.set_xlim(0, 1)
    first.set_title("an invariant along the path, in spreads between clouds", fontsize=9.5)
    second.set_title(f"|f(X(s + ds)) − f(X(s))| / |X(s + ds) − X(s)|, ds = {1 / STEPS:g}", fontsize=9.5)
    second.set_yscale("log")
    third.set_title("the same at the steepest step, halved again and again", fontsize=9.5)
    third.set_xscale("log"), third.set_yscale("log")
    third.invert_xaxis()
    third.set_xlabel("ds")
    for n, marker in ((32, "o"), (512, "x")):
        for sigma, color in ((0.003, BLUE), (0.03, GREEN), (0.1, RED)):
            chosen = [each[3:] for each in turns if each[:2] == (n, sigma)]
            fourth.plot(
                *zip(*chosen, strict=True), marker, color=color, markersize=4, label=f"{n} points, noise {sigma}"
            )
    line = torch.logspace(-4, 1, 2)
    fourth.plot(line, line, color=INK, linewidth=0.8, label="to first order")
    fourth.axhline(torch.pi / 12**0.5, color=GRAY, linewidth=0.8, linestyle="--", label="any angle alike")
    fourth.set_title("angle of the first principal axis under noise (radians)", fontsize=9.5)
    fourth.set_xscale("log"), fourth.set_yscale("log")
    fourth.set_xlabel("noise √(λ₁ + λ₂) / (λ₁ − λ₂)")
    fourth.legend(fontsize=7.5)
    page.legend(*third.get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8.5)


def main() -> None:
    torch.set_num_threads(1)
    functions, sign = networks(), sign_change()
    curves = {name: follow(function) for name, (function, _, _) in functions.items()}
    print(table(functions, curves, sign))
    turns = noise()
    rows = [(str(n), f"{s:g}", f"{g:g}", f"{p:.3g}", f"{m:.3g}", f"{m / p:.2f}") for n, s, g, p, m in turns]
    print(markdown(("points", "noise", "(l1 - l2) / n", "predicted", "measured", "ratio"), rows))
    save(lambda page: draw(page, functions, curves, sign, turns), "frame_jump", 9.5, 7.0)


if __name__ == "__main__":
    main()
