"""Rounding errors of single float64 steps, for all inputs in a range, by Gappa.

Each step has a file in ``proofs/gappa`` whose goal states the bound, and here a smaller bound that one input exceeds:
the smaller bound is refused by Gappa, and false by exact arithmetic.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofs.ledger.outcome import MissingTool, Outcome, proved, refuted, rejected, unknown

SOURCES = Path(__file__).resolve().parents[1] / "gappa"
_BOUND = re.compile(r"(\|computed - exact\|) <= (\d+)b(-?\d+) \}")


@dataclass(frozen=True)
class Step:
    """One float64 step: its expression, for floats and fractions alike, and an input that exceeds a smaller bound."""

    expression: Callable[..., Any]
    too_small: tuple[int, int]
    """The sibling's bound (m, e), for m 2^e."""
    witness: Mapping[str, float]
    """Found by search; its error is above the sibling's bound."""


STEPS: Mapping[str, Step] = {
    "td_error": Step(
        lambda reward, value, next_value, gamma: reward + gamma * next_value - value,
        (1, -46),
        {
            "reward": 0.9989841426719082,
            "value": 95.41668937159382,
            "next_value": -99.9900750101208,
            "gamma": 0.9122041157593845,
        },
    ),
    "gae_step": Step(
        lambda reward, value, next_value, later, gamma, gae_lambda: (
            reward + gamma * next_value - value + gamma * gae_lambda * later
        ),
        (1, -44),
        {
            "reward": 0.9977457271289114,
            "value": 98.2095279206667,
            "next_value": -97.83489521100958,
            "later": -186.75073328009674,
            "gamma": 0.9879374611953369,
            "gae_lambda": 0.9519166012083236,
        },
    ),
    "squared_error": Step(
        lambda value, target: (value - target) * (value - target),
        (1, -39),
        {"value": 63.99094824113732, "target": -63.7629353001989},
    ),
    "clip_objective": Step(
        lambda clip_eps, advantage: (1 + clip_eps) * advantage,
        (1, -50),
        {"clip_eps": 0.9187464215778925, "advantage": -7.994947464237873},
    ),
    "adam_first_moment": Step(
        lambda beta, first, grad: beta * first + (1 - beta) * grad,
        (1, -53),
        {"beta": 0.6274307211867056, "first": -0.8767876926620968, "grad": -0.9591939767577763},
    ),
    "adam_second_moment": Step(
        lambda beta, second, grad: beta * second + (1 - beta) * grad * grad,
        (1, -53),
        {"beta": 0.6805495412225443, "second": 0.9992890941262991, "grad": 0.9999940207216091},
    ),
}


def bound(name: str) -> Outcome:
    """Proved, if Gappa accepts the bound in the goal of the file; rejected, if it cannot prove it."""
    return _verdict(name, _source(name))


def sibling(name: str) -> Outcome:
    """Refuted: Gappa refuses the smaller bound, and the witness is an input whose `error` is above `too_small`."""
    mantissa, exponent = STEPS[name].too_small
    refused = _verdict(name, _with_goal(name, rf"\1 <= {mantissa}b{exponent} }}"))
    if refused.verdict != "rejected":
        return refused
    return refuted(f"Gappa refuses the bound {mantissa} 2^{exponent}", **STEPS[name].witness)


def enclosure(name: str) -> str:
    """The best interval of the error that Gappa finds, as it prints it."""
    answer = _gappa(_with_goal(name, r"\1 in ? }"))
    found = re.search(r"\|computed - exact\| in (\[.*\])", answer.stdout + answer.stderr)
    if found is None:
        raise ValueError(f"{name}: Gappa finds no enclosure: {answer.stderr.strip()}")
    return found[1]


def limit(name: str) -> Fraction:
    """The bound in the goal of the file."""
    goal = _BOUND.search(_source(name))
    if goal is None:
        raise ValueError(f"{name}.g states no bound |computed - exact| <= MbE")
    return int(goal[2]) * Fraction(2) ** int(goal[3])


def too_small(name: str) -> Fraction:
    """The bound of the sibling."""
    mantissa, exponent = STEPS[name].too_small
    return mantissa * Fraction(2) ** exponent


def error(name: str, **inputs: float) -> Fraction:
    """The error of the float64 step at one input, exactly."""
    expression = STEPS[name].expression
    exact = expression(**{key: Fraction(value) for key, value in inputs.items()})
    return abs(Fraction(expression(**inputs)) - exact)


def in_range(name: str, **inputs: float) -> bool:
    """Whether an input lies in the ranges that the goal assumes."""
    assumed = _source(name).split("{")[1].split("->")[0]
    sizes = [(key, -Fraction(size), Fraction(size)) for key, size in re.findall(r"\|(\w+)\| <= ([\d.]+)", assumed)]
    spans = [(key, Fraction(a), Fraction(b)) for key, a, b in re.findall(r"(\w+) in \[([\d.]+), ([\d.]+)\]", assumed)]
    ranges = sizes + spans
    if {key for key, _, _ in ranges} != set(inputs):
        raise ValueError(f"{name}.g assumes ranges of {[key for key, _, _ in ranges]}, not of {list(inputs)}")
    return all(low <= Fraction(inputs[key]) <= high for key, low, high in ranges)


def _source(name: str) -> str:
    return (SOURCES / f"{name}.g").read_text()


def _with_goal(name: str, goal: str) -> str:
    text, count = _BOUND.subn(goal, _source(name))
    if count != 1:
        raise ValueError(f"{name}.g must state one bound, found {count}")
    return text


def _verdict(name: str, source: str) -> Outcome:
    answer = _gappa(source)
    if answer.returncode == 0:
        return proved(f"{name}.g for all float64 inputs in its ranges")
    if "not satisfied" in answer.stderr:
        return rejected(f"{name}.g: " + " ".join(answer.stderr.split())[:200])
    return unknown(f"{name}.g: " + " ".join(answer.stderr.split())[:200])


def _gappa(source: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("gappa") is None:
        raise MissingTool("gappa is not installed (Debian: apt-get install --no-install-recommends gappa)")
    return subprocess.run(["gappa"], input=source, capture_output=True, text=True)
