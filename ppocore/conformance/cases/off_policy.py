"""Cases of estimates from the data of another policy: truncated and per-decision importance sampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case
from ppocore.conformance.cases.losses import HOLES, TAIL
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison
from ppocore.conformance.cases.probability import SIDES, log_probs, ratios
from ppocore.conformance.cases.rollouts import normal


def _truncated(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, fx: Array, log_weights: Array, most: float, offset: float = 0.0,
            **flags: Any) -> Case:
        # log_q carries the offset and a spread of its own, so that leaving it out shows.
        log_q = offset + normal(rng, fx.shape) / 3
        return make.case(name, says, {"fx": fx, "log_p": log_q + log_weights, "log_q": log_q, "max_weight": most},
                         **flags)

    yield make.case("smoke/equal", "Equal distributions and a cap above 1: the plain mean.",
                    {"fx": np.array([1.0, 2.0, 4.0, 1.0]), "log_p": np.full(4, -1.0), "log_q": np.full(4, -1.0),
                     "max_weight": 2.0}, "smoke")
    yield put("sides", "Weights below and above the cap.", normal(rng, (8,)), SIDES, 1.5)
    for name, says, log_weight, most in (("above", "One weight above the cap.", 2.0, 3.0),
                                         ("below", "One weight below the cap.", 0.5, 3.0),
                                         ("small-cap", "One weight below 1 and above the cap.", -0.5, 0.25)):
        yield put(f"one/{name}", says, np.array([2.0]), np.array([log_weight]), most)
    for n in (2, 5, 64):
        yield put(f"plain/{n}", f"{n} samples.", normal(rng, (n,)), rng.normal(0, 0.8, n), 1.25)
    wave = np.array([1.0, -2.0, 0.5, 3.0, -1.0, 2.0, -0.25, 1.5])
    for most in (0.5, 1.0, 2.0, 10.0):
        yield put(f"eps/{most:g}", f"max_weight = {most:g}.", wave, SIDES * 1.5 + 0.125, most)
    yield put("below/all", "No weight reaches the cap.", normal(rng, (8,)), rng.normal(0, 0.5, 8), 1000.0)
    yield put("clipped/all", "Every weight is above the cap.", normal(rng, (5,)), 1 + np.abs(rng.normal(2, 0.5, 5)),
              1.5)
    yield put("scale/1e4", "f near 1e4.", large(rng, (8,)), rng.normal(0, 1.0, 8), 2.0)
    yield put("long", "300 samples.", normal(rng, (300,)), rng.normal(0, 1.0, 300), 2.0)
    for offset in (1000.0, -1000.0):
        yield put(f"offset/{offset:g}", f"Both log-densities near {offset:g}.", normal(rng, (8,)),
                  rng.normal(0, 1.0, 8), 1.5, offset)
    yield put("far", "Log-weights of 30 and -30.", np.array([1.0, -2.0, 3.0]), np.array([30.0, 0.0, -30.0]), 4.0)
    yield put("small-weights", "Every weight is near e^-25.", normal(rng, (5,)), rng.normal(-25, 1, 5), 2.0)
    for name, random in make.random():
        rng = random
        yield put(name, "Random weights.", normal(random, (9,)), random.normal(0, 1.0, 9),
                  float(random.choice([1.0, 1.5, 2.0])))
    yield put("reject/nan", "A sample of f is NaN.", np.array([np.nan, 1.0]), np.zeros(2), 2.0, level="reject")
    yield put("reject/cap", "max_weight is negative.", np.ones(2), np.zeros(2), -1.0, level="reject")


def _per_decision(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, logs: dict[str, Array], m: Array | None = None, gamma: float = 0.9,
            **flags: Any) -> Case:
        shape = logs["log_prob"].shape
        rewards = flags.pop("rewards", None)
        inputs = logs | {"rewards": normal(rng, shape) if rewards is None else rewards, "gamma": gamma,
                         "mask": np.ones(shape, dtype=bool) if m is None else m}
        return make.case(name, says, inputs, **flags)

    def policies(shape: tuple[int, int], spread: float = 0.4) -> dict[str, Array]:
        return log_probs(rng, shape, spread)

    yield put("smoke/equal", "Equal policies, no discount: the mean over rows of the summed rewards.",
              ratios(np.zeros((2, 2)), -1.0), gamma=1.0, rewards=np.array([[1.0, 2.0], [-4.0, 3.0]]), level="smoke")
    for name, shape in (("rows", (4, 3)), ("one-row", (1, 4)), ("two", (2, 2)), ("many-rows", (9, 2))):
        yield put(f"plain/{name}", f"Trajectories of shape {shape}.", policies(shape))
    yield put("square/5", "As many trajectories as steps.", policies((5, 5)))
    for b in (1, 3):
        yield put(f"one-step/{b}", "Trajectories of a single step.", policies((b, 1)))
    for name, gamma in (("undiscounted", 1.0), ("half", 0.5), ("gamma-zero", 0.0)):
        yield put(f"limits/{name}", f"gamma = {gamma:g}.", policies((3, 4)), gamma=gamma)
    yield put("limits/rewards-last", "Only the last step is rewarded: it carries the whole product.", policies((3, 4)),
              rewards=np.array([[0.0, 0, 0, 2], [0, 0, 0, -1], [0, 0, 0, 4]]))
    yield put("limits/rewards-first", "Only the first step is rewarded: later ratios do not count.", policies((3, 4)),
              rewards=np.array([[2.0, 0, 0, 0], [-1, 0, 0, 0], [4, 0, 0, 0]]))
    yield put("sides/ratios", "Ratios below, at and above 1.", ratios(SIDES.reshape(2, 4), -1.5))
    for name, m in (("tail", TAIL), ("holes", HOLES), ("head", TAIL[:, ::-1].copy()), ("square", mask(rng, (5, 5))),
                    ("one-each", np.eye(3, 4, dtype=bool))):
        logs, rewards = policies(m.shape), normal(rng, m.shape)
        garbage = {key: np.where(m, value, value + 0.75) for key, value in logs.items() if key == "log_prob"}
        yield put(f"mask/{name}", "Masked steps take no time and have no ratio.", logs | garbage, m, rewards=rewards)
        yield put(f"nan/{name}", "Masked steps are NaN.", {key: poison(value, ~m) for key, value in logs.items()}, m,
                  rewards=poison(rewards, ~m), poisoned=True)
    yield put("scale/1e4", "Rewards up to 1e4.", policies((3, 4)), rewards=large(rng, (3, 4)))
    yield put("halves", "Rewards that are multiples of 1/2, gamma = 1/2.", ratios(halves(rng, (3, 4), 1), -2.0),
              gamma=0.5, rewards=halves(rng, (3, 4)))
    yield put("offset/-800", "Log-probabilities near -800.", ratios(SIDES.reshape(4, 2), -800.0))
    yield put("far/up", "A product of ratios of e^50.", ratios(np.array([[20.0, 15.0, 15.0]])))
    yield put("far/down", "A product of ratios of e^-50.", ratios(np.array([[-20.0, -15.0, -15.0], [0.5, 0.0, -0.5]])))
    yield put("long/250", "Rows of up to 250 steps.", policies((3, 250), 0.1),
              np.arange(250) < np.array([[250], [1], [123]]), 0.99)
    for name, random in make.random():
        rng = random
        yield put(name, "Random trajectories under a random mask.", policies((4, 5)), mask(random, (4, 5)))
    yield put("edge/all-masked", "A trajectory without a valid step.", policies((2, 2)),
              np.array([[False, False], [True, True]]), level="edge")
    yield put("reject/gamma", "gamma is 2.", policies((2, 2)), gamma=2.0, level="reject")
    yield put("reject/nan", "A reward that is used is NaN.", policies((1, 2)), rewards=np.array([[np.nan, 1.0]]),
              level="reject")


SOURCES = {"truncated_importance_estimate": _truncated, "per_decision_importance_estimate": _per_decision}
