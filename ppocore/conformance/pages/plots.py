"""A loss against the ratio, or against v - R: where the lines of the picture run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ppocore.conformance.pages.scales import Scale, number, scale, short

WIDTH, HEIGHT = 360, 222
LEFT, RIGHT, TOP, BOTTOM = 46, 350, 12, 186


def plot(example: Mapping[str, Any]) -> dict[str, Any] | None:
    """The right and the wrong curve; None if the counterexample has none."""
    curve = example.get("curve")
    if not isinstance(curve, Mapping):
        return None
    points = [p for p in map(_point, curve["points"]) if p is not None]
    heights = [y for _, *pair in points for y in pair if y is not None]
    if len(points) < 2 or points[0][0] >= points[-1][0]:
        return None
    xs = Scale(points[0][0], points[-1][0], LEFT, RIGHT)
    ys = scale(heights, BOTTOM, TOP)
    at = number(curve["at"])
    here = next(((want, got) for x, want, got in points if x == at), None)
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM,
        "x_label": curve["axis"], "y_label": curve["output"], "moved": _slot(curve),
        "x_ticks": xs.ticks(), "y_ticks": ys.ticks(),
        "edges": [(xs(edge), short(edge)) for edge in map(number, curve["edges"]) if edge is not None],
        "want": [[(xs(x), ys(want)) for x, want, _ in points]],
        "got": _runs([(xs(x), None if got is None else ys(got)) for x, _, got in points]),
        "here": None if here is None or at is None else
                {"x": xs(at), "want": ys(here[0]), "got": None if here[1] is None else ys(here[1])},
    }


def _point(row: Any) -> tuple[float, float, float | None] | None:
    x, want = number(row[0]), number(row[1])
    return None if x is None or want is None else (x, want, number(row[2]))


def _runs(points: list[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None:
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _slot(curve: Mapping[str, Any]) -> str:
    return f"{curve['moved']}[{', '.join(map(str, curve['slot']))}]"
