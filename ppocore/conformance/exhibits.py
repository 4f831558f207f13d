"""The smallest input that tells a named mistake from the definition, in the plainest numbers that still do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppocore.conformance import mutants
from ppocore.conformance.case import Question
from ppocore.conformance.compare import Bench, Mismatch
from ppocore.conformance.mistakes.catalogue import Mistake
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.shrink import shrink

NUMBERS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, -4.0, 0.25, -0.25)
"""Plain numbers, the plainest first; all are dyadic."""
SCALARS: Mapping[str, tuple[float, ...]] = {
    "gamma": (0.5, 1.0), "gae_lambda": (0.5, 1.0), "clip_eps_low": (0.5, 0.25), "clip_eps_high": (0.5, 0.25),
    "clip_eps": (0.5, 0.25), "dual_clip": (2.0, 4.0), "value_clip_eps": (1.0, 0.5), "kl_coef": (1.0, 0.5),
    "vf_coef": (1.0, 0.5), "ent_coef": (1.0, 0.5), "target_kl": (1.0, 0.5), "kl": (1.0, 4.0, 0.25),
    "max_norm": (1.0, 2.0), "learning_rate": (1.0, 0.5), "beta1": (0.5, 0.75), "beta2": (0.75, 0.5),
    "eps": (0.5, 0.25), "step": (1, 2), "batch_steps": (1, 2), "horizon": (2, 4), "max_weight": (2.0, 4.0),
}
"""Plain values of the scalars, all within their ranges."""
LARGEST = {"log_std": 2.0, "other_log_std": 2.0}
"""Inputs that have to stay this small."""

Wrong = Callable[[Question], Mismatch | None]


@dataclass(frozen=True)
class Row:
    """One number of the answer; a shape in words where the wrong answer has another."""

    place: str
    right: float | str
    wrong: float | str


@dataclass(frozen=True)
class Exhibit:
    """One input with its right and its wrong answer."""

    question: Question
    rows: tuple[Row, ...]
    """Only where the two differ."""


def exhibit(mistake: Mistake) -> Exhibit:
    """The exhibit of a mistake, made from the smallest case that shows it."""
    operation = OPERATIONS[mistake.operation]
    bench = Bench(operation, "float64")
    wrong = _wrong(bench, mistake)
    questions = sorted(mutants.questions(operation, "float64"), key=lambda q: count(q.case.inputs))
    shows = next(q for q in questions if not q.case.poisoned and wrong(q) is not None)
    question = _smallest(shows, wrong)
    return Exhibit(question, tuple(_rows(bench, mistake, question)))


def _wrong(bench: Bench, mistake: Mistake) -> Wrong:
    """Whether the mistake shows on an input for which the right answer is a finite number."""
    caught = mutants.caught(bench, mistake.formulas[0])
    right = DEFINITIONS[mistake.operation]

    def wrong(question: Question) -> Mismatch | None:
        try:
            targets = bench.expect(right, question, Choices())
            finite = all(np.isfinite(target.want).all() for target in targets.values())
            return caught(question) if finite else None
        except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError):
            # Either formula may be undefined on an input that a case never has.
            return None

    return wrong


def _items(value: Any) -> list[Any]:
    """A list of arrays as it is, any other input alone."""
    return value if isinstance(value, list) else [value]


def _counts(value: Any) -> bool:
    """Whether it is a list of sizes, to which the shapes of other inputs are tied."""
    return isinstance(value, list) and isinstance(value[0], int)


def count(inputs: Mapping[str, Any]) -> int:
    """How many numbers and flags the inputs hold."""
    return sum(int(np.size(item)) for value in inputs.values() if value is not None for item in _items(value))


def _cost(question: Question) -> tuple[int, int]:
    """What a reader has to take in: how many numbers, and how many digits."""
    given = {name: question.inputs[name] for name in question.passed}
    digits = (repr(number) for value in given.values() for item in _items(value)
              for number in np.asarray(item).reshape(-1).tolist())
    return count(given), sum(map(len, digits))


def _smallest(question: Question, wrong: Wrong) -> Question:
    """Fewer rows, then plainer numbers, until neither helps any more."""
    cost = None
    while cost is None or _cost(question) < cost:
        cost = _cost(question)
        mismatch = wrong(question)
        assert mismatch is not None
        shorter = _agreeing(shrink(question, mismatch, wrong)[0])
        question = shorter if wrong(shorter) is not None else question
        question = _plainer(_fewer(question, wrong), wrong)
    return question


def _agreeing(question: Question, **changes: Any) -> Question:
    """The question with some inputs changed, and the other forms of the same information made to agree."""
    inputs = {name: question.inputs[name] for name in question.case.inputs} | changes
    if "next_values" in inputs and "values" in inputs:
        # next_values[t] is values[t + 1] wherever nothing ends.
        after, ends = inputs["next_values"].copy(), inputs["terminated"] | inputs["truncated"]
        after[:-1] = np.where(ends[:-1], after[:-1], inputs["values"][1:])
        inputs["next_values"] = after
    # Near a kink any of the gradients is right.
    return mutants.put(replace(question.case, inputs=inputs, kinks=True, exact=False), 0)


def _fewer(question: Question, wrong: Wrong) -> Question:
    """Without optional inputs, and without arrays and rows of lists, as long as the answer stays wrong."""
    for name, value in question.case.inputs.items():
        # A (B, L) batch always comes with its mask; a function may know no lambda, but the definition needs its value.
        optional = (name in OPERATIONS[question.case.operation].options and value is not None
                    and name != "gae_lambda" and not (name == "mask" and np.ndim(value) == 2))
        while True:
            shorter = [None] if optional else list(_shorter(question.case.inputs[name]))
            found = (_agreeing(question, **{name: less}) for less in shorter)
            less = next((candidate for candidate in found if wrong(candidate) is not None), None)
            if less is None:
                break
            question, optional = less, False
    return question


def _shorter(value: Any) -> Iterator[list[Any]]:
    """A list of arrays without one of them, or with one of them a row shorter."""
    for i, item in enumerate(value if isinstance(value, list) and not _counts(value) else ()):
        if len(value) > 1:
            yield [*value[:i], *value[i + 1:]]
        if len(item) > 1:
            yield [*value[:i], item[:-1], *value[i + 1:]]


def _plainer(question: Question, wrong: Wrong) -> Question:
    """Each number in turn replaced by the plainest one, and each flag by the usual one, that leaves it wrong."""
    for name, value in question.case.inputs.items():
        for slot in _slots(value):
            for changed in _changed(name, question.case.inputs[name], slot):
                candidate = _agreeing(question, **{name: changed})
                # What is tied to another input does not change.
                if _same(candidate.case.inputs[name], changed) and wrong(candidate) is not None:
                    question = candidate
                    break
    return question


Slot = tuple[int, tuple[int, ...]]


def _slots(value: Any) -> list[Slot]:
    """Which array of a list, and where in it; scalars have one slot."""
    if value is None or _counts(value):
        return []
    return [(i, index) for i, item in enumerate(_items(value)) for index in np.ndindex(np.shape(item))]


def _changed(name: str, value: Any, slot: Slot) -> Iterator[Any]:
    """The input with plainer values in one slot, the plainest first."""
    if isinstance(value, float | int):
        yield from _before(value, SCALARS.get(name, ()))
        return
    i, index = slot
    for plain in _before(_items(value)[i][index].item(), _values(name, _items(value)[i])):
        array = _items(value)[i].copy()
        array[index] = plain
        yield [*value[:i], array, *value[i + 1:]] if isinstance(value, list) else array


def _values(name: str, array: Any) -> tuple[Any, ...]:
    """Plain values for the slots of an array; whole numbers that point somewhere are left alone."""
    if array.dtype.kind == "b":
        return (name in ("mask", "action_mask"),)
    if array.dtype.kind == "i":
        return ()
    low = 0.0 if name == "second_moment" else -np.inf
    return tuple(v for v in NUMBERS if low <= v <= LARGEST.get(name, np.inf))


def _before(value: Any, plain: tuple[Any, ...]) -> tuple[Any, ...]:
    """The plain values that are plainer than this one."""
    return plain[:plain.index(value)] if value in plain else plain


def _same(a: Any, b: Any) -> bool:
    return len(_items(a)) == len(_items(b)) and all(map(np.array_equal, _items(a), _items(b)))


def _rows(bench: Bench, mistake: Mistake, question: Question) -> Iterator[Row]:
    with np.errstate(all="ignore"):
        found = bench.expect(mistake.formulas[0], question, Choices())
        targets = bench.expect(DEFINITIONS[mistake.operation], question, Choices())
    for name, target in targets.items():
        if name not in found:
            # The gradient of a loss that is no single number.
            continue
        got = found[name].want
        if got.shape != target.want.shape:
            yield Row(name, f"shape {target.want.shape}", f"shape {got.shape}")
            continue
        for index in np.ndindex(got.shape):
            # Adding 0 rids us of -0.
            right, wrong = float(target.want[index]) + 0.0, float(got[index]) + 0.0
            judged = target.judged is None or target.judged[index]
            if judged and right != wrong:
                yield Row(name + (f"[{', '.join(map(str, index))}]" if index else ""), right, wrong)
