"""Cases of the policy-gradient loss and of the Huber loss of the values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.losses import HOLES, TAIL
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison
from ppocore.conformance.cases.rollouts import normal


def _policy_gradient(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, log_prob: Array, a: Array, m: Array | None = None, **flags: Any) -> Case:
        return make.case(name, says, {"log_prob": log_prob, "advantages": a, "mask": m}, **flags)

    def logs(shape: tuple[int, ...]) -> Array:
        return np.asarray(-np.abs(rng.normal(1.5, 1.0, size=shape)))

    yield put("smoke/three", "Three samples.", np.array([-1.0, -2.0, -0.5]), np.array([1.0, -3.0, 2.0]), level="smoke")
    for one in (2.0, -2.0):
        yield put(f"one/{one:g}", f"One sample, advantage {one:g}.", np.array([-0.75]), np.array([one]),
                  level="gradients")
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", logs((n,)), normal(rng, (n,)), level="gradients")
    wave = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 0.0, -0.25, 1.5])
    for name, a in (("mixed", wave), ("positive", np.abs(wave)), ("negative", -np.abs(wave))):
        yield put(f"sides/{name}", "Advantages of 0 and of either sign.", logs((8,)), a, level="gradients")
    yield put("scale/1e4", "Advantages near 1e4.", logs((8,)), large(rng, (8,)), level="gradients")
    yield put("offset/-800", "Log-probabilities of many dimensions, near -800.", logs((8,)) - 800, wave)
    yield put("offset/120", "Log-densities near 120.", logs((8,)) + 120, wave, level="gradients")
    for name, m in (("half", np.arange(8) % 2 == 0), ("tail", TAIL), ("holes", HOLES), ("square", mask(rng, (5, 5))),
                    ("one-row", np.ones((1, 4), dtype=bool))):
        log_prob, a = logs(m.shape), normal(rng, m.shape)
        yield put(f"mask/{name}", "Masked entries do not count and get no gradient.", np.where(m, log_prob, 2.5),
                  np.where(m, a, 2.5), m, level="gradients")
        if not m.all():
            yield put(f"nan/{name}", "Masked entries are NaN.", poison(log_prob, ~m), poison(a, ~m), m,
                      level="gradients", poisoned=True)
    yield put("mask/full", "A mask that hides nothing.", logs((3, 4)), normal(rng, (3, 4)),
              np.ones((3, 4), dtype=bool))
    ragged = np.arange(40) < np.array([[40], [3], [11], [1]])
    yield put("mask/ragged", "Rows of very unequal length whose means differ.", logs(ragged.shape),
              normal(rng, ragged.shape) + np.array([[3.0], [-5.0], [1.0], [8.0]]), ragged, level="gradients")
    for name, random in make.random():
        rng = random
        shape: tuple[int, ...] = (4, 5) if random.random() < 0.5 else (9,)
        hidden = mask(random, shape) if len(shape) == 2 or random.random() < 0.5 else None
        yield put(name, "Random samples.", logs(shape), normal(random, shape), hidden, level="gradients")
    yield put("edge/all-masked", "No valid entry.", logs((8,)), wave, np.zeros(8, dtype=bool), level="edge")
    yield put("reject/nan", "An advantage that is used is NaN.", np.array([-1.0, -2.0]), np.array([np.nan, 1.0]),
              level="reject")


def _huber(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, v: Array, r: Array, delta: float, m: Array | None = None, **flags: Any) -> Case:
        return make.case(name, says, {"values": v, "returns": r, "delta": delta, "mask": m}, **flags)

    yield put("smoke/small", "Errors within delta: half of the squared error.", np.array([1.0, -2.0]),
              np.array([0.5, -1.5]), 2.0, level="smoke")
    errors = np.array([-4.0, -1.75, -1.25, -0.5, 0.25, 0.75, 1.625, 3.0])
    for delta in (0.5, 1.0, 1.5, 8.0):
        yield put(f"eps/{delta:g}", f"Errors of both signs and many sizes, delta = {delta:g}.", errors + 3,
                  np.full(8, 3.0), delta, level="gradients")
    for error in (0.25, -0.25, 3.0, -3.0):
        yield put(f"one/{error:g}", f"One value that is {error:g} off, delta = 1/2.", np.array([error]), np.zeros(1),
                  0.5, level="gradients")
    yield put("perfect", "Values that equal their returns: the gradient is 0 there, a number all the same.",
              np.array([0.25, -2.0, 3.0]), np.array([0.25, -2.0, 1.0]), 1.5, level="gradients")
    yield put("edges", "Errors of exactly delta: both pieces have the same value and slope.",
              np.array([1.5, -1.5, 1.5, -1.5]), np.zeros(4), 1.5, level="gradients")
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} values.", normal(rng, (n,)), normal(rng, (n,)), 1.25, level="gradients")
    yield put("scale/1e4", "Returns near 1e4.", normal(rng, (8,)), large(rng, (8,)), 2.0)
    yield put("scale/wide", "Returns near 1e4 and a delta of 5000.", normal(rng, (8,)), large(rng, (8,)), 5000.0)
    yield put("small/delta", "A delta of 1e-3: all but the absolute error.", normal(rng, (8,)), normal(rng, (8,)), 1e-3,
              level="gradients")
    yield put("small/errors", "Errors near 1e-3.", halves(rng, (8,)), halves(rng, (8,)) * 0 + 1e-3, 2.0)
    for name, m in (("half", np.arange(8) % 2 == 0), ("head", np.arange(8) < 3), ("one", np.arange(8) == 5)):
        v, r = normal(rng, (8,)), normal(rng, (8,))
        yield put(f"mask/{name}", "Masked entries do not count and get no gradient.", v, r, 1.5, m, level="gradients")
        yield put(f"nan/{name}", "Masked entries are NaN.", poison(v, ~m), poison(r, ~m), 1.5, m, level="gradients",
                  poisoned=True)
    yield put("mask/full", "A mask that hides nothing.", normal(rng, (8,)), normal(rng, (8,)), 1.5,
              np.ones(8, dtype=bool))
    for name, random in make.random():
        m = mask(random, (9,)) if random.random() < 0.5 else None
        yield put(name, "Random values.", normal(random, (9,)), normal(random, (9,)),
                  float(random.choice([1.0, 2.0, 4.0])), m, level="gradients")
    yield put("edge/all-masked", "No valid entry.", errors, errors, 1.0, np.zeros(8, dtype=bool), level="edge")
    yield put("reject/nan", "A return is NaN.", np.zeros(2), np.array([np.nan, 1.0]), 1.0, level="reject")
    yield put("reject/delta", "delta is negative.", np.zeros(2), np.ones(2), -1.0, level="reject")


SOURCES = {"policy_gradient_loss": _policy_gradient, "huber_value_loss": _huber}
