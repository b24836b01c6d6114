"""The geometry of a curve: scales, ticks and points of one metric over the epochs, as numbers.

Used by `sections`; the template draws it as SVG, so colours and dark mode are CSS's business and no
text of a run becomes markup here. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 340, 170  # units of the view box
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 10, 24  # room for the labels
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # what people count in
TICKS = 4
MOST_POINTS = 400  # a longer curve is thinned: more is neither seen nor worth its bytes


@dataclass(frozen=True)
class Tick:
    """A line of the grid: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """One metric's curve, in units of the view box."""

    name: str
    paths: tuple[str, ...]  # points of a polyline each; a missing value parts the line
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    best: tuple[float, float] | None
    best_label: str
    last_label: str
    width: int = WIDTH
    height: int = HEIGHT


def chart(name: str, points: Sequence[tuple[int, float | None]], best: int | None) -> Chart | None:
    """The chart of (epoch, value) pairs; `best` is the epoch that was kept. None without a value."""
    known = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
    if not known:
        return None
    low, high, ticks = scale(min(y for _, y in known), max(y for _, y in known))
    first, last = min(x for x, _ in points), max(x for x, _ in points)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        up = (y - low) / (high - low)
        plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return round(LEFT + across * plot_width, 2), round(TOP + (1 - up) * plot_height, 2)

    kept = next(((x, y) for x, y in known if x == best), None)
    return Chart(
        name=name,
        paths=tuple(
            " ".join(f"{x},{y}" for x, y in (place(*point) for point in run))
            for run in _runs(_thin(points))
        ),
        x_ticks=tuple(Tick(place(x, low)[0], str(x)) for x in dict.fromkeys((first, last))),
        y_ticks=tuple(Tick(place(first, y)[1], label) for y, label in ticks),
        best=place(*kept) if kept else None,
        best_label=f"{kept[1]:.5g} at epoch {kept[0]}" if kept else "",
        last_label=f"{known[-1][1]:.5g}",
    )


def scale(low: float, high: float) -> tuple[float, float, list[tuple[float, str]]]:
    """Round bounds around the values and the ticks between them, each with its text."""
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / TICKS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(one for one in STEPS if one * magnitude >= rough) * magnitude
    start, end = math.floor(low / step), math.ceil(high / step)
    digits = max(0, -math.floor(math.log10(step)) + (step / magnitude == 2.5))  # noqa: PLR2004 - a step
    ticks = [(index * step, _label(index * step, digits)) for index in range(start, end + 1)]
    return start * step, end * step, ticks


def _label(value: float, digits: int) -> str:
    if value and (abs(value) >= 1e6 or abs(value) < 1e-4):  # noqa: PLR2004 - wider than the room for it
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def _thin(points: Sequence[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    step = -(-len(points) // MOST_POINTS)
    thin = list(points[::step])
    return thin if not points or thin[-1] == points[-1] else [*thin, points[-1]]


def _runs(points: Sequence[tuple[int, float | None]]) -> list[list[tuple[int, float]]]:
    """The unbroken stretches of the curve."""
    runs: list[list[tuple[int, float]]] = [[]]
    for x, y in points:
        if y is None or not math.isfinite(y):
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]
