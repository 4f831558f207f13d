"""Numbers hidden in code, such as the 1e-5 of std + 1e-5 or the 3 of a dual clip, read off its answers.

Each guess is checked like any declared value: it counts only if it explains every answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ppocore.conformance.case import UNIT, Answer, Question
from ppocore.conformance.compare import K
from ppocore.conformance.conventions import number_text

Asked = Sequence[tuple[Question, Answer]]
USUAL_CLAMPS = ("20", "10")
USUAL_EPS = ("outside:1e-4", "outside:1e-6")
"""Of group advantages, tried also where the answers tell nothing: a mistake may hide the number."""


def values(convention: str, operation: str, asked: Asked, dtype: str) -> list[str]:
    """Values of a convention with a number in it that the answers suggest."""
    guess = _GUESSES[convention]
    found: list[str] = []
    for value in guess(operation, asked, UNIT[dtype]):
        if value not in found:
            found.append(value)
    return found


def _shortest(x: float, room: float) -> str:
    """The decimal with the fewest digits within `room` of x."""
    for digits in range(1, 17):
        candidate = float(f"{x:.{digits - 1}e}")
        if abs(candidate - x) <= room:
            return number_text(candidate)
    return number_text(x)


def _eps_values(kind: str, x: float, room: float) -> Iterator[str]:
    """The number as code would write it, read generously first; what is no larger than its error is no number."""
    if 2 * room < x <= 1e-3 + room:
        for generous in (16 * room, room):
            yield f"{kind}{_shortest(x, min(generous, x / 4))}"


def _std_eps(operation: str, asked: Asked, unit: float) -> Iterator[str]:
    yield "none"
    found = [group for question, answer in asked for group in _normalised(question, answer)]
    scored = sorted((float(np.std(a)), i) for i, (a, _) in enumerate(found) if a.size > 1)
    for _, i in [pair for pair in scored if pair[0] > 0][:3]:
        a, got = found[i]
        centred = a - a.mean()
        top = int(np.argmax(np.abs(centred)))
        if not got[top]:
            continue
        denominator = centred[top] / got[top]
        room = 4 * K * unit * abs(denominator)
        for ddof in (0, 1):
            std = float(np.std(a, ddof=ddof))
            yield from _eps_values("outside:", denominator - std, room)
            yield from _eps_values("inside:", denominator**2 - std**2, 2 * room * abs(denominator))
        if denominator > float(np.std(a, ddof=1)) * (1 + 1e-6):
            yield from _eps_values("floor:", denominator, room)
    if operation == "grpo_advantages":
        yield from USUAL_EPS
    # A floor below every spread that was asked about shows only where all advantages are equal.
    yield "floor:1e-9"


def _normalised(question: Question, answer: Answer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What was normalised together, and what was made of it: the valid entries, or each row of a group."""
    got = _first(answer)
    if "rewards" in question.inputs:
        rewards = np.asarray(question.inputs["rewards"])
        if got.shape == rewards.shape:
            yield from zip(rewards, got, strict=True)
        return
    a, mask = np.asarray(question.inputs["advantages"]), question.inputs.get("mask")
    if got.shape == a.shape:
        yield (a, got) if mask is None else (a[mask], got[mask])


def _first(answer: Answer) -> np.ndarray:
    return np.asarray(next(iter(answer.outputs.values()), math.nan), dtype=np.float64)


def _explained_variance(operation: str, asked: Asked, unit: float) -> Iterator[str]:
    scored = sorted((float(np.var(q.inputs["returns"])), i) for i, (q, _) in enumerate(asked))
    for variance, i in [pair for pair in scored if pair[0] > 0][:3]:
        question, answer = asked[i]
        residual = float(np.var(question.inputs["returns"] - question.inputs["values"]))
        got = _first(answer)
        if got.size != 1 or not residual or float(got.reshape(())) == 1.0:
            continue
        denominator = residual / (1 - float(got.reshape(())))
        room = K * unit * abs(denominator) * (1 + 1 / abs(1 - float(got.reshape(()))))
        yield from _eps_values("var+", denominator - variance, room)
        yield from _eps_values("floor:", denominator, room)


def _single(asked: Asked) -> Iterator[tuple[float, float, float]]:
    """(log-ratio, advantage, answer) of the cases with one sample and one number for an answer."""
    for question, answer in asked:
        given, got = question.inputs, _first(answer)
        if "log_prob" in given and given["log_prob"].size == 1 and got.size == 1:
            d = (given["log_prob"] - given["old_log_prob"]).item()
            if given.get("vf_coef", 0.0) == 0.0 and given.get("dual_clip") is None:
                yield d, np.asarray(given.get("advantages", 1.0)).item(), float(got.reshape(()))


_CLAMPED: dict[str, Callable[[float], float]] = {
    "kl_k1": abs,
    "kl_k2": lambda y: math.sqrt(2 * y),
    "kl_k3": lambda y: math.log(y + 1 + math.log(y + 1 + math.log(y + 1))),
}


def _log_ratio_clamp(operation: str, asked: Asked, unit: float) -> Iterator[str]:
    for d, advantage, got in _single(asked):
        if d < 2 or not math.isfinite(got) or not got or not advantage:
            continue
        solve = _CLAMPED.get(operation, math.log)
        clamp = solve(abs(got if operation in _CLAMPED else got / advantage))
        if 0 < clamp < d * (1 - 1e-9):
            yield _shortest(clamp, 1e-3 if operation == "kl_k3" else 8 * K * unit * (clamp + 2))
    yield from USUAL_CLAMPS


def _dual_clip(operation: str, asked: Asked, unit: float) -> Iterator[str]:
    for d, advantage, got in _single(asked):
        if d > 0.5 and advantage < 0 and got > 0 and got / -advantage < math.exp(min(d, 700.0)) * (1 - 1e-6):
            c = got / -advantage
            if c >= 1:
                yield _shortest(c, 8 * K * unit * c)


_GUESSES: dict[str, Callable[[str, Asked, float], Iterator[str]]] = {
    "std_eps": _std_eps, "explained_variance": _explained_variance, "log_ratio_clamp": _log_ratio_clamp,
    "dual_clip": _dual_clip,
}
