"""Questions and answers as lines of JSON, for programs in any language (docs/protocol.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ppocore.conformance.case import Answer, Question
from ppocore.conformance.frameworks import VALUE_ONLY
from ppocore.conformance.operations import Operation
from ppocore.conformance.returned import LISTS, Malformed, in_float64, output_arrays, pick
from ppocore.conformance.texts import clean, plain

FORMAT = 1
START: dict[str, Any] = {"cmd": "start", "format": FORMAT}
STOP: dict[str, Any] = {"cmd": "stop"}
NUMBERS = {"nan": float("nan"), "-nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
"""The numbers that JSON lacks; C prints -nan too."""

REFUSALS = ("rejects", "error", "skip")
"""What a program may answer instead of outputs; none of them is a pass."""


class Foreign(ValueError):
    """A line that is no message of the protocol; the text says what was found, to follow 'answered with'."""


def line(message: Mapping[str, Any]) -> str:
    """One message as it is written."""
    return json.dumps(plain(message), allow_nan=False) + "\n"


def request(question: Question) -> dict[str, Any]:
    """What a program is asked; `seq` depends on nothing but the rest, so an answer fits this question only."""
    inputs = {name: plain(question.inputs[name]) for name in question.passed}
    asked = {"id": question.case.id, "operation": question.case.operation, "inputs": inputs}
    digest = hashlib.sha256(json.dumps(asked).encode()).digest()
    # 48 bits: a whole number in every language, those included that have only doubles.
    return {"cmd": "run", "seq": int.from_bytes(digest[:6], "big"), **asked}


def parse(text: str | bytes) -> dict[str, Any]:
    """One line that somebody else wrote."""
    try:
        found = json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        raise Foreign(f"a line that is not JSON: {excerpt(text)}") from None
    if not isinstance(found, dict):
        raise Foreign(f"a line that is no JSON object: {excerpt(text)}")
    return found


def _whole(digits: str) -> int | float:
    """Longer ones than any `seq` are outputs, and those are real numbers."""
    return int(digits) if len(digits) < 16 else float(digits)


def excerpt(text: str | bytes) -> str:
    """The beginning of a line, to be quoted."""
    if isinstance(text, bytes):
        text = text[:400].decode("utf-8", "replace")
    text = clean(text[:400])
    return repr(text if len(text) <= 60 else text[:60] + " ...")


def answer(operation: Operation, message: Mapping[str, Any]) -> Answer:
    """What a program answered; whatever its outputs are, an Answer comes back."""
    for word in REFUSALS:
        if word in message:
            return Answer("raised", f"{word}: {clean(str(message[word])[:400])}")
    try:
        return _outputs(operation, message.get("outputs"))
    except Malformed as error:
        return Answer("malformed", clean(str(error)))


def _outputs(operation: Operation, outputs: Any) -> Answer:
    if not isinstance(outputs, dict):
        raise Malformed(f"answered without outputs; one of outputs, {', '.join(REFUSALS)} is required.")
    if outputs.get(operation.outputs[0], "") is None:
        _numbers(operation.outputs[0], None)
    picked, notes = pick(operation, outputs)
    raw = {name: _value(operation, name, value) for name, value in picked.items()}
    arrays = {name: output_arrays(operation, name, value) for name, value in raw.items()}
    if operation.differentiable and not any(name.startswith("grad_") for name in raw):
        notes.append(f"{VALUE_ONLY}no gradient is returned")
    return Answer("ok", "", {name: in_float64(name, array, raw[name]) for name, array in arrays.items()},
                  notes=tuple(clean(note) for note in notes))


def _value(operation: Operation, name: str, value: Any) -> Any:
    """An output with its numbers as floats; Malformed for what is neither a number nor a list."""
    try:
        if operation.name in LISTS and name == operation.outputs[0]:
            return [_numbers(name, item) for item in value]
        return _numbers(name, value)
    except RecursionError:
        raise Malformed(f"{name} is nested too deeply.") from None


def _numbers(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(name, item) for item in value]
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and value in NUMBERS:
        return NUMBERS[value]
    found = "null (what JSON has for NaN in some languages)" if value is None else excerpt(str(value))
    raise Malformed(f"{name} holds {found}; a number or one of the strings nan, inf, -inf is required.")
