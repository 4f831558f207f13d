"""What travels through the gate: a case, the question made of it for one function, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["smoke", "core", "gradients", "edge", "reject"]
Outcome = Literal["ok", "raised", "timeout", "crash", "malformed", "not-run"]

GATING: tuple[Level, ...] = ("smoke", "core", "gradients")
"""Levels that decide verdict and exit status; the others are notes unless --strict."""

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
"""Unit roundoff u of each DTYPE."""


@dataclass(frozen=True)
class Part:
    """What one partner contributes to what an answer must be."""

    id: str
    """The partner case."""
    scale: float = 1.0
    at: Any = None
    """Index into the partner's outputs; None for all of them."""


@dataclass(frozen=True)
class Relation:
    """How the answer to a case must follow from the answers to others: the sum of its parts, and a shift.

    The definition judges both sides; the relation says what it means when one is right and the other is not.
    """

    name: str
    broken: str
    """What a failure says: `permuting the environments changed your answer`."""
    parts: tuple[Part, ...]
    shift: Mapping[str, float] = field(default_factory=dict)
    """By output: what is added."""


POISON, AGAIN = "poison", "again"
"""Relations that ask for more: the same bits, and the same answer at another time."""


@dataclass(frozen=True)
class Case:
    """An input of one operation, with all the information any form of it could ask for.

    Arrays are NumPy: float64 holding values representable in DTYPE, bool flags, int64 indices.  Scalars are
    Python floats and ints.  ``None`` stands for an optional input that the case does not use.
    """

    id: str
    operation: str
    level: Level
    says: str
    inputs: Mapping[str, Any]
    exact: bool = False
    """Meaning case: only + - * and division by powers of two; the tolerance is zero."""
    poisoned: bool = False
    """Holds NaN, an infinity or a huge number where it cannot matter."""
    kinks: bool = False
    """May sit on a point without a derivative: near one, a gradient is a set."""
    relation: Relation | None = None
    """To another case of the operation, which is put in the same form."""
    layout: bool = False
    """Its arrays lie in memory in an unusual way, which only some frameworks can be handed."""


@dataclass(frozen=True)
class Question:
    """A case as it is put to one function: what is passed, and everything that the oracle may know."""

    case: Case
    passed: tuple[str, ...]
    """Names of the inputs handed over, by keyword."""
    inputs: Mapping[str, Any]
    """The case's inputs with every form and default filled in; ``passed`` picks from these."""


@dataclass(frozen=True)
class Answer:
    """What came back from one call."""

    outcome: Outcome
    message: str = ""
    outputs: Mapping[str, NDArray[Any] | list[NDArray[Any]]] = field(default_factory=dict)
    """By output name, float64 (any shape the function returned)."""
    gradients: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """By `grad_` name: what automatic differentiation of the returned loss gave."""
    mutated: tuple[str, ...] = ()
    """Inputs that the call changed."""
    aliased: tuple[str, ...] = ()
    """Outputs that share memory with an input."""
    notes: tuple[str, ...] = ()
    """For people, such as: no gradient, because the loss has no graph."""


Status = Literal["pass", "fail", "error", "skip", "xfail", "xpass"]
Word = Literal["conforms", "conforms-under", "known-mistake", "unknown-difference", "error", "not-offered"]


@dataclass(frozen=True)
class Result:
    """What one case showed."""

    id: str
    operation: str
    level: Level
    status: Status
    message: str = ""
    counterexample: Mapping[str, Any] | None = None
    """JSON-ready: inputs as passed, `output`, `index`, `got`, `want`, for the smallest input found."""


@dataclass(frozen=True)
class Verdict:
    """What the cases of one operation say together."""

    operation: str
    verdict: Word
    mistakes: tuple[str, ...] = ()
    conventions: Mapping[str, str] = field(default_factory=dict)
    """The values other than the defaults that explain the answers."""
    declared: bool = True
    """True if the adapter declares every one of them."""
    green: bool = True
    notes: tuple[str, ...] = ()
    """For people: what is not covered, how to declare what was found, aliases, missing gradients."""
