"""Cases of the policy losses for long answers, with their gradients and their kinks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.losses import HOLES, TAIL, far, masks
from ppocore.conformance.cases.maker import Array, Maker, large, mask, poison
from ppocore.conformance.cases.probability import SIDES, log_probs, ratios
from ppocore.conformance.cases.rollouts import normal

DRIFT = np.array([0.0, 0.25, -0.5, 1.5, -0.125, 3.0, 0.75, -2.0, 0.5, -1.0, 2.25])
"""old_log_prob - rollout_log_prob, slot by slot: weights below, at and above 1, and beyond the bound."""
WAVE = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0, -0.25, 1.5])


def _drifted(old: Array) -> Array:
    """Log-probabilities of the program that sampled; NaN where the old ones are."""
    return np.asarray(old - np.resize(DRIFT, old.shape))


def _tokens(make: Maker) -> Iterator[Case]:
    """cispo_loss and truncated_is_loss: (B,) or (B, L) batches with a band."""
    rng = make.fixed
    corrected = make.operation == "truncated_is_loss"

    def put(name: str, says: str, inputs: dict[str, Any], eps: float | tuple[float, float] = 0.2,
            bound: float = 2.0, **flags: Any) -> Case:
        low, high = eps if isinstance(eps, tuple) else (eps, eps)
        inputs = {"mask": None} | inputs | {"clip_eps_low": low, "clip_eps_high": high}
        if corrected:
            inputs = {"rollout_log_prob": _drifted(inputs["old_log_prob"]), "max_weight": bound} | inputs
        return make.case(name, says, inputs, **flags)

    yield put("smoke/equal", "Equal policies.", ratios(np.zeros(4), -1.0)
              | {"advantages": np.array([1.0, 2.0, -4.0, 3.0])}, level="smoke")
    for name, a in (("positive", np.ones(8)), ("negative", -np.ones(8)), ("mixed", WAVE),
                    ("mixed-reversed", WAVE[::-1].copy())):
        yield put(f"sides/{name}", "Ratios below, inside and above the band.",
                  ratios(SIDES, -1.5) | {"advantages": a}, level="gradients", kinks=True)
    for log_ratio in (-0.5, 0.0, 0.125, 2.0):
        for one in (2.0, -2.0):
            yield put(f"one/{log_ratio:g}/{one:g}", f"One sample: log-ratio {log_ratio:g}, advantage {one:g}.",
                      ratios(np.array([log_ratio]), -1.0) | {"advantages": np.array([one])}, level="gradients")
    yield from far(put)
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", log_probs(rng, (n,)) | {"advantages": normal(rng, (n,))},
                  level="gradients")
    yield put("scale/1e4", "Advantages near 1e4.", log_probs(rng, (8,)) | {"advantages": large(rng, (8,))})
    yield put("offset", "Log-probabilities near -800.", ratios(SIDES, -800.0) | {"advantages": WAVE})
    for eps in (0.1, 0.45, (0.2, 0.3), (0.3, 0.1)):
        for sign in (1.0, -1.0):
            yield put(f"asymmetric/{eps}/{sign:g}".replace(" ", ""), f"The band is {eps}.",
                      ratios(np.array([-0.5, -0.3, -0.15, 0.0, 0.12, 0.2, 0.5, 2.0]), -0.75)
                      | {"advantages": sign * np.ones(8)}, eps, level="gradients")
    for sign in (1.0, -1.0):
        yield put(f"edges/{sign:g}", "Ratios at both edges of the band, to the last ulp.",
                  ratios(np.log(np.array([0.8, 1.2]))) | {"advantages": sign * np.array([1.0, 2.0])}, level="gradients",
                  kinks=True)
    if corrected:
        yield from _weights(put)
    yield from masks(make, put)
    for name, random in make.random():
        m = None if random.random() < 0.5 else mask(random, (4, 5))
        shape = (9,) if m is None else m.shape
        yield put(name, "Random samples.", log_probs(random, shape) | {"advantages": normal(random, shape), "mask": m},
                  level="gradients")
    yield put("edge/all-masked", "No valid entry.", ratios(SIDES)
              | {"advantages": WAVE, "mask": np.zeros(8, dtype=bool)}, level="edge")
    yield put("reject/nan", "An advantage that is used is NaN.", ratios(np.zeros(2))
              | {"advantages": np.array([np.nan, 1.0])}, level="reject")
    yield put("reject/eps", "clip_eps is negative.", ratios(SIDES) | {"advantages": WAVE}, -0.2, level="reject")


def _weights(put: Any) -> Iterator[Case]:
    """The weight of what was sampled: below and above its bound, far away, and beside clipped ratios."""
    drift = np.array([-3.0, -1.0, -0.25, 0.0, 0.25, 0.625, 1.0, 3.0])
    for bound in (0.5, 1.25, 2.0, 5.0):
        for name, a in (("positive", np.ones(8)), ("negative", -np.ones(8))):
            yield put(f"weights/{bound:g}/{name}", f"max_weight = {bound:g}.", ratios(SIDES[::-1].copy(), -2.0)
                      | {"advantages": a, "rollout_log_prob": -2.0 - drift}, bound=bound, level="gradients")
    yield put("weights/equal", "The trainer agrees with the sampler: the clipped loss.", ratios(SIDES, -2.0)
              | {"advantages": WAVE, "rollout_log_prob": np.full(8, -2.0)}, level="gradients")
    yield put("far/weights", "Weights of e^50 and e^-50.", ratios(np.array([0.125, -0.125]), -51.0)
              | {"advantages": np.array([1.0, -2.0]), "rollout_log_prob": np.array([-101.0, -1.0])})


def _answers(make: Maker) -> Iterator[Case]:
    """gspo_loss: (B, L) batches with one advantage for each row."""
    rng = make.fixed

    def put(name: str, says: str, m: Array, advantages: Array, logs: dict[str, Array] | None = None,
            eps: float | tuple[float, float] = 0.2, **flags: Any) -> Case:
        draw = flags.pop("rng", rng)
        low, high = eps if isinstance(eps, tuple) else (eps, eps)
        return make.case(name, says, (log_probs(draw, m.shape) if logs is None else logs)
                         | {"advantages": advantages, "mask": m, "clip_eps_low": low, "clip_eps_high": high}, **flags)

    full = np.ones((2, 3), dtype=bool)
    yield put("smoke/equal", "Equal policies: minus the mean advantage.", full, np.array([1.0, -4.0]),
              ratios(np.zeros((2, 3)), -1.0), level="smoke")
    # Rows whose mean log-ratio is below, inside and above the band, while their tokens lie on both sides.
    means = np.array([-1.0, -0.5, -0.125, 0.0, 0.125, 0.5, 1.0, 2.0])
    spread = means[:, None] + np.array([0.75, -1.25, 0.5])
    for name, a in (("positive", np.ones(8)), ("negative", -np.ones(8)), ("mixed", WAVE)):
        yield put(f"sides/{name}", "Answers below, inside and above the band, their tokens on both sides.",
                  np.ones((8, 3), dtype=bool), a, ratios(spread, -1.5), level="gradients")
    yield from _single_answers(put)
    for name, m in (("tail", TAIL), ("head", TAIL[:, ::-1].copy()), ("holes", HOLES), ("square", mask(rng, (5, 5))),
                    ("full", np.ones((3, 4), dtype=bool)), ("one-row", np.array([[1, 1, 0, 1]], dtype=bool)),
                    ("ragged", np.arange(40) < np.array([[40], [3], [11], [1]]))):
        logs, a = log_probs(rng, m.shape), normal(rng, (len(m),))
        garbage = {key: np.where(m, v, 2.5 if key == "log_prob" else -1.0) for key, v in logs.items()}
        yield put(f"mask/{name}", "Answers of unequal length weigh alike; masked slots get no gradient.", m, a, garbage,
                  level="gradients")
        if not m.all():
            yield put(f"nan/{name}", "Masked slots are NaN.", m, a, {key: poison(v, ~m) for key, v in logs.items()},
                      level="gradients", poisoned=True)
    for eps in (0.1, 0.45, (0.2, 0.3), (0.3, 0.1), (3e-4, 4e-4)):
        for sign in (1.0, -1.0):
            yield put(f"asymmetric/{eps}/{sign:g}".replace(" ", ""), f"The band is {eps}.",
                      np.ones((8, 2), dtype=bool), sign * np.ones(8),
                      ratios(np.array([-0.5, -0.3, -0.15, -2e-4, 3e-4, 0.2, 0.5, 2.0])[:, None] + np.array([0.5, -0.5]),
                             -1.0), eps, level="gradients")
    for sign in (1.0, -1.0):
        yield put(f"edges/{sign:g}", "Answers at both edges of the band, to the last ulp.", np.ones((2, 1), dtype=bool),
                  sign * np.array([1.0, 2.0]), ratios(np.log(np.array([[0.8], [1.2]]))), level="gradients", kinks=True)
    yield put("scale/1e4", "Advantages near 1e4.", TAIL, large(rng, (3,)))
    yield put("offset", "Log-probabilities near -800.", np.ones((8, 3), dtype=bool), WAVE, ratios(spread, -800.0))
    for name, random in make.random():
        yield put(name, "Random answers under a random mask.", mask(random, (4, 5)), normal(random, (4,)), rng=random,
                  level="gradients")
    yield put("edge/all-masked", "An answer without a token.", np.array([[0, 0], [1, 1]], dtype=bool),
              np.array([1.0, 2.0]), level="edge")
    yield put("reject/nan", "An advantage is NaN.", full, np.array([np.nan, 1.0]), level="reject")
    yield put("reject/eps", "clip_eps is negative.", full, np.array([1.0, 2.0]), eps=-0.2, level="reject")


def _single_answers(put: Any) -> Iterator[Case]:
    """One answer, mostly of one token: small, large and cancelling log-ratios."""
    for log_ratio in (-0.5, 0.0, 0.125, 2.0):
        for one in (2.0, -2.0):
            yield put(f"one/{log_ratio:g}/{one:g}", f"One answer of one token: log-ratio {log_ratio:g}.",
                      np.ones((1, 1), dtype=bool), np.array([one]), ratios(np.array([[log_ratio]]), -1.0),
                      level="gradients")
    for value, one in ((50.0, -1.0), (60.0, 2.0), (-50.0, 1.0), (25.0, -1.0)):
        yield put(f"far/{value:g}", f"A log-ratio of {value:g}.", np.ones((1, 1), dtype=bool), np.array([one]),
                  ratios(np.array([[value]])))
    yield put("far/cancel", "Log-ratios of 60 and -60 in one answer.", np.ones((1, 2), dtype=bool), np.array([1.0]),
              ratios(np.array([[60.0, -60.0]])))


SOURCES = {"cispo_loss": _tokens, "truncated_is_loss": _tokens, "gspo_loss": _answers}
