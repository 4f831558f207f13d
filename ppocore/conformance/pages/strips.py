"""A rollout as a strip of steps: what went in, where an episode ends, the right and the wrong answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ppocore.conformance.pages.scales import Scale, number, short

LABEL, STEP, ROW, BARS, HEAD = 92, 66, 20, 56, 24
"""Width of the labels and of a step; heights of a row, of the bars, and of the line with the steps' names."""
PER_LINE = 4
"""Steps side by side, so that the picture can be read on a phone."""
MOST = 12
"""Steps that are shown of a long rollout: those around the wrong one."""
ENDS = ("terminated", "truncated", "dones")


def strip(example: Mapping[str, Any]) -> dict[str, Any] | None:
    """One environment or row of the counterexample; None unless the answer has the shape of an input."""
    inputs, answers = example.get("inputs") or {}, example.get("answers")
    index = example.get("index")
    if not isinstance(answers, Mapping) or not index:
        return None
    shape = _shape(answers["want"])
    if not shape or len(shape) > 2 or len(index) != len(shape) or _shape(answers["got"]) != shape:
        return None
    rows = {name: value for name, value in inputs.items() if _shape(value) == shape}
    if not rows or not all(0 <= place < length for place, length in zip(index, shape, strict=True)):
        return None
    # Tokens run along axis 1; time and samples along axis 0.
    tokens = len(shape) == 2 and "last_values" not in inputs and "mask" in inputs
    line = _line_of(index, shape, tokens)
    first, last = _window(index[1 if tokens else 0], len(line(answers["want"])))
    after = {name: value[index[1]] for name, value in inputs.items()
             if name in ("last_values", "last_dones") and len(shape) == 2 and _shape(value) == shape[1:]}
    cut = {name: line(value)[first:last] for name, value in rows.items()}
    right, wrong = line(answers["want"])[first:last], line(answers["got"])[first:last]
    steps = [_step(first + i, i, cut, right[i], wrong[i]) for i in range(last - first)]
    return _laid_out(steps, list(rows), right, wrong) | {
        "about": _about(example["output"], index, shape, tokens), "hidden": len(line(answers["want"])) - len(steps),
        "ends": any(step["end"] for step in steps), "cut": any(step["end"] == "truncated" for step in steps),
        "after": [(name, _text(value)) for name, value in after.items()],
        "scalars": [(name, _exact(value)) for name, value in inputs.items() if not isinstance(value, (list, tuple))],
    }


def _line_of(index: Sequence[int], shape: Sequence[int], tokens: bool) -> Any:
    """How to take one environment, or one row of tokens, out of an array."""
    if len(shape) == 1:
        return list
    if tokens:
        return lambda value: list(value[index[0]])
    return lambda value: [row[index[1]] for row in value]


def _window(at: int, length: int) -> tuple[int, int]:
    first = max(0, min(at - MOST // 2, length - MOST))
    return first, min(length, first + MOST)


def _step(number_: int, place: int, cut: Mapping[str, Any], right: Any, wrong: Any) -> dict[str, Any]:
    flags = {name: values[place] is True for name, values in cut.items() if isinstance(values[place], bool)}
    ended = next((name for name in ENDS if flags.get(name)), "")
    return {"name": number_, "values": [(name, _text(values[place]), flags.get(name)) for name, values in cut.items()],
            "end": ended, "masked": flags.get("mask") is False, "right": right, "wrong": wrong,
            "differs": right != wrong}


def _laid_out(
    steps: list[dict[str, Any]], names: list[str], right: Sequence[Any], wrong: Sequence[Any]
) -> dict[str, Any]:
    """Lines of steps, each with its places."""
    known = [value for value in map(number, [*right, *wrong]) if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    tall = HEAD + ROW * len(names)
    bars = Scale(low, high, BARS, 0.0) if high > low else Scale(-1.0, 1.0, BARS, 0.0)
    line_height = tall + BARS + 2 * ROW + 30
    lines: list[dict[str, Any]] = []
    for start in range(0, len(steps), PER_LINE):
        beside = enumerate(steps[start:start + PER_LINE])
        placed = [_placed(step, LABEL + STEP * i, tall + 8, bars) for i, step in beside]
        lines.append({"y": len(lines) * line_height, "steps": placed, "wide": LABEL + STEP * len(placed)})
    return {"width": LABEL + STEP * PER_LINE + 4, "height": line_height * len(lines), "lines": lines, "names": names,
            "label": LABEL, "step": STEP, "row": ROW, "head": HEAD, "tall": tall, "zero": tall + 8 + bars(0.0),
            "answers_y": tall + 8 + BARS + 4, "line_height": line_height}


def _placed(step: dict[str, Any], x: float, top: float, bars: Scale) -> dict[str, Any]:
    return step | {"x": x, "right_text": _text(step["right"]), "wrong_text": _text(step["wrong"]),
                   "right_bar": _bar(step["right"], top, bars), "wrong_bar": _bar(step["wrong"], top, bars)}


def _bar(value: Any, top: float, bars: Scale) -> tuple[float, float] | None:
    """Top and height; None where the answer is no number."""
    known = number(value)
    if known is None:
        return None
    ends = sorted((top + bars(known), top + bars(0.0)))
    return round(ends[0], 1), round(max(ends[1] - ends[0], 1.0), 1)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "\N{MIDDLE DOT}"
    known = number(value)
    return str(value) if known is None else short(known)


def _exact(value: Any) -> str:
    known = number(value)
    return str(value) if known is None else f"{known:.6g}"


def _about(output: str, index: Sequence[int], shape: Sequence[int], tokens: bool) -> str:
    if len(shape) == 1:
        return output
    axis, place, many = ("row", index[0], shape[0]) if tokens else ("environment", index[1], shape[1])
    return f"{output}, {axis} {place} of {many}" if many > 1 else output


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists; () for anything ragged or single."""
    if not isinstance(value, (list, tuple)):
        return ()
    inner = {_shape(item) for item in value} or {()}
    if len(inner) != 1 or any(isinstance(item, (list, tuple)) for item in value) != (inner != {()}):
        return ()
    return (len(value), *inner.pop())


