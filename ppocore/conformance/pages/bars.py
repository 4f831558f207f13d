"""One number: the right and the wrong one as two bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ppocore.conformance.pages.scales import Scale, number, short

WIDTH, HEIGHT, LEFT, RIGHT = 360, 64, 72, 290


def bars(example: Mapping[str, Any]) -> dict[str, Any] | None:
    """Places of two bars; None unless both answers are numbers."""
    right, wrong = number(example.get("want")), number(example.get("got"))
    if right is None or wrong is None or right == wrong == 0:
        return None
    line = Scale(min(0.0, right, wrong), max(0.0, right, wrong), LEFT, RIGHT)
    zero = line(0.0)
    rows = [{"name": name, "text": short(value), "x": min(zero, line(value)), "end": max(zero, line(value)),
             "wide": max(abs(line(value) - zero), 1.0), "y": 8 + 28 * i}
            for i, (name, value) in enumerate((("right", right), ("wrong", wrong)))]
    return {"width": WIDTH, "height": HEIGHT, "zero": zero, "rows": rows}
