"""Cases of reductions, training statistics, gradient clipping, Adam and running moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison
from ppocore.conformance.cases.rollouts import normal


def _masked(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, x: Array, m: Array, **flags: Any) -> Case:
        return make.case(name, says, {"x": x, "mask": m}, **flags)

    powers = np.array([[1, 1, 1, 1], [1, 0, 0, 0]] * 2 + [[1, 1, 0, 0], [0, 0, 1, 1]] + [[0, 1, 0, 0]] * 2,
                      dtype=bool)  # rows of 4, 2 and 1 valid slots, 16 in all, 8 rows: every count a power of two
    yield put("smoke/full", "Every slot counts.", halves(rng, (2, 4)), np.ones((2, 4), dtype=bool), level="smoke",
              exact=True)
    yield put("mask/powers", "Rows of 4, 2 and 1 valid slots.", halves(rng, powers.shape), powers, exact=True)
    uneven = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 1, 1, 0, 0]], dtype=bool)
    yield put("mask/uneven", "Rows of unequal length.", normal(rng, uneven.shape), uneven)
    yield put("mask/square", "As many rows as slots.", normal(rng, (5, 5)), mask(rng, (5, 5)))
    yield put("one-row", "A single row.", normal(rng, (1, 5)), uneven[1:2] | uneven[2:])
    yield put("one-valid", "A single valid slot in all.", normal(rng, (1, 3)), np.array([[False, True, False]]))
    yield put("one-slot", "Rows of one slot.", normal(rng, (3, 1)), np.ones((3, 1), dtype=bool))
    yield put("long", "Rows of up to 200 slots.", normal(rng, (3, 200)), np.arange(200) < [[200], [7], [1]])
    x = normal(rng, uneven.shape)
    yield put("garbage", "Masked slots hold 1e4.", np.where(uneven, x, 1e4), uneven)
    yield put("scale/large", "Numbers up to 1e4.", large(rng, uneven.shape), uneven)
    yield put("nan", "Masked slots hold NaN.", poison(x, ~uneven), uneven, poisoned=True)
    for name, random in make.random():
        yield put(name, "Random numbers under a random mask.", normal(random, (3, 5)), mask(random, (3, 5)))
    yield put("edge/empty-row", "A row without a valid slot.", normal(rng, (2, 2)),
              np.array([[1, 1], [0, 0]], dtype=bool), level="edge")
    yield put("reject/shape", "x and mask have different shapes.", normal(rng, (2, 3)), np.ones((3, 2), dtype=bool),
              level="reject")


def _clip_fraction(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, d: Array, a: Array, eps: float, **flags: Any) -> Case:
        old = -np.abs(normal(rng, d.shape)) if flags.pop("offset", False) else np.zeros(d.shape)
        return make.case(name, says, {"log_prob": old + d, "old_log_prob": old, "advantages": a, "clip_eps": eps},
                         **flags)

    # Log-ratios on every side of 1 - eps, 1 + eps, exp(-eps) and exp(eps) for eps = 0.2.
    grid = np.array([-1.0, -0.24, -0.21, -0.19, -0.1, 0.0, 0.1, 0.17, 0.19, 0.21, 0.3, 1.0])
    up, down = np.ones(12), -np.ones(12)
    yield put("smoke/none", "Nothing is clipped.", np.zeros(4), np.ones(4), 0.25, level="smoke")
    yield put("sides/positive", "Ratios on every side of the band, A > 0.", grid, up, 0.2)
    yield put("sides/negative", "Ratios on every side of the band, A < 0.", grid, down, 0.2)
    yield put("sides/mixed", "Ratios on every side of the band, both signs.", grid, np.where(grid > 0, -2.0, 3.0), 0.2)
    yield put("just-above", "Ratios just above 1 + eps.", np.array([0.19, 0.21, 0.3]), np.ones(3), 0.2)
    yield put("just-below", "Log-ratios of -eps are not yet ratios of 1 - eps.", np.array([-0.19, -0.21]),
              -np.ones(2), 0.2)
    yield put("wide", "eps = 1/2.", grid * 2.5, up * np.sign(rng.normal(size=12)), 0.5)
    yield put("one", "A single sample, clipped.", np.array([0.5]), np.array([1.0]), 0.2)
    yield put("offset", "Log-probabilities far from 0.", grid[[0, 5, 11]], np.ones(3), 0.2, offset=True)
    for name, random in make.random():
        d = random.choice(grid, size=16)
        yield put(name, "Random ratios.", d, normal(random, d.shape), 0.2)
    yield put("reject/eps", "clip_eps is negative.", grid, up, -0.2, level="reject")


def _explained_variance(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, v: Array, r: Array, **flags: Any) -> Case:
        return make.case(name, says, {"values": v, "returns": r}, **flags)

    r = halves(rng, (8,))
    yield put("smoke/perfect", "A perfect critic: 1.", r, r.copy(), level="smoke")
    yield put("constant-values", "A constant critic explains nothing: 0.", np.full(8, 2.0), r)
    for n in (2, 5, 64):
        target = normal(rng, (n,))
        near = target + 0.3 * normal(rng, (n,))
        yield put(f"plain/{n}", f"{n} values near their returns.", near, target)
    yield put("worse", "A critic worse than a constant: negative.", -2 * r + 1, r)
    yield put("offset", "Values off by a constant: variance does not see it.", normal(rng, (8,)) + 10,
              normal(rng, (8,)))
    yield put("scale/large", "Values and returns up to 1e4.", large(rng, (8,)), large(rng, (8,)))
    for power, scale in (("1e-3", 2.0**-5), ("1e-6", 2.0**-10), ("1e-9", 2.0**-15)):
        yield put(f"small/{power}", f"Returns of variance about {power}: a stabiliser shows.",
                  halves(rng, (8,), 2) * scale, halves(rng, (8,), 2) * scale)
    for name, random in make.random():
        yield put(name, "Random values and returns.", normal(random, (8,)), normal(random, (8,)))
    yield put("edge/constant-returns", "Returns without variance.", normal(rng, (4,)), np.full(4, 1.0), level="edge")


def _clip_grad_norm(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, grads: list[Array], limit: float, **flags: Any) -> Case:
        return make.case(name, says, {"grads": grads, "max_norm": limit}, **flags)

    yield put("smoke/3-4-5", "One gradient of norm 5, limit 1/2.", [np.array([3.0, 4.0])], 0.5, level="smoke")
    two = [normal(rng, (3, 2)), normal(rng, (4,))]
    yield put("clipped/two", "Two gradients, one norm of all.", two, 0.5)
    yield put("clipped/unequal", "One large gradient, one small: both shrink alike.", [np.array([100.0]),
              np.array([0.01, 0.02])], 1.0)
    yield put("clipped/tiny", "Small gradients and a smaller limit: a stabiliser shows.",
              [normal(rng, (3, 2)) * 1e-4, normal(rng, (4,)) * 1e-4], 2.0**-14)
    yield put("clipped/large", "Gradients up to 1e4.", [large(rng, (3, 2)), large(rng, (4,))], 0.5)
    yield put("below/two", "Norm below the limit: nothing changes.", [g * 0.01 for g in two], 0.5)
    yield put("below/large-elements", "Elements above the limit would be clipped one by one; the norm is below.",
              [np.array([0.25, -0.25]), np.array([[0.5]])], 1.0)
    yield put("shapes", "A scalar-like, a matrix and a vector.", [normal(rng, (1,)), normal(rng, (2, 3)),
              normal(rng, (5,))], 1.0)
    for name, random in make.random():
        yield put(name, "Random gradients.", [normal(random, (3, 2)), normal(random, (4,))],
                  float(random.choice([0.5, 1.0, 100.0])))
    yield put("edge/zero", "All gradients are 0.", [np.zeros(3)], 1.0, level="edge")
    yield put("reject/negative", "max_norm is negative.", two, -1.0, level="reject")


def _adam(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, step: int, scale: float = 1.0, fresh: bool = False, **changes: Any) -> Case:
        flags = {key: changes.pop(key) for key in ("level",) if key in changes}
        moments = np.zeros(5) if fresh else normal(rng, (5,)) * scale
        inputs = {"params": normal(rng, (5,)), "grads": normal(rng, (5,)) * scale, "first_moment": moments,
                  "second_moment": np.zeros(5) if fresh else (normal(rng, (5,)) * scale) ** 2, "step": step,
                  "learning_rate": 0.0003, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8} | changes
        return make.case(name, says, inputs, **flags)

    yield put("smoke/first", "The first step from zero moments.", 1, fresh=True, level="smoke")
    for step in (1, 2, 10, 1000):
        yield put(f"step/{step}", f"Step {step} with moments of its own.", step)
    yield put("eps/large", "A large eps.", 3, eps=2.0**-7)
    yield put("eps/tiny-gradients", "Gradients of the size of eps.", 1, scale=1e-5, fresh=True, eps=1e-5)
    yield put("eps/tiny-later", "Gradients of the size of eps, later.", 7, scale=1e-5, eps=1e-5)
    yield put("betas/half", "beta1 = beta2 = 1/2.", 2, beta1=0.5, beta2=0.5)
    yield put("rate/large", "A learning rate of 1/2.", 4, learning_rate=0.5)
    for name, random in make.random():
        rng = random
        yield put(name, "A random step.", int(random.integers(1, 50)), learning_rate=0.01)
    yield put("reject/step", "step counts from 1.", 0, level="reject")


def _running_moments(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, sizes: tuple[int, ...], dims: int, offset: float = 0.0, **flags: Any) -> Case:
        drift = rng.normal(0, 2, size=len(sizes))
        batches = [normal(rng, (n, dims)) + offset + d for n, d in zip(sizes, drift, strict=True)]
        return make.case(name, says, {"batches": batches}, **flags)

    yield put("smoke/one-batch", "One batch.", (4,), 2, level="smoke")
    yield put("equal", "Three batches of four.", (4, 4, 4), 2)
    yield put("unequal", "Batches of unequal size.", (5, 1, 3), 2)
    yield put("one-dimension", "One dimension.", (5, 1, 3), 1)
    yield put("single-rows", "Every batch a single row.", (1, 1, 1, 1), 3)
    yield put("offset", "Means near 100.", (5, 1, 3), 2, 100.0)
    yield put("many", "Twelve batches.", (7,) * 12, 2)
    yield make.case("scale/large", "Numbers up to 1e4.", {"batches": [large(rng, (n, 2)) for n in (5, 1, 3)]})
    for name, random in make.random():
        rng = random
        yield put(name, "Random batches.", (5, 1, 3), 2)
    yield put("edge/one-row", "One row in all.", (1,), 2, level="edge")


SOURCES = {"masked_mean": _masked, "sequence_mean": _masked, "sequence_sum_mean": _masked,
           "clip_fraction": _clip_fraction, "explained_variance": _explained_variance,
           "clip_grad_norm": _clip_grad_norm, "adam_step": _adam, "running_moments": _running_moments}
