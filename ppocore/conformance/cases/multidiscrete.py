"""Cases of policies of several choices at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.maker import Array, Maker, halves, mask, poison
from ppocore.conformance.cases.probability import logits

Rng = np.random.Generator
SIZES: dict[str, tuple[str, int, list[int]]] = {
    "plain/two-and-three": ("Choices of 2 and 3 actions.", 4, [2, 3]),
    "plain/three-and-two": ("Choices of 3 and 2 actions.", 3, [3, 2]),
    "plain/equal": ("Three choices of 3 actions each.", 3, [3, 3, 3]),
    "plain/growing": ("Choices of 2, 4 and 6 actions.", 2, [2, 4, 6]),
    "plain/one-choice": ("A single choice: a categorical.", 3, [4]),
    "plain/one-row": ("A single row.", 1, [2, 3]),
    "plain/binary": ("Six choices of 2 actions.", 2, [2] * 6),
    "plain/no-choice": ("A choice of one action, between others.", 3, [2, 1, 3]),
}


def _heads(nvec: list[int]) -> list[slice]:
    ends = np.cumsum(nvec)
    return [slice(end - size, end) for size, end in zip(nvec, ends, strict=True)]


def _masks(rng: Rng, rows: int, nvec: list[int]) -> Array:
    """At least one legal action for every choice of every row."""
    return np.concatenate([mask(rng, (rows, size)) for size in nvec], axis=1)


def _legal(rng: Rng, allowed: Array, nvec: list[int]) -> Array:
    return np.array([[rng.choice(np.flatnonzero(row[part])) for part in _heads(nvec)] for row in allowed],
                    dtype=np.int64)


def _multidiscrete(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    compared = make.operation == "multidiscrete_kl"

    def put(name: str, says: str, z: Array, nvec: list[int], m: Array | None = None, other: Any = None,
            **flags: Any) -> Case:
        inputs: dict[str, Any] = {"logits": z}
        if make.operation == "multidiscrete_log_prob":
            inputs["actions"] = _legal(rng, np.ones(z.shape, dtype=bool) if m is None else m, nvec)
        if compared:
            inputs["other_logits"] = z + rng.normal(0, 0.7, z.shape) if other is None else other
        else:
            inputs["action_mask"] = m
        return make.case(name, says, inputs | {"nvec": list(nvec)}, **flags)

    yield put("smoke/uniform", "Equal logits: a coin and three equal actions.", np.zeros((2, 5)), [2, 3], level="smoke",
              other=np.zeros((2, 5)))
    for name, (says, rows, nvec) in SIZES.items():
        yield put(name, says, logits(rng, (rows, sum(nvec))), nvec)
    far = np.repeat([1000.0, -1000.0, 0.0], [3, 2, 4])
    yield put("offset/choices", "Every choice has an offset of its own.", logits(rng, (3, 9)) + far, [3, 2, 4])
    yield put("offset/1000", "A common offset of 1000.", logits(rng, (3, 5)) + 1000, [2, 3])
    yield put("spread", "Logits up to 30 apart within a choice.",
              np.array([[0.0, 30.0, 15.0, -15.0, 14.0], [-15.0, 15.0, 14.0, 0.0, -30.0]]), [3, 2])
    if compared:
        z = halves(rng, (2, 5))
        yield put("shifted", "The same distributions, each choice shifted by a number of its own: 0.", z, [2, 3],
                  other=z + [8, 8, -4, -4, -4])
    else:
        for i, nvec in enumerate(([2, 3], [3, 3], [4, 2, 3])):
            m = _masks(rng, 3, nvec)
            z = logits(rng, m.shape)
            yield put(f"mask/{i}", "Illegal actions have probability 0.", np.where(m, z, z + 5), nvec, m)
            yield put(f"nan/{i}", "Logits of illegal actions are NaN.", poison(z, ~m), nvec, m, poisoned=True)
        yield put("mask/full", "A mask that forbids nothing.", logits(rng, (3, 5)), [2, 3], np.ones((3, 5), dtype=bool))
    for name, random in make.random():
        rng = random
        nvec = [int(size) for size in random.integers(1, 5, size=3)]
        allowed = _masks(random, 4, nvec) if random.random() < 0.5 and not compared else None
        yield put(name, "Random logits and numbers of actions.", logits(random, (4, sum(nvec))), nvec, allowed)
    yield put("reject/sizes", "The numbers of actions do not add up to the logits.", np.zeros((1, 6)), [2, 3],
              level="reject", other=np.zeros((1, 6)))


SOURCES = {f"multidiscrete_{what}": _multidiscrete for what in ("log_prob", "entropy", "kl")}
