"""Cases of V-trace: those of GAE with weights, and weights on every side of two different clips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case, Level
from ppocore.conformance.cases.maker import Array, Maker, halves, large, poison
from ppocore.conformance.cases.probability import SIDES, log_probs, ratios
from ppocore.conformance.cases.rollouts import ENDS, LIMITS, normal, random_ends, rollout

Logs = dict[str, Array]
CLIPS = {"equal-clips": ("Both clips are 1.", 1.0, 1.0), "rho-larger": ("rho_clip = 2, c_clip = 1/2.", 2.0, 0.5),
         "c-larger": ("rho_clip = 3/4, c_clip = 1.5.", 0.75, 1.5), "wide": ("No weight reaches a clip.", 1e3, 1e3),
         "tight": ("Every weight is clipped.", 0.0625, 0.03125)}


def _vtrace(make: Maker) -> Iterator[Case]:
    yield from _small(make)
    yield from _weights(make)
    yield from _accuracy(make)
    for name, rng in make.random():
        shape = [(5, 3), (1, 3), (6, 6), (37, 2)][int(name.split("/")[1]) % 4]
        inputs = random_ends(rng, shape, truncation=bool(rng.random() < 0.5))
        clips = float(rng.choice([0.75, 1.0, 1.5])), float(rng.choice([0.5, 1.0, 1.25]))
        yield _put(make, name, "A random rollout with random ends.", inputs, log_probs(rng, shape, 0.7),
                   float(rng.choice([0.9, 0.99, 1.0])), float(rng.choice([0.8, 0.95, 1.0])), clips)
    yield from _edge(make)


def _put(make: Maker, name: str, says: str, inputs: dict[str, Any], logs: Logs, gamma: float = 0.5, lam: float = 0.5,
         clips: tuple[float, float] = (1.25, 0.75), level: Level = "core", **flags: bool) -> Case:
    rho_clip, c_clip = clips
    return make.case(name, says, logs | inputs | {"gamma": gamma, "gae_lambda": lam, "rho_clip": rho_clip,
                                                  "c_clip": c_clip}, level, **flags)


def _small(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    on_policy = ratios(np.zeros((3, 1)), -1.0)
    yield _put(make, "smoke/on-policy", "The policy's own data and clips of 1: the targets of GAE.",
               rollout(rng, (3, 1), {}), on_policy, 0.5, 1.0, (1.0, 1.0), "smoke")
    yield _put(make, "smoke/time-is-axis-0", "More environments than steps: time is axis 0.",
               rollout(rng, (2, 5), {}), ratios(np.zeros((2, 5)), -1.0), 0.5, 1.0, (1.0, 1.0), "smoke")
    for name, (says, ends) in ENDS.items():
        yield _put(make, f"ends/{name}", says, rollout(rng, (5, 3), ends), log_probs(rng, (5, 3), 0.7), 0.5, 1.0)
    for name, (says, gamma, lam) in LIMITS.items():
        yield _put(make, f"limits/{name}", says, rollout(rng, (5, 3), {2: "terminated"}), log_probs(rng, (5, 3), 0.7),
                   gamma, lam)
    first: dict[str, dict[int | str, str]] = {
        "no-ends": {}, "terminated": {0: "terminated"}, "truncated": {0: "truncated"}}
    for name, ends in first.items():
        yield _put(make, f"one-step/{name}", "A rollout of a single step.", rollout(rng, (1, 3), ends),
                   log_probs(rng, (1, 3), 0.7), 0.5, 1.0)
    yield _put(make, "square/terminated", "As many steps as environments: a transposed array still fits.",
               rollout(rng, (6, 6), {3: "terminated"}), log_probs(rng, (6, 6), 0.7))
    for name in ("terminated", "terminated-last", "mixed", "all-terminated"):
        inputs = rollout(rng, (5, 3), ENDS[name][1])
        inputs["next_values"] = poison(inputs["next_values"], inputs["terminated"])
        yield _put(make, f"nan/{name}", "next_values is NaN where the step terminated: nobody may look at it.",
                   inputs, log_probs(rng, (5, 3), 0.7), 0.5, 1.0, poisoned=True)


def _weights(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    sides = SIDES.reshape(8, 1)
    for name, (says, rho_clip, c_clip) in CLIPS.items():
        yield _put(make, f"sides/{name}", f"Ratios from e^-2 to e^2. {says}", rollout(rng, (8, 1), {}),
                   ratios(sides + 0.0625, -1.5), 0.75, 1.0, (rho_clip, c_clip))
    for log_ratio in (-0.5, 0.5):
        yield _put(make, f"one/{log_ratio:g}", "One weight throughout.", rollout(rng, (4, 1), {}),
                   ratios(np.full((4, 1), log_ratio), -1.0), 1.0, 1.0, (1.25, 0.75))
    for name, offset in (("-800", -800.0), ("120", 120.0)):
        yield _put(make, f"offset/{name}", f"Log-probabilities near {name}.", rollout(rng, (8, 1), {}),
                   ratios(sides, offset))
    yield _put(make, "far/clipped", "Log-ratios of 50 and -50, clipped.", rollout(rng, (3, 2), {}),
               ratios(np.array([[50.0, -50.0], [-50.0, 50.0], [0.5, -0.5]])))
    yield _put(make, "far/unclipped", "Log-ratios of 10 and -10 under clips of 10,000.", rollout(rng, (3, 2), {}),
               ratios(np.array([[10.0, -10.0], [-10.0, 10.0], [0.5, -0.5]])), 0.75, 0.75, (1e4, 1e4))


def _accuracy(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    for name, gamma, lam, truncation in (("usual", 0.99, 0.95, False), ("undiscounted", 1.0, 1.0, False),
                                         ("truncated", 0.99, 1.0, True)):
        yield _put(make, f"long/{name}", "257 steps of two environments with ends.",
                   random_ends(rng, (257, 2), truncation), log_probs(rng, (257, 2)), gamma, lam, (1.0, 1.0))
    yield _put(make, "long/unbroken", "257 steps of two environments, nothing ends: late errors add up.",
               rollout(rng, (257, 2), {}, normal), log_probs(rng, (257, 2)), 0.9990234375, 1.0, (1.5, 1.0))
    for name in ("no-ends", "terminated", "truncated", "mixed"):
        yield _put(make, f"decimal/{name}", f"{ENDS[name][0]} (Numbers of every digit.)",
                   rollout(rng, (5, 3), ENDS[name][1], normal), log_probs(rng, (5, 3), 0.7), 0.9, 0.8)
    yield _put(make, "scale/large", "Rewards and values near 1e4.", rollout(rng, (37, 2), {12: "terminated"}, large),
               log_probs(rng, (37, 2)), 0.99, 0.95)


def _edge(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    inputs, logs = rollout(rng, (5, 3), {}, halves), log_probs(rng, (5, 3))
    yield _put(make, "edge/overflow", "A log-ratio of 800, clipped.", rollout(rng, (2, 1), {}),
               ratios(np.array([[800.0], [0.0]])), level="edge")
    broken = inputs["rewards"].copy()
    broken[-1, 1] = np.nan
    yield _put(make, "reject/nan-rewards", "rewards holds a NaN that is used.", inputs | {"rewards": broken}, logs,
               level="reject")
    yield _put(make, "reject/rho-clip", "rho_clip is negative.", inputs, logs, clips=(-1.0, 1.0), level="reject")
    yield _put(make, "reject/gamma", "gamma is 2.", inputs, logs, 2.0, level="reject")


SOURCES = {"vtrace": _vtrace}
