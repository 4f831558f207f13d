"""What functions return: the right numbers in every dress, wrong ones in all of them, and things that are no numbers.

An input is `label|operation|number of the question|expression`; the label says what the verdict on it must be.
"""

from __future__ import annotations

import collections
import dataclasses
import random
from functools import cache
from typing import Any

import numpy as np

from ppocore.conformance import frameworks, mutants
from ppocore.conformance.calls import answer
from ppocore.conformance.case import Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.probes import numbers
from ppocore.conformance.returned import LISTS
from tests.fuzz.target import Complaint, Target

NAMES = [name for name in OPERATIONS if name not in LISTS]
QUESTIONS = 4


class Sub(np.ndarray):
    """An array that lies about everything that Python asks it."""

    shape = property(lambda self: (7, 7))  # type: ignore[assignment]
    dtype = property(lambda self: np.dtype(object))  # type: ignore[assignment]

    def __eq__(self, other: Any) -> Any:
        return True

    def __sub__(self, other: Any) -> Any:
        return self * 0

    __abs__ = __rsub__ = __sub__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Changing:
    """Something else each time it is looked at."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.value = self.value + 1
        return np.array(self.value)


class Number(float):
    """A float that equals everything."""

    __eq__ = __le__ = __ge__ = lambda self, other: True  # type: ignore[assignment]
    __sub__ = __rsub__ = __add__ = __mul__ = lambda self, other: Number(0)  # type: ignore[assignment]
    __hash__ = float.__hash__


class Word(str):
    """A name whose looks change."""

    def __eq__(self, other: Any) -> bool:
        return True

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return self + "!"


class Pair(tuple):
    """A NamedTuple, it says."""

    _fields = ("a", 3, None)


class Exploding:
    """Nothing can be asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(name)


class Secret:
    """Runs code in whoever unpickles it."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


def record(**fields: Any) -> Any:
    """A dataclass with these fields."""
    return dataclasses.make_dataclass("Record", list(fields))(**fields)


def named(**fields: Any) -> Any:
    """A NamedTuple with these fields."""
    return collections.namedtuple("Named", list(fields))(**fields)


WORDS = {kind.__name__: kind for kind in (Sub, Changing, Number, Word, Pair, Exploding, Secret)} | {
    "np": np, "record": record, "named": named}

RIGHT = ("x", "x.tolist()", "np.array(x, order='F')", "x[...]", "np.asarray(x).view(Sub)", "x + 0",
         "np.array(x, dtype=np.longdouble)", "np.ma.masked_array(x)", "np.matrix(x).A.reshape(np.shape(x))")
WRONG = ("x + 1", "x - 3", "x[:0] if np.ndim(x) else np.zeros(0)", "np.asarray(x)[None]", "np.stack([x, x])",
         "np.asarray(x).astype(str)", "np.asarray(x).astype(bytes)", "x + 1j", "None", "{}", "[]", "()", "'x'", "b'x'",
         "object()", "[x, [x]]", "np.full_like(x, np.nan)", "np.full_like(x, -np.inf)", "Changing(x)", "lambda: x",
         "type",
         "(i for i in range(3))", "Exploding()", "Secret()", "Exploding", "Number(1e9)", "Pair([x])", "10**400",
         "set()",
         "np.array([Secret()])", "np.array('2020', 'M8')", "memoryview(b'')", "range(10**9)", "np.empty((0, 10**6))",
         "np.broadcast_to(1.5, (10**5, 10**5))", "[[1.0], [2.0, 3.0]]", "float('nan')", "np.asarray(x) * np.nan",
         "np.zeros((1,) * 30)", "{'': x}", "{1: x}", "{Word('q'): x}", "record(q=x)", "named(q=x)", "NotImplemented",
         "...",
         "[None]", "{None: None}", "Number", "np", "'1.0'", "np.array(['1.0'])", "np.void(b'xxxx')", "Exception('x')")
DRESSES = ("{}", "{{'NAME': {}}}", "({},)", "named(NAME={})", "record(NAME={})", "{{'NAME': {}, 'other': 1}}",
           "({}, None)", "({}, None, None, None, 'more')")
"""Ways to hand over the first output."""
UNDRESSED = ("[{}]", "{{'other': {}}}", "(None, {})", "[[{}]]", "{{'NAMES': {}}}", "named(other={})", "({}).__class__")
"""Ways that do not."""


@cache
def asked(name: str) -> list[tuple[Question, Any]]:
    """Small questions of an operation, with the right first output."""
    operation, bench = OPERATIONS[name], _bench(name)
    found = []
    for question in mutants.questions(operation, "float64"):
        if question.case.poisoned or numbers(question) > 60:
            continue
        right = mutants.answer(bench, DEFINITIONS[name], question)
        found.append((question, right.outputs[operation.outputs[0]]))
    return found[:QUESTIONS]


@cache
def _bench(name: str) -> Bench:
    return Bench(OPERATIONS[name], "float64")


def make(random: random.Random) -> bytes:
    name = random.choice(NAMES)
    number = random.randrange(len(asked(name)))
    right, dressed = random.random() < 0.25, random.random() < 0.8
    inner = random.choice(RIGHT if right else WRONG)
    dress = random.choice(DRESSES if dressed else UNDRESSED)
    text = dress.format(inner).replace("NAME", OPERATIONS[name].outputs[0])
    label = "right" if right and dressed else "wrong"
    return f"{label}|{name}|{number}|{text}".encode()


def check(data: bytes) -> Complaint:
    label, name, number, text = data.decode().split("|", 3)
    question, right = asked(name)[int(number)]

    def function(**given: Any) -> Any:
        return eval(text, dict(WORDS), {"x": right.copy()})

    given = {n: question.inputs[n] for n in question.passed}
    found = answer(function, OPERATIONS[name], frameworks.find("numpy"), "float64", given)
    with np.errstate(all="ignore"):
        passes = found.outcome == "ok" and _bench(name).mismatch(
            DEFINITIONS[name], question, found, Choices()) is None
    if label == "wrong" and passes:
        return f"it passes: {text}"
    if label == "right" and not passes:
        return f"it does not pass: {text}: {found.outcome} {found.message}"
    return None if found.message.isprintable() else f"its message has control characters: {found.message!r}"


TARGETS = (Target("outputs", make, check, weight=4, shrinks=False),)
