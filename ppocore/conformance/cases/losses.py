"""Cases of policy and value losses, with their gradients and their kinks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison
from ppocore.conformance.cases.probability import FAR, SIDES, log_probs, logits, ratios
from ppocore.conformance.cases.rollouts import normal

TAIL = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
HOLES = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [1, 1, 1, 1, 1]], dtype=bool)


def _policy(make: Maker) -> Iterator[Case]:
    """surrogate_loss and clip_loss."""
    rng = make.fixed
    clips = make.operation == "clip_loss"

    def put(name: str, says: str, inputs: dict[str, Any], eps: float | tuple[float, float] = 0.2,
            c: float | None = None, **flags: Any) -> Case:
        inputs = {"mask": None} | inputs
        if clips:
            low, high = eps if isinstance(eps, tuple) else (eps, eps)
            inputs |= {"clip_eps_low": low, "clip_eps_high": high, "dual_clip": c}
        return make.case(name, says, inputs, **flags)

    up, wave = np.ones(8), np.array([1.0, -2.0, 0.5, 3.0, -1.0, 0.0, -0.25, 1.5])
    yield put("smoke/equal", "Equal policies: minus the mean advantage.", ratios(np.zeros(4), -1.0)
              | {"advantages": np.array([1.0, 2.0, -4.0, 3.0])}, level="smoke")
    for name, a in (("positive", up), ("negative", -up), ("mixed", wave), ("mixed-reversed", wave[::-1].copy())):
        yield put(f"sides/{name}", "Ratios below, inside and above the band.", ratios(SIDES, -1.5) | {"advantages": a},
                  level="gradients", kinks=True)
    for log_ratio in (-0.5, 0.0, 0.125, 0.5, 2.0):
        for one in (2.0, -2.0):
            yield put(f"one/{log_ratio:g}/{one:g}", f"One sample: log-ratio {log_ratio:g}, advantage {one:g}.",
                      ratios(np.array([log_ratio]), -1.0) | {"advantages": np.array([one])})
    yield from far(put)
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", log_probs(rng, (n,)) | {"advantages": normal(rng, (n,))},
                  level="gradients")
    yield put("scale/1e4", "Advantages near 1e4.", log_probs(rng, (8,)) | {"advantages": large(rng, (8,))})
    yield put("offset", "Log-probabilities near -800.", ratios(SIDES, -800.0) | {"advantages": wave})
    if clips:
        yield from _bands(make, put)
    yield from masks(make, put)
    for name, random in make.random():
        if random.random() < 0.5:
            yield put(name, "Random samples.", log_probs(random, (9,)) | {"advantages": normal(random, (9,))},
                      level="gradients")
        else:
            m = mask(random, (4, 5))
            yield put(name, "Random tokens under a mask.", log_probs(random, m.shape)
                      | {"advantages": normal(random, m.shape), "mask": m}, level="gradients")
    yield put("edge/overflow", "A log-ratio of 800 with advantage 0.", ratios(np.array([800.0, 0.0]))
              | {"advantages": np.array([0.0, 1.0])}, level="edge")
    yield put("edge/all-masked", "No valid entry.", ratios(SIDES) | {"advantages": up, "mask": np.zeros(8, dtype=bool)},
              level="edge")
    yield put("reject/nan", "An advantage that is used is NaN.", ratios(np.zeros(2))
              | {"advantages": np.array([np.nan, 1.0])}, level="reject")
    if clips:
        yield put("reject/eps", "clip_eps is negative.", ratios(SIDES) | {"advantages": up}, -0.2, level="reject")


def far(put: Any) -> Iterator[Case]:
    for name, (says, d) in FAR.items():
        for suffix, sign in (("", 1.0), ("-negative", -1.0)):
            # A clamp of the log-ratio at one of these has its kink there.
            a = sign * np.array([1.0, -2.0, 1.0])[:d.size]
            yield put(name + suffix, says, ratios(d) | {"advantages": a}, kinks=True)


def _bands(make: Maker, put: Any) -> Iterator[Case]:
    """Bands of several widths, asymmetric ones, dual clip, and the edges themselves."""
    wave = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0, -0.25, 1.5])
    for eps in (0.1, 0.3, 0.45):
        yield put(f"eps/{eps:g}", f"clip_eps = {eps:g}.", ratios(SIDES, -1.0) | {"advantages": wave}, eps)
    for low, high in ((0.2, 0.3), (0.3, 0.1)):
        for sign in (1.0, -1.0):
            yield put(f"asymmetric/{low:g}-{high:g}/{sign:g}", "Lower and upper edge differ.",
                      ratios(np.array([-0.5, -0.3, -0.15, 0.0, 0.12, 0.2, 0.5, 2.0]))
                      | {"advantages": sign * np.ones(8)}, (low, high))
    # None is 2 or 3, lest a log-ratio or a log-probability that is taken for the ratio sits on the bound.
    far = np.array([-2.0, -0.5, 0.0, 0.5, 1.0, 1.375, 2.25, 3.5])
    for c in (2.0, 3.0):
        for name, a in (("positive", np.ones(8)), ("negative", -np.ones(8)), ("mixed", wave)):
            yield put(f"dual-clip/{c:g}/{name}", f"dual_clip = {c:g}.", ratios(far) | {"advantages": a}, 0.2, c,
                      level="gradients")
    for name, m in (("half", np.arange(8) % 2 == 0), ("rows", np.arange(8) < np.array([[8], [5], [7], [1], [3]]))):
        seen = {"log_prob": far - 1.5, "old_log_prob": np.full(8, -1.5), "advantages": -np.abs(wave)}
        rows = {key: np.resize(value, m.shape) for key, value in seen.items()}
        yield put(f"dual-clip/mask/{name}", "dual_clip = 2, under a mask.", rows | {"mask": m}, 0.2, 2.0,
                  level="gradients")
    for eps in (0.2, 0.25):
        edges = np.log(np.array([1 - eps, 1 + eps]))
        for sign in (1.0, -1.0):
            yield put(f"edges/{eps:g}/{sign:g}", "Ratios at both edges of the band, to the last ulp.",
                      ratios(edges) | {"advantages": sign * np.array([1.0, 2.0])}, eps, level="gradients", kinks=True)


def masks(make: Maker, put: Any) -> Iterator[Case]:
    """Flat masks, ragged rows and poison."""
    rng = make.fixed
    for name, m in (("half", np.arange(8) % 2 == 0), ("head", np.arange(8) < 3), ("tail", TAIL), ("holes", HOLES),
                    ("square", mask(rng, (5, 5))), ("one-row", np.ones((1, 4), dtype=bool))):
        inputs = log_probs(rng, m.shape) | {"advantages": normal(rng, m.shape), "mask": m}
        garbage = {k: np.where(m, v, 2.5) if k != "mask" else v for k, v in inputs.items()}
        yield put(f"mask/{name}", "Masked entries do not count and get no gradient.", garbage, level="gradients")
        if not m.all():
            bad = {k: poison(v, ~m) if k != "mask" else v for k, v in inputs.items()}
            yield put(f"nan/{name}", "Masked entries are NaN.", bad, level="gradients", poisoned=True)
    yield put("mask/full", "A mask that hides nothing.", log_probs(rng, (3, 4))
              | {"advantages": normal(rng, (3, 4)), "mask": np.ones((3, 4), dtype=bool)})
    ragged = np.arange(40) < np.array([[40], [3], [11], [1]])
    yield put("mask/ragged", "Rows of very unequal length whose means differ.", log_probs(rng, ragged.shape)
              | {"advantages": normal(rng, ragged.shape) + np.array([[3.0], [-5.0], [1.0], [8.0]]), "mask": ragged},
              level="gradients")


def _kl_penalty(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, z: Array, old: Array, beta: float, **flags: Any) -> Case:
        a = flags.pop("advantages", None)
        actions = rng.integers(0, z.shape[1], size=len(z)).astype(np.int64)
        return make.case(name, says, {"logits": z, "old_logits": old, "actions": actions, "kl_coef": beta,
                                      "advantages": normal(rng, (len(z),)) if a is None else a}, **flags)

    z = logits(rng, (2, 3))
    yield put("smoke/equal", "Equal policies: minus the mean advantage.", z, z.copy(), 1.0, level="smoke")
    for name, shape in (("three", (4, 3)), ("eighteen", (3, 18)), ("square", (4, 4)), ("one-row", (1, 3)),
                        ("two", (5, 2)), ("one-action", (3, 1))):
        z = logits(rng, shape)
        yield put(f"plain/{name}", f"Logits of shape {shape}.", z, z + rng.normal(0, 0.6, shape), 0.5,
                  level="gradients")
    for beta in (0.0, 0.01, 5.0):
        z = logits(rng, (4, 3))
        yield put(f"beta/{beta:g}", f"kl_coef = {beta:g}.", z, z + rng.normal(0, 0.6, z.shape), beta,
                  level="gradients")
    yield put("kl-only", "Advantages of 0: only the KL term is left.", logits(rng, (4, 3)), logits(rng, (4, 3)), 1.0,
              advantages=np.zeros(4), level="gradients")
    yield put("kl-only/one-row", "One row, advantage 0.", logits(rng, (1, 3)), logits(rng, (1, 3)),
              2.0, advantages=np.zeros(1), level="gradients")
    yield put("scale/1e4", "Advantages near 1e4.", logits(rng, (4, 3)), logits(rng, (4, 3)), 0.5,
              advantages=large(rng, (4,)))
    yield put("offset", "Common offsets of 1000 and -1000.", logits(rng, (4, 3)) + 1000,
              logits(rng, (4, 3)) - 1000, 0.5)
    yield put("spread", "Logits 30 apart.", np.array([[0.0, 30.0, 15.0]]), np.array([[10.0, 0.0, 30.0]]), 0.5)
    z = logits(rng, (4, 3))
    yield put("near", "Policies close together: a KL of about 1e-4 counts as any other.", z,
              z + rng.normal(0, 0.015, z.shape), 5.0, level="gradients")
    for name, random in make.random():
        rng = random
        z = logits(random, (4, 3))
        yield put(name, "Random logits.", z, z + random.normal(0, 0.6, z.shape), 0.5, level="gradients")
    yield put("reject/nan", "A logit is NaN.", np.array([[np.nan, 0.0]]), np.zeros((1, 2)), 0.5, level="reject")


def _value(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, v: Array, r: Array, m: Array | None = None, **flags: Any) -> Case:
        return make.case(name, says, {"values": v, "returns": r, "mask": m}, **flags)

    yield put("smoke/perfect", "A perfect critic: 0.", np.array([1.0, -2.0, 0.5, 4.0]),
              np.array([1.0, -2.0, 0.5, 4.0]), level="smoke")
    for n in (1, 2, 4, 8):
        yield put(f"halves/{n}", f"{n} values.", halves(rng, (n,)), halves(rng, (n,)), level="gradients")
    for n in (5, 64):
        yield put(f"plain/{n}", f"{n} values.", normal(rng, (n,)), normal(rng, (n,)), level="gradients")
    yield put("scale/1e4", "Returns near 1e4.", normal(rng, (8,)), large(rng, (8,)))
    yield put("small", "Errors below 1: a Huber loss would agree up to scale.", halves(rng, (8,), 1) / 4,
              halves(rng, (8,), 1) / 4)
    yield from _value_masks(make, put, lambda shape: (normal(rng, shape), normal(rng, shape)))
    for name, random in make.random():
        m = mask(random, (9,)) if random.random() < 0.5 else None
        yield put(name, "Random values.", normal(random, (9,)), normal(random, (9,)), m, level="gradients")
    yield put("edge/all-masked", "No valid entry.", halves(rng, (4,)), halves(rng, (4,)), np.zeros(4, dtype=bool),
              level="edge")
    yield put("reject/nan", "A return is NaN.", np.zeros(2), np.array([np.nan, 1.0]), level="reject")


def _value_masks(make: Maker, put: Any, draw: Any) -> Iterator[Case]:
    for name, m in (("half", np.arange(8) % 2 == 0), ("head", np.arange(8) < 3), ("one", np.arange(8) == 5)):
        arrays = draw(m.shape)
        yield put(f"mask/{name}", "Masked entries do not count and get no gradient.", *arrays, m, level="gradients")
        yield put(f"nan/{name}", "Masked entries are NaN.", *[poison(a, ~m) for a in arrays], m, poisoned=True,
                  level="gradients")
    yield put("mask/full", "A mask that hides nothing.", *draw((8,)), np.ones(8, dtype=bool))


def _clipped_value(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, v: Array, r: Array, old: Array, m: Array | None = None, eps: float = 0.5,
            **flags: Any) -> Case:
        return make.case(name, says, {"values": v, "returns": r, "old_values": old, "value_clip_eps": eps, "mask": m},
                         **flags)

    def near(shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
        old = normal(rng, shape)
        return old + rng.normal(0, 0.7, shape), normal(rng, shape), old

    yield put("smoke/unchanged", "The critic has not moved: the plain loss.", np.array([1.0, 2.0]),
              np.array([0.0, 4.0]), np.array([1.0, 2.0]), level="smoke")
    # v, R, v_old: inside the band; outside on both sides with the return before, between and beyond.
    table = np.array([[0.25, 3, 0], [-0.25, 3, 0], [2, 3, 0], [2, 1, 0], [2, -1, 0], [-2, 3, 0], [-2, -1, 0],
                      [-2, -3, 0]], dtype=float)
    yield put("sides", "Values inside and outside the band, returns on every side.", *table.T.copy(),
              level="gradients")
    for i, (v, r, old) in enumerate(table):
        yield put(f"one/{i}", f"One value: v = {v:g}, R = {r:g}, v_old = {old:g}.", np.array([v]), np.array([r]),
                  np.array([old]), level="gradients")
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} values.", *near((n,)), level="gradients")
    for eps in (0.2, 0.1):
        yield put(f"eps/{eps:g}", f"value_clip_eps = {eps:g}.", *near((8,)), None, eps, level="gradients")
    yield put("scale/1e4", "Values and returns up to 1e4.", large(rng, (8,)), large(rng, (8,)), large(rng, (8,)))
    v, r, old = near((8,))
    yield put("scale/100", "Values near 100: the band is narrow.", 100 * v, 100 * r, 100 * old, eps=0.2)
    yield put("edges", "Values at the edges of the band.", np.array([0.5, -0.5, 0.5, -0.5]),
              np.array([2.0, -2.0, -2.0, 2.0]), np.zeros(4), kinks=True, level="gradients")
    yield from _value_masks(make, put, near)
    yield put("perfect", "Values that equal their returns: the gradient is 0 there, a number all the same.",
              np.array([0.25, -2.0, 3.0]), np.array([0.25, -2.0, 1.0]), np.zeros(3), level="gradients")
    for name, random in make.random():
        rng = random
        m = mask(random, (9,)) if random.random() < 0.5 else None
        yield put(name, "Random values.", *near((9,)), m, level="gradients")
    yield put("reject/eps", "value_clip_eps is negative.", *near((4,)), None, -0.2, level="reject")


def _ppo(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, n: int, **changes: Any) -> Case:
        flags = {key: changes.pop(key) for key in ("level", "kinks") if key in changes}
        inputs = log_probs(rng, (n,)) | {
            "advantages": normal(rng, (n,)), "values": normal(rng, (n,)), "returns": normal(rng, (n,)),
            "entropy": np.abs(normal(rng, (n,))), "clip_eps": 0.2, "vf_coef": 0.5, "ent_coef": 0.0625} | changes
        return make.case(name, says, inputs, **flags)

    yield put("smoke/equal", "Equal policies and a perfect critic.", 4, **ratios(np.zeros(4), -1.0),
              values=np.ones(4), returns=np.ones(4), level="smoke")
    for n in (1, 2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", n, level="gradients")
    wave = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0, -0.25, 1.5])
    for name, a in (("mixed", wave), ("positive", np.abs(wave)), ("negative", -np.abs(wave))):
        yield put(f"sides/{name}", "Ratios below, inside and above the band.", 8, **ratios(SIDES, -1.5), advantages=a,
                  level="gradients")
    yield put("scale/1e4", "Values and returns up to 1e4.", 5, values=large(rng, (5,)), returns=large(rng, (5,)))
    yield put("entropy-negative", "Differential entropies may be negative.", 5, entropy=-np.abs(normal(rng, (5,))),
              level="gradients")
    zero = {"advantages": np.zeros(5)}
    yield put("value-only", "Advantages of 0 and no entropy bonus: the value term.", 5, **zero, ent_coef=0.0,
              level="gradients")
    yield put("entropy-only", "Advantages of 0 and no value term: the entropy term.", 5, **zero, vf_coef=0.0,
              level="gradients")
    yield put("policy-only", "Only the policy term.", 5, vf_coef=0.0, ent_coef=0.0, level="gradients")
    yield put("coefficients/large", "Large coefficients.", 5, vf_coef=4.0, ent_coef=2.0, level="gradients")
    yield put("far/up", "Log-ratios of 15 and 25.", 2, **ratios(np.array([15.0, 25.0])),
              advantages=np.array([-1.0, 2.0]))
    yield put("far/one", "One sample: a log-ratio of 50, advantage -1.", 1, **ratios(np.array([50.0])),
              advantages=np.array([-1.0]), vf_coef=0.0, ent_coef=0.0)
    yield put("far/dual", "One sample: a log-ratio of 2, advantage -1.", 1, **ratios(np.array([2.0])),
              advantages=np.array([-1.0]), vf_coef=0.0, ent_coef=0.0, level="gradients")
    for sign in (1.0, -1.0):
        yield put(f"edges/{sign:g}", "Ratios at both edges of the band, to the last ulp.", 2,
                  **ratios(np.log(np.array([0.8, 1.2]))), advantages=sign * np.array([1.0, 2.0]), kinks=True,
                  level="gradients")
    for eps in (0.1, 0.3):
        yield put(f"eps/{eps:g}", f"clip_eps = {eps:g}.", 8, **ratios(SIDES, -1.5), advantages=wave, clip_eps=eps,
                  level="gradients")
    yield put("offset", "Log-probabilities near -800.", 8, **ratios(SIDES, -800.0), advantages=wave)
    for name, random in make.random():
        rng = random
        yield put(name, "Random samples.", 9, level="gradients")
    yield put("reject/eps", "clip_eps is negative.", 4, clip_eps=-0.2, level="reject")


SOURCES = {"surrogate_loss": _policy, "clip_loss": _policy, "kl_penalty_loss": _kl_penalty, "value_loss": _value,
           "clipped_value_loss": _clipped_value, "ppo_loss": _ppo}
