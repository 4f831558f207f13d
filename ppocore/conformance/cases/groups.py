"""Cases of advantages within a group, of token rewards, and of the coefficient that is moved in proportion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.losses import HOLES, TAIL
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison
from ppocore.conformance.cases.probability import log_probs
from ppocore.conformance.cases.rollouts import normal

VERIFIED = np.array([[0, 0, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1, 0, 0],
                     [0, 0, 0, 0, 0, 0, 0, 0]], dtype=np.float64)
"""Right and wrong answers to four prompts; two of them tell nothing."""


def _groups(make: Maker) -> Iterator[Case]:
    """grpo_advantages, rloo_advantages and dr_grpo_advantages."""
    rng = make.fixed

    def put(name: str, says: str, rewards: Array, **flags: Any) -> Case:
        return make.case(name, says, {"rewards": rewards}, **flags)

    yield put("smoke/one-prompt", "One prompt, four completions.", np.array([[1.0, 0.0, 0.0, 2.0]]), level="smoke")
    yield put("plain/verified", "Four prompts with rewards of 0 and 1; in two rows all are equal.", VERIFIED)
    for name, shape in (("two", (3, 2)), ("three", (2, 3)), ("square", (4, 4)), ("one-prompt", (1, 6)),
                        ("tall", (7, 4)), ("wide", (2, 16))):
        yield put(f"plain/{name}", f"Rewards of shape {shape}.", normal(rng, shape))
    yield put("halves", "Multiples of one half.", halves(rng, (3, 4)))
    yield put("square/unlike", "As many prompts as completions, and rows unlike the columns.",
              normal(rng, (3, 3)) + np.array([[0.0], [40.0], [-90.0]]))
    spread, level = np.array([[1.0], [100.0], [0.01], [10.0]]), np.array([[0.0], [50.0], [1.0], [-8.0]])
    yield put("scale/rows", "Rows of very different spread and level.", normal(rng, (4, 8)) * spread + level)
    yield put("scale/1e4", "Rewards near 1e4.", large(rng, (2, 8)))
    yield put("offset/100", "A common offset of 100.", normal(rng, (2, 8)) + 100)
    for power, scale in (("1e-3", 2.0**-10), ("1e-6", 2.0**-20), ("1e-8", 2.0**-28)):
        yield put(f"small/{power}", f"A spread of about {power}: the stabiliser shows.", halves(rng, (2, 8)) * scale)
    yield put("small/two", "Two completions about 1e-6 apart.", np.array([[1.0, -1.0], [3.0, 1.0]]) * 2.0**-20)
    yield put("constant/rows", "Every row holds one number: all advantages are 0.",
              np.array([[1.5] * 4, [-2.0] * 4, [0.0] * 4]))
    yield put("long", "256 completions a prompt.", normal(rng, (2, 256)))
    yield put("outlier", "One reward far above the rest.", np.array([[0.0, 1.0, 0.0, -1.0, 0.5, 0.0, 200.0, 0.0]]))
    for name, random in make.random():
        if random.random() < 0.5:
            yield put(name, "Random rewards of 0 and 1.", random.integers(0, 2, size=(4, 8)).astype(np.float64))
        else:
            yield put(name, "Random rewards.", normal(random, (3, 5)) * random.choice([1e-4, 1.0, 100.0]))
    yield put("edge/one-completion", "A single completion a prompt.", np.array([[2.0], [3.0]]), level="edge")
    yield put("reject/nan", "A reward is NaN.", np.array([[1.0, np.nan]]), level="reject")


def _kl_reward(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, m: Array, beta: float = 0.1, *, scores: Array | None = None, **flags: Any) -> Case:
        draw = flags.pop("rng", rng)
        logs = log_probs(draw, m.shape)
        given = {"scores": normal(draw, (len(m),)) if scores is None else scores,
                 "log_prob": np.where(m, logs["log_prob"], 2.5),
                 "ref_log_prob": np.where(m, logs["old_log_prob"], -1.5), "mask": m, "kl_coef": beta}
        return make.case(name, says, given | flags.pop("changes", {}), **flags)

    same = -np.ones((2, 3))
    yield put("smoke/equal", "The reference itself: nothing but the scores.", np.ones((2, 3), dtype=bool), 0.5,
              scores=np.array([1.0, -2.0]), changes={"log_prob": same, "ref_log_prob": same.copy()}, level="smoke")
    for name, says, m in (("tail", "Answers of unequal length, padded at the end.", TAIL),
                          ("head", "Padded at the front.", TAIL[:, ::-1].copy()),
                          ("holes", "Tool output in the middle is masked.", HOLES),
                          ("square", "As many answers as tokens.", mask(rng, (5, 5))),
                          ("full", "Every token counts.", np.ones((3, 4), dtype=bool)),
                          ("one-token", "Answers of a single token.", np.ones((3, 1), dtype=bool)),
                          ("one-row", "One answer.", np.array([[1, 1, 1, 0]], dtype=bool))):
        yield put(f"mask/{name}", says, m)
        if not m.all():
            bad = {n: poison(normal(rng, m.shape), ~m) for n in ("log_prob", "ref_log_prob")}
            yield put(f"nan/{name}", says + " Masked slots hold NaN.", m, changes=bad, poisoned=True)
    for beta in (0.0, 0.5, 1.0, 20.0):
        yield put(f"beta/{beta:g}", f"kl_coef = {beta:g}.", TAIL, beta)
    yield put("kl-only", "Scores of 0: the penalty alone.", HOLES, 0.5, scores=np.zeros(3))
    yield put("far", "Log-ratios of 50 and -50.", np.ones((1, 2), dtype=bool), 0.25,
              changes={"log_prob": np.array([[-1.0, -51.0]]), "ref_log_prob": np.array([[-51.0, -1.0]])})
    yield put("scale/1e4", "Scores near 1e4.", HOLES, 0.5, scores=large(rng, (3,)))
    yield put("long", "Answers of up to 200 tokens.", np.arange(200) < np.array([[200], [1], [77]]), 0.05)
    for name, random in make.random():
        yield put(name, "Random tokens under a random mask.", mask(random, (4, 6)), 0.3, rng=random)
    yield put("edge/all-masked", "An answer without a token.", np.array([[0, 0], [1, 1]], dtype=bool), level="edge")
    yield put("reject/nan", "A score is NaN.", np.ones((1, 2), dtype=bool), scores=np.array([np.nan]), level="reject")


def _proportional(make: Maker) -> Iterator[Case]:
    def put(name: str, says: str, multiple: float, target: float = 0.25, coef: float = 0.5, steps: int = 64,
            horizon: int = 256, **flags: Any) -> Case:
        return make.case(name, says, {"kl_coef": coef, "kl": multiple * target, "target_kl": target,
                                      "batch_steps": steps, "horizon": horizon}, **flags)

    yield put("smoke/at-target", "KL at its target: nothing changes.", 1.0, level="smoke")
    for multiple in (0.0, 0.5, 0.75, 0.875, 0.9375, 1.0625, 1.125, 1.25, 1.5, 3.0, 40.0):
        yield put(f"multiple/{multiple:g}", f"KL at {multiple:g} times its target.", multiple)
    for multiple in (0.5, 0.9, 1.1, 4.0):
        yield put(f"small-target/{multiple:g}", f"KL at {multiple:g} times a target of 0.01.", multiple, 0.01, 3.0)
        yield put(f"rate/{multiple:g}", "A batch of a hundredth of the horizon.", multiple, 6.0, 0.2, 100, 10000)
    yield put("below/zero", "An estimate below 0.", -0.5)
    yield put("rate/one-batch", "The batch is as long as the horizon.", 1.125, steps=128, horizon=128)
    yield put("rate/longer-batch", "The batch is longer than the horizon.", 0.9375, steps=300, horizon=128)
    for coef in (1000.0, 1e-5):
        yield put(f"coefficient/{coef:g}/up", "A coefficient far from 1 grows without a bound.", 2.0, coef=coef)
        yield put(f"coefficient/{coef:g}/down", "A coefficient far from 1 shrinks without a bound.", 0.25, coef=coef)
    for name, rng in make.random():
        yield put(name, "A random target.", float(rng.uniform(0.3, 2.0)), float(rng.uniform(0.005, 8.0)),
                  float(rng.uniform(0.05, 2.0)), int(rng.integers(1, 512)), int(rng.integers(512, 20000)))
    yield put("reject/target", "target_kl is 0.", 1.0, 0.0, level="reject")
    yield put("reject/horizon", "horizon is 0.", 1.5, horizon=0, level="reject")


SOURCES = {"grpo_advantages": _groups, "rloo_advantages": _groups, "dr_grpo_advantages": _groups,
           "kl_reward": _kl_reward, "adapt_kl_coef_proportional": _proportional}
