"""Lines of programs, and messages of workers: first lines, answers, and bytes that are none."""

from __future__ import annotations

import io
import json
import math
import random
from functools import cache
from typing import Any

import numpy as np

from ppocore.conformance import lines, mutants
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.conventions import parse
from ppocore.conformance.hello import describe, usual
from ppocore.conformance.messages import framed, pack_answer, receive, unpack_answer
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.probes import numbers
from ppocore.conformance.processes import NO_ANSWER
from ppocore.conformance.texts import plain
from tests.fuzz import mutations
from tests.fuzz.target import Complaint, Target

Replies = dict[int, tuple[Question, dict[str, Any]]]


@cache
def replies() -> Replies:
    """By seq: questions of every operation, and the line that answers each rightly."""
    found: Replies = {}
    for name, operation in OPERATIONS.items():
        small = [q for q in mutants.questions(operation, "float64") if not q.case.poisoned and numbers(q) < 60][:3]
        for question in small:
            seq = lines.request(question)["seq"]
            found[seq] = question, {"seq": seq, "outputs": _outputs(name, question)}
    return found


def _outputs(name: str, question: Question) -> dict[str, Any]:
    answer = mutants.answer(_bench(name), DEFINITIONS[name], question)
    first = OPERATIONS[name].outputs[0]
    items = [value for key, value in answer.outputs.items() if key.startswith(f"{first}[")]
    return {first: plain(items)} if items else {key: plain(value) for key, value in answer.outputs.items()}


def judged(question: Question, right: dict[str, Any]) -> dict[str, Any]:
    """The same with None at slots that are not judged."""
    mask = question.inputs.get("mask")
    if mask is None:
        return right
    return {name: np.where(mask, np.array(value, dtype=object), None).tolist() if np.shape(value) == mask.shape
            and not name.startswith("grad_") else value for name, value in right.items()}


@cache
def _bench(name: str) -> Bench:
    return Bench(OPERATIONS[name], "float64")


def make_reply(random: random.Random) -> bytes:
    _, right = random.choice(list(replies().values()))
    return mutations.json_line(random, right)


def check_reply(data: bytes) -> Complaint:
    try:
        message = lines.parse(data)
    except lines.Foreign as foreign:
        return _printable(str(foreign))
    seq = message.get("seq")
    if not isinstance(seq, int) or seq not in replies():
        # The dialogue refuses any other seq than the one it asked with; here it answers whatever comes first.
        seq = next(iter(replies()))
    question, right = replies()[seq]
    operation = OPERATIONS[question.case.operation]
    answer = lines.answer(operation, message)
    with np.errstate(all="ignore"):
        passes = answer.outcome == "ok" and _bench(operation.name).mismatch(
            DEFINITIONS[operation.name], question, answer, Choices()) is None
    if passes and not same(message.get("outputs", {}), judged(question, right["outputs"]), operation.outputs[0]):
        return "a wrong answer passes"
    if message == right and not passes:
        return f"the right answer does not pass: {answer}"
    return _printable(answer.message, *answer.notes)


def same(given: Any, right: Any, first: str) -> bool:
    """True if these outputs say what the right ones do, read with nothing of the gate."""
    return isinstance(given, dict) and first in given and all(
        _close(given[name], value) for name, value in right.items() if name in given and given[name] is not None)


def _close(given: Any, right: Any) -> bool:
    if isinstance(right, list):
        return isinstance(given, list) and len(given) == len(right) and all(map(_close, given, right))
    if right is None:
        return True
    try:
        number, wanted = float(given), float(right)
    except (TypeError, ValueError, OverflowError):
        return False
    return math.isclose(number, wanted, rel_tol=1e-4, abs_tol=1e-7) or (math.isnan(number) and math.isnan(wanted))


def _printable(*texts: str) -> Complaint:
    return next((f"control characters are passed on: {text!r}" for text in texts if not text.isprintable()), None)


def make_hello(random: random.Random) -> bytes:
    hello = usual(random.choice(("float64", "float32")))
    operations = hello["operations"]
    for name in random.sample(list(operations), len(operations) - random.randrange(1, 4)):
        del operations[name]
    hello |= {"name": "mine", "version": "1", "language": "c",
              "conventions": {"advantage_std": "ddof1", "gae": {"truncation": "terminal"}}}
    return mutations.json_line(random, hello)


def check_hello(data: bytes) -> Complaint:
    try:
        hello = lines.parse(data)
        found = describe(hello, "--exec x", "x")
        parse(found.conventions)
    except (lines.Foreign, BadAdapter) as error:
        return _printable(str(error))
    except ValueError:
        # What `parse` raises of conventions; the runner puts the label before it.
        return None
    for name, parameters in found.operations.items():
        if name not in OPERATIONS or not {p.name for p in parameters} <= set(OPERATIONS[name].inputs):
            return f"{name} with {parameters} is let in"
    if not found.operations:
        return "a program that offers nothing is let in"
    return _printable(found.name, found.version, found.framework, *found.notes)


def make_message(random: random.Random) -> bytes:
    question, _ = random.choice(list(replies().values()))
    answer = mutants.answer(_bench(question.case.operation), DEFINITIONS[question.case.operation], question)
    message = pack_answer(answer) | {"threads": False}
    if random.random() < 0.6:
        return framed(mutations.json_(random, message))
    return mutations.bytes_(random, framed(message))


def check_message(data: bytes) -> Complaint:
    message = receive(io.BytesIO(data))
    if message is None:
        return None
    try:
        answer, _ = unpack_answer(message), bool(message["threads"])
    except NO_ANSWER:
        return None
    return None if answer.outcome in ("ok", "raised", "malformed") else f"an outcome {answer.outcome!r} is let in"


def make_request(random: random.Random) -> bytes:
    """The other direction: what we send is JSON of the protocol, whatever it holds."""
    question, _ = random.choice(list(replies().values()))
    passed = random.choice(question.passed)
    value = random.choice(mutations.JUNK)
    return json.dumps({"seq": lines.request(question)["seq"], "name": passed, "value": value}).encode()


def check_request(data: bytes) -> Complaint:
    row = json.loads(data)
    question, _ = replies()[row["seq"]]
    put = Question(question.case, question.passed, {**question.inputs, row["name"]: row["value"]})
    text = lines.line(lines.request(put))
    if text.count("\n") != 1 or not text.isascii():
        return f"it is not one line of ASCII: {text!r}"
    json.loads(text, parse_constant=_refuse)
    return None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


TARGETS = (
    Target("replies", make_reply, check_reply, weight=4),
    Target("hellos", make_hello, check_hello, weight=2),
    Target("messages", make_message, check_message, weight=2),
    Target("requests", make_request, check_request, shrinks=False),
)
