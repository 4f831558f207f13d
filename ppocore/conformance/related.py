"""What answers say of each other: one that does not follow from its partners', bits that poison moves, copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.case import POISON, Answer, Part, Question
from ppocore.conformance.compare import Mismatch

Pair = tuple[Question, Answer]
Ask = Callable[[Question], Answer]
Floats = NDArray[np.float64]


def broken(question: Question, mismatch: Mismatch, right: Mapping[str, Answer]) -> str:
    """What a wrong answer says beside right ones: the broken relation and the number that follows; or nothing.

    `right` holds the answers that were right, by case id.
    """
    relation = question.case.relation
    if relation is None or any(part.id not in right for part in relation.parts):
        return ""
    terms = [_part(part, right[part.id], mismatch) for part in relation.parts]
    if any(term is None for term in terms):
        return f"{relation.broken}: "
    follows = sum(term for term in terms if term is not None) + relation.shift.get(mismatch.output, 0.0)
    partners = " and ".join(part.id for part in relation.parts)
    return f"{relation.broken}: {follows:.9g} follows from your answer to {partners}; "


def _part(part: Part, answer: Answer, mismatch: Mismatch) -> float | None:
    """What one partner contributes to the element that is wrong; None for what relations do not cover."""
    given = answer.outputs.get(mismatch.output)
    if mismatch.output.startswith("grad_") or given is None or isinstance(given, list):
        return None
    found = np.asarray(given if part.at is None else given[part.at])
    if len(mismatch.index) != found.ndim or any(i >= n for i, n in zip(mismatch.index, found.shape, strict=True)):
        return None
    return part.scale * float(found[mismatch.index])


def moved_by_poison(asked: Sequence[Pair], ask: Ask) -> dict[int, Mismatch]:
    """Answers whose bits change with what lies where nothing can matter, by the id of the question.

    Only where the question had the same form, and only if both, asked twice more, give the bits they gave: code
    that adds up in an order of its own each time is not moved by poison.
    """
    answers = {question.case.id: (question, answer) for question, answer in asked}
    found = {}
    for question, answer in asked:
        relation = question.case.relation
        if relation is None or relation.name != POISON or relation.parts[0].id not in answers:
            continue
        partner, before = answers[relation.parts[0].id]
        mismatch = _moved(question, before, answer) if partner.passed == question.passed else None
        again = ((put, given, ask(put)) for put, given in ((partner, before), (question, answer)) for _ in range(2))
        if mismatch is not None and all(_moved(put, given, new) is None for put, given, new in again):
            found[id(question)] = mismatch
    return found


def _moved(question: Question, before: Answer, after: Answer) -> Mismatch | None:
    """The first judged element that is not the same number."""
    mask = question.inputs.get("mask")
    for name, old in before.outputs.items():
        new = after.outputs.get(name)
        if isinstance(old, list) or new is None or np.shape(old) != np.shape(new):
            continue
        differs = (np.asarray(old) != np.asarray(new)) & ~(np.isnan(old) & np.isnan(new))
        if mask is not None and np.shape(mask) == differs.shape and not name.startswith("grad_"):
            differs &= mask
        if differs.any():
            index = tuple(int(i) for i in np.argwhere(differs)[0])
            got, want = float(np.asarray(new)[index]), float(np.asarray(old)[index])
            place = name + (f"[{', '.join(map(str, index))}]" if index else "")
            return Mismatch(name, index, got, want, f"{place} = {got!r}, {want!r} with other poison in its place")
    return None


def copies(asked: Sequence[Pair]) -> set[int]:
    """Questions answered, bit for bit, as an earlier one of the same shapes and form that asked something else."""
    seen: dict[tuple[object, ...], list[Pair]] = {}
    found = set()
    for question, answer in asked:
        shapes = tuple((name, np.shape(question.inputs[name])) for name in question.passed
                       if isinstance(question.inputs[name], np.ndarray))
        earlier = seen.setdefault(shapes, [])
        if shapes and answer.outcome == "ok":
            if any(_same_answer(answer, old) and not _same_question(question, other) for other, old in earlier):
                found.add(id(question))
            earlier.append((question, answer))
    return found


def _same_answer(first: Answer, second: Answer) -> bool:
    return first.outputs.keys() == second.outputs.keys() and all(
        _same(value, second.outputs[name]) for name, value in first.outputs.items())


def _same_question(first: Question, second: Question) -> bool:
    return all(_same(first.inputs[name], second.inputs[name]) for name in first.passed)


def _same(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    first, second = np.asarray(a), np.asarray(b)
    return first.shape == second.shape and bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))
