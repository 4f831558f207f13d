"""Cases of ratios, importance sampling, KL, log-probabilities and entropies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.maker import Array, Maker, halves, mask, poison
from ppocore.conformance.cases.rollouts import normal

Rng = np.random.Generator


def log_probs(rng: Rng, shape: tuple[int, ...], spread: float = 0.4) -> dict[str, Array]:
    """Log-probabilities of two policies near each other."""
    old = -np.abs(rng.normal(1.5, 1.0, size=shape))
    return {"log_prob": old + rng.normal(0.0, spread, size=shape), "old_log_prob": old}


def ratios(d: Array, offset: float = 0.0) -> dict[str, Array]:
    """Log-probabilities whose difference is `d`."""
    return {"log_prob": d + offset, "old_log_prob": np.full(d.shape, offset)}


SIDES = np.array([-2.0, -0.5, -0.125, 0.0, 0.0, 0.125, 0.5, 2.0])
FAR = {"far/up": ("Log-ratios of 15 and 25.", np.array([15.0, 25.0])),
       "far/up-one": ("A log-ratio of 50.", np.array([50.0])),
       "far/top-one": ("A log-ratio of 60.", np.array([60.0])),
       "far/down": ("Log-ratios of -15, -25, -50.", np.array([-15.0, -25.0, -50.0])),
       "far/edge": ("Log-ratios of 60 and -60.", np.array([60.0, -60.0]))}


def _ratio(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    yield make.case("smoke/equal", "Equal policies: ratio 1.", ratios(np.zeros(4), -1.5), "smoke")
    yield make.case("sides", "Ratios below, at and above 1.", ratios(SIDES, -2.0))
    yield make.case("offset/-800", "Log-probabilities of many dimensions, near -800.", ratios(SIDES, -800.0))
    yield make.case("offset/120", "Log-densities near 120.", ratios(SIDES, 120.0))
    for name, (says, d) in FAR.items():
        yield make.case(name, says, ratios(d))
    for name, random in make.random():
        yield make.case(name, "Random log-probabilities.", log_probs(random, (8,)))
    yield make.case("edge/overflow", "Log-ratios of 800 and -800.", ratios(np.array([800.0, -800.0])), "edge")
    yield make.case("reject/nan", "A log-probability is NaN.",
                    {"log_prob": np.array([np.nan, 0.0]), "old_log_prob": normal(rng, (2,))}, "reject")
    yield make.case("reject/lengths", "Three log-probabilities against two.",
                    {"log_prob": normal(rng, (3,)), "old_log_prob": normal(rng, (2,))}, "reject")


def _kl_estimator(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    linear = make.operation == "kl_k1"

    def put(name: str, says: str, d: Array, m: Array | None = None, **flags: Any) -> Case:
        offset = flags.pop("offset", 0.0)
        return make.case(name, says, ratios(d, offset) | {"mask": m}, **flags)

    yield put("smoke/equal", "Equal policies: 0.", np.zeros(4), level="smoke", exact=linear)
    dyadic = halves(rng, (8,), 2)
    yield put("sides", "Ratios below, at and above 1.", SIDES, exact=linear)
    yield put("halves", "Log-ratios that are multiples of 1/2.", dyadic, exact=linear)
    for n in (1, 2, 5, 64):
        yield make.case(f"plain/{n}", f"{n} samples.", log_probs(rng, (n,)) | {"mask": None})
    yield make.case("near", "Policies that differ by 1e-3: the estimate is a small difference.",
                    log_probs(rng, (8,), 1e-3) | {"mask": None})
    yield put("offset/-800", "Log-probabilities near -800.", SIDES, offset=-800.0)
    for name, (says, d) in FAR.items():
        yield put(name, says, d)
    for name, m in (("half", np.arange(8) % 2 == 0), ("head", np.arange(8) < 2), ("one", np.arange(8) == 5)):
        garbage = np.where(m, SIDES, 3.0)
        yield put(f"mask/{name}", "Masked entries do not count.", garbage, m, exact=linear)
        yield put(f"nan/{name}", "Masked entries are NaN.", poison(SIDES, ~m), m, exact=linear, poisoned=True)
    yield put("mask/full", "A mask that hides nothing.", dyadic, np.ones(8, dtype=bool), exact=linear)
    for name, random in make.random():
        m = mask(random, (9,)) if random.random() < 0.5 else None
        yield make.case(name, "Random log-probabilities.", log_probs(random, (9,)) | {"mask": m})
    yield put("edge/all-masked", "No valid entry.", SIDES, np.zeros(8, dtype=bool), level="edge")
    yield put("reject/nan", "A log-ratio that is used is NaN.", np.array([np.nan, 0.0]), level="reject")


def _importance(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, n: int, spread: float, offset: float = 0.0, **flags: Any) -> Case:
        log_q = offset + normal(rng, (n,)) / 3
        return make.case(name, says, {"fx": normal(rng, (n,)), "log_p": log_q + rng.normal(0, spread, n),
                                      "log_q": log_q}, **flags)

    yield make.case("smoke/equal", "Equal distributions: the plain mean.",
                    {"fx": np.array([1.0, 2.0, 4.0, 1.0]), "log_p": np.full(4, -1.0), "log_q": np.full(4, -1.0)},
                    "smoke")
    yield make.case("two-points", "p = (0.7, 0.3), q = (0.2, 0.8), f = (1, 5).",
                    {"fx": np.array([1.0, 5.0]), "log_p": np.log([0.7, 0.3]), "log_q": np.log([0.2, 0.8])})
    for n in (1, 2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", n, 0.5)
    yield put("spread", "Weights from 1e-4 to 1e4.", 8, 5.0)
    yield put("long", "300 samples.", 300, 1.0)
    yield make.case("small-weights", "Every weight is near e^-25.", {"fx": normal(rng, (5,)),
                    "log_p": rng.normal(-26, 1, 5), "log_q": rng.normal(-1, 0.5, 5)})
    for offset in (1000.0, -1000.0):
        yield put(f"offset/{offset:g}", f"Both log-densities near {offset:g}.", 8, 1.0, offset)
    yield make.case("far", "Log-weights of 30 and -30.", {"fx": np.array([1.0, -2.0, 3.0]),
                    "log_p": np.array([30.0, 0.0, -30.0]), "log_q": np.zeros(3)})
    for name, random in make.random():
        rng = random
        yield put(name, "Random weights.", 9, 1.0)
    yield make.case("reject/nan", "A log-density is NaN.", {"fx": np.ones(2), "log_p": np.array([np.nan, 0.0]),
                    "log_q": np.zeros(2)}, "reject")


def _ess(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, w: Array, **flags: Any) -> Case:
        return make.case(name, says, {"log_weights": w}, **flags)

    yield put("smoke/equal", "Four equal weights: 4.", np.zeros(4), level="smoke")
    yield put("one", "A single weight: 1.", np.array([0.5]))
    yield put("dominated", "One weight outweighs the rest: almost 1.", np.array([15.0, 0.0, -1.0, -15.0]))
    for n in (2, 5, 64, 300):
        yield put(f"plain/{n}", f"{n} weights.", rng.normal(0, 1.0, n))
    for offset in (1000.0, -1000.0, 100.0):
        yield put(f"offset/{offset:g}", f"A common constant of {offset:g} changes nothing.",
                  rng.normal(0, 1.0, 8) + offset)
    yield put("far", "Log-weights 30 apart.", np.array([0.0, -30.0, -1.0]))
    for name, random in make.random():
        yield put(name, "Random weights.", random.normal(0, 1.5, 9))
    yield put("reject/nan", "A log-weight is NaN.", np.array([0.0, np.nan]), level="reject")


def logits(rng: Rng, shape: tuple[int, int]) -> Array:
    """Unnormalised log-probabilities, not centred."""
    return np.asarray(rng.normal(0.5, 1.5, size=shape))


LOGITS: dict[str, tuple[str, Callable[[Rng], Array]]] = {
    "plain/three": ("Three actions.", lambda rng: logits(rng, (4, 3))),
    "plain/eighteen": ("Eighteen actions.", lambda rng: logits(rng, (2, 18))),
    "plain/square": ("As many rows as actions.", lambda rng: logits(rng, (4, 4))),
    "plain/one-row": ("A single row.", lambda rng: logits(rng, (1, 3))),
    "plain/one-action": ("A single action: probability 1.", lambda rng: logits(rng, (3, 1))),
    "plain/two": ("Two actions.", lambda rng: logits(rng, (5, 2))),
    "uniform": ("Equal logits.", lambda rng: np.full((3, 4), 0.75)),
    "spread": ("Logits up to 30 apart.", lambda rng: np.array([[0.0, 30.0, 15.0], [-15.0, 15.0, 14.0]])),
    "offset/1000": ("A common offset of 1000.", lambda rng: logits(rng, (4, 3)) + 1000),
    "offset/rows": ("Every row has an offset of its own.", lambda rng: logits(rng, (3, 3)) + [[1000], [-1000], [0]]),
    "offset/-1000": ("A common offset of -1000.", lambda rng: logits(rng, (4, 3)) - 1000),
}


def _action_masks(rng: Rng) -> Iterator[tuple[str, Array]]:
    yield "some", np.array([[1, 1, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]], dtype=bool)
    yield "one-left", np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0]], dtype=bool)
    yield "random", mask(rng, (5, 4))


def _legal(rng: Rng, allowed: Array) -> Array:
    return np.array([rng.choice(np.flatnonzero(row)) for row in allowed], dtype=np.int64)


def _categorical(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    scored = make.operation == "categorical_log_prob"

    def put(name: str, says: str, z: Array, m: Array | None = None, **flags: Any) -> Case:
        allowed = np.ones(z.shape, dtype=bool) if m is None else m
        inputs: dict[str, Any] = {"logits": z, "action_mask": m}
        if scored:
            inputs["actions"] = _legal(rng, allowed)
        return make.case(name, says, inputs, **flags)

    yield put("smoke/uniform", "Two equal logits.", np.zeros((2, 2)), level="smoke")
    for name, (says, draw) in LOGITS.items():
        yield put(name, says, draw(rng))
    if scored:
        yield make.case("rare", "Actions of probability 1e-13 and 3e-7.", {
            "logits": np.array([[0.0, 30.0, 15.0], [0.0, 30.0, 15.0], [-15.0, 15.0, 14.0]]),
            "actions": np.array([0, 2, 0], dtype=np.int64), "action_mask": None})
    for name, m in _action_masks(rng):
        z = logits(rng, m.shape)
        yield put(f"mask/{name}", "Illegal actions have probability 0.", np.where(m, z, z + 5), m)
        yield put(f"nan/{name}", "Logits of illegal actions are NaN.", poison(z, ~m), m, poisoned=True)
    low = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=bool)
    yield put("mask/offset", "Legal logits near -1000: an illegal one must still be lower.",
              logits(rng, low.shape) - 1000, low)
    yield put("peaked", "Probabilities down to 1e-6.", np.array([[14.0, 0.0, 1.0], [0.0, 13.0, 2.0]]))
    yield put("mask/full", "A mask that forbids nothing.", logits(rng, (3, 4)), np.ones((3, 4), dtype=bool))
    for name, random in make.random():
        rng = random
        allowed = mask(random, (4, 3)) if random.random() < 0.5 else None
        yield put(name, "Random logits.", logits(random, (4, 3)), allowed)
    yield put("reject/nan", "A logit that is used is NaN.", np.array([[np.nan, 0.0]]), level="reject")


def _categorical_kl(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, z: Array, other: Array, **flags: Any) -> Case:
        return make.case(name, says, {"logits": z, "other_logits": other}, **flags)

    z = logits(rng, (2, 3))
    yield put("smoke/equal", "Equal distributions: 0.", z, z.copy(), level="smoke")
    for name, (says, draw) in LOGITS.items():
        z = draw(rng)
        yield put(name, says, z, z + rng.normal(0, 0.7, z.shape))
    yield put("rare", "The other distribution all but excludes what the first one does.",
              np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.5]]), np.array([[0.0, 30.0, 15.0], [15.0, -15.0, 14.0]]))
    z = halves(rng, (2, 3))
    yield put("shifted", "The same distribution, logits shifted: 0.", z, z + 8)
    for name, random in make.random():
        yield put(name, "Random logits.", logits(random, (4, 3)), logits(random, (4, 3)))
    yield put("reject/nan", "A logit is NaN.", np.array([[np.nan, 0.0]]), np.zeros((1, 2)), level="reject")


def gaussian(rng: Rng, shape: tuple[int, int]) -> dict[str, Array]:
    """Mean and log-std of a diagonal Gaussian; no standard deviation is 1."""
    return {"mean": rng.normal(0, 1.5, shape), "log_std": rng.uniform(-1.5, 1.0, shape)}


SHAPES = {"plain/three": (4, 3), "plain/one-dimension": (3, 1), "plain/one-row": (1, 3), "plain/square": (3, 3),
          "plain/two": (5, 2)}


def _gaussian(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    acts = make.operation == "gaussian_log_prob"
    other = make.operation == "gaussian_kl"

    def put(name: str, says: str, shape: tuple[int, int], **changes: Any) -> Case:
        flags = {key: changes.pop(key) for key in ("level",) if key in changes}
        inputs = gaussian(rng, shape)
        if acts:
            inputs["actions"] = inputs["mean"] + np.exp(inputs["log_std"]) * rng.normal(size=shape)
        if other:
            inputs |= {f"other_{key}": value for key, value in gaussian(rng, shape).items()}
        inputs |= changes
        if make.operation == "gaussian_entropy":
            inputs = {key: inputs[key] for key in ("mean", "log_std")}
        return make.case(name, says, inputs, **flags)

    yield put("smoke/unit", "Standard deviation 1.", (2, 1), log_std=np.zeros((2, 1)), level="smoke")
    for name, shape in SHAPES.items():
        yield put(name, f"Shape {shape}.", shape)
    yield put("narrow", "log_std = -5.", (2, 3), log_std=np.full((2, 3), -5.0))
    yield put("wide", "log_std = 2.", (2, 3), log_std=np.full((2, 3), 2.0))
    yield put("far", "Means near 100.", (2, 3), mean=rng.normal(100, 1, (2, 3)))
    if acts:
        yield put("far-actions", "Actions a thousand standard deviations out.", (2, 3),
                  mean=rng.normal(0, 1, (2, 3)), log_std=np.full((2, 3), -5.0), actions=rng.uniform(8, 12, (2, 3)))
    if other:
        yield put("other-narrow", "other_log_std = -5.", (2, 3), other_log_std=np.full((2, 3), -5.0))
        same = gaussian(rng, (2, 3))
        yield put("equal", "Equal distributions: 0.", (2, 3), **same, other_mean=same["mean"].copy(),
                  other_log_std=same["log_std"].copy())
    for name, random in make.random():
        rng = random
        yield put(name, "Random Gaussians.", (4, 3))
    yield put("reject/nan", "A mean is NaN.", (2, 3), mean=np.full((2, 3), np.nan), level="reject")


def _squashed(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, shape: tuple[int, int], **changes: Any) -> Case:
        flags = {key: changes.pop(key) for key in ("level",) if key in changes}
        inputs = {"mean": rng.normal(0, 0.7, shape), "log_std": rng.uniform(-1.5, 0.5, shape),
                  "actions": rng.uniform(-0.95, 0.95, shape)} | changes
        return make.case(name, says, inputs, **flags)

    yield put("smoke/centre", "Action 0.", (2, 1), actions=np.zeros((2, 1)), level="smoke")
    for name, shape in SHAPES.items():
        yield put(name, f"Shape {shape}.", shape)
    yield put("near-the-bound", "Actions of 0.99 and -0.99.", (2, 2), actions=np.array([[0.99, -0.99], [-0.98, 0.0]]))
    yield put("small", "Actions near 0.", (2, 2), actions=np.array([[1e-3, -1e-3], [1e-2, 0.25]]))
    yield put("narrow", "log_std = -5, action at the mean.", (2, 2), mean=np.array([[0.5, -0.5]] * 2),
              log_std=np.full((2, 2), -5.0), actions=np.tanh(np.array([[0.5, -0.5]] * 2)))
    yield put("wide", "log_std = 2.", (2, 3), log_std=np.full((2, 3), 2.0))
    for name, random in make.random():
        rng = random
        yield put(name, "Random squashed Gaussians.", (4, 3))
    yield put("edge/bound", "An action of exactly 1.", (1, 2), actions=np.array([[1.0, 0.5]]), level="edge")
    yield put("reject/outside", "An action of 1.5.", (1, 2), actions=np.array([[1.5, 0.5]]), level="reject")


MULTIPLES = (0.0, 0.1, 0.4, 0.49, 0.51, 0.58, 0.65, 0.685, 0.715, 0.78, 0.85, 1.0, 1.15, 1.25, 1.28, 1.32, 1.4, 1.47,
             1.53, 1.7, 1.9, 1.96, 2.04, 2.2, 10.0)
"""Both sides of every threshold of the known rules, and none within a hundredth of one."""


def _adapt(make: Maker) -> Iterator[Case]:
    def put(name: str, says: str, kl: float, target: float, coef: float, **flags: Any) -> Case:
        return make.case(name, says, {"kl_coef": coef, "kl": kl, "target_kl": target}, **flags)

    yield put("smoke/at-target", "KL at its target: nothing changes.", 0.25, 0.25, 0.5, level="smoke")
    for multiple in MULTIPLES:
        yield put(f"multiple/{multiple:g}", f"KL at {multiple:g} times its target.", multiple * 0.25, 0.25, 0.5)
        yield put(f"small-target/{multiple:g}", f"KL at {multiple:g} times a target of 0.01.", multiple * 0.01, 0.01,
                  3.0)
    for coef in (1000.0, 1e-5):
        yield put(f"coefficient/{coef:g}/up", "A coefficient far from 1 grows without a bound.", 1.0, 0.25, coef)
        yield put(f"coefficient/{coef:g}/down", "A coefficient far from 1 shrinks without a bound.", 0.0, 0.25, coef)
    for name, rng in make.random():
        multiple = float(rng.choice([0.3, 0.6, 1.05, 1.65, 3.0]))
        target, coef = float(rng.uniform(0.005, 1.0)), float(rng.uniform(0.1, 2.0))
        yield put(name, "A random target.", multiple * target, target, coef)
    yield put("reject/target", "target_kl is 0.", 0.1, 0.0, 0.5, level="reject")


SOURCES = {"ratio": _ratio, "kl_k1": _kl_estimator, "kl_k2": _kl_estimator, "kl_k3": _kl_estimator,
           "importance_estimate": _importance, "self_normalized_estimate": _importance,
           "effective_sample_size": _ess, "categorical_log_prob": _categorical, "categorical_entropy": _categorical,
           "categorical_kl": _categorical_kl, "gaussian_log_prob": _gaussian, "gaussian_entropy": _gaussian,
           "gaussian_kl": _gaussian, "squashed_gaussian_log_prob": _squashed, "adapt_kl_coef": _adapt}
