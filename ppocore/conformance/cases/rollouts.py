"""Cases with a time axis: TD errors, GAE, returns, token GAE; and advantage normalisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ppocore.conformance.case import Case, Level
from ppocore.conformance.cases.maker import Array, Maker, halves, large, mask, poison

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

# Where episodes end, as (step, kind) of a rollout of five steps; step -1 is the last row, "*" every row.
ENDS: dict[str, tuple[str, dict[int | str, str]]] = {
    "no-ends": ("Nothing ends: the rollout is cut by its own length.", {}),
    "terminated": ("An episode terminates in the middle.", {2: "terminated"}),
    "terminated-twice": ("Two terminations in a row: an episode of one step.", {1: "terminated", 2: "terminated"}),
    "terminated-last": ("The rollout ends exactly where an episode terminates.", {-1: "terminated"}),
    "terminated-first": ("The first step terminates.", {0: "terminated"}),
    "truncated": ("A time limit cuts an episode; its final observation has a value of its own.",
                  {2: "truncated"}),
    "truncated-continuing": ("A time limit cuts; the final observation's value equals the next row's.",
                             {2: "truncated-same"}),
    "truncated-last": ("The rollout ends exactly where a time limit cuts.", {-1: "truncated"}),
    "terminated-and-truncated": ("One step carries both flags: it is terminal.", {2: "both"}),
    "mixed": ("A termination, a time limit, and both at once.",
              {0: "truncated", 2: "terminated", 3: "both"}),
    "all-terminated": ("Every step terminates.", {"*": "terminated"}),
    "all-truncated": ("Every step is cut.", {"*": "truncated"}),
}

LIMITS = {
    "gamma-one-lambda-one": ("gamma = gae_lambda = 1: the plain sum of TD errors.", 1.0, 1.0),
    "gamma-zero": ("gamma = 0: only the reward and the value remain.", 0.0, 1.0),
    "lambda-zero": ("gae_lambda = 0: the one-step TD error.", 1.0, 0.0),
    "gamma-half-lambda-one": ("gae_lambda = 1, gamma = 1/2: the discounted return less the value.", 0.5, 1.0),
    "gamma-one-lambda-half": ("gamma = 1, gae_lambda = 1/2.", 1.0, 0.5),
}


def rollout(
    rng: np.random.Generator, shape: tuple[int, int], ends: dict[int | str, str], draw: Draw = halves
) -> dict[str, Any]:
    """Rewards, values and flags; next_values follows values wherever the episode goes on."""
    steps = range(shape[0]) if "*" in ends else [step % shape[0] for step in ends if isinstance(step, int)]
    kinds = list(ends.values()) * shape[0] if "*" in ends else list(ends.values())
    values, after = draw(rng, shape), draw(rng, shape)
    # Final observations lie far from everything else, so that reading the wrong value shows.
    after = after + np.where(after >= 0, 1.0, -1.0) * 8 if draw is not large else after
    terminated, truncated = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    same = np.zeros(shape, dtype=bool)
    for step, kind in zip(steps, kinds, strict=False):
        terminated[step] |= kind in ("terminated", "both")
        truncated[step] |= kind in ("truncated", "truncated-same", "both")
        same[step] |= kind == "truncated-same"
    return joined(draw(rng, shape), values, after, terminated, truncated, same)


def joined(
    rewards: Array, values: Array, after: Array, terminated: Array, truncated: Array, same: Array
) -> dict[str, Any]:
    """A rollout whose next_values equals the next row's value wherever nothing ends (or `same` says so)."""
    going_on = ~(terminated | truncated) | same
    going_on[-1] = False
    shifted = np.concatenate([values[1:], after[-1:]])
    return {"rewards": rewards, "values": values, "next_values": np.where(going_on, shifted, after),
            "terminated": terminated, "truncated": truncated}


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of every binary digit."""
    return np.asarray(rng.normal(0.0, 3.0, size=shape))


def random_ends(rng: np.random.Generator, shape: tuple[int, int], truncation: bool) -> dict[str, Any]:
    """A rollout in which a fifth of the steps ends, here and there with both flags."""
    terminated = rng.random(shape) < 0.12
    truncated = (rng.random(shape) < 0.1) & truncation
    same = rng.random(shape) < 0.3
    return joined(normal(rng, shape), normal(rng, shape), normal(rng, shape) * 3, terminated, truncated, same)


def _rollouts(make: Maker) -> Iterator[Case]:
    yield from _smoke(make)
    yield from _meaning(make)
    yield from _accuracy(make)
    yield from _poisoned(make)
    yield from _corners(make)
    for name, rng in make.random():
        shape = [(5, 3), (1, 3), (6, 6), (37, 2)][int(name.split("/")[1]) % 4]
        inputs = random_ends(rng, shape, truncation=bool(rng.random() < 0.5))
        gamma, lam = rng.choice([0.9, 0.99, 1.0]), rng.choice([0.8, 0.95, 1.0])
        yield _put(make, name, "A random rollout with random ends.", inputs, float(gamma), float(lam))
    yield from _edge(make)


def _put(make: Maker, name: str, says: str, inputs: dict[str, Any], gamma: float, lam: float,
         level: Level = "core", **flags: bool) -> Case:
    """The case of this operation: it takes values and gae_lambda only where the operation does."""
    inputs = dict(inputs, gamma=gamma)
    if make.operation == "gae":
        inputs["gae_lambda"] = lam
    if make.operation == "discounted_returns":
        del inputs["values"]
    return make.case(name, says, inputs, level, **flags)


def _smoke(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    yield _put(make, "smoke/three-steps", "Three steps of one environment, nothing ends.",
               rollout(rng, (3, 1), {}), 0.5, 0.5, "smoke", exact=True)
    yield _put(make, "smoke/time-is-axis-0", "More environments than steps: time is axis 0.",
               rollout(rng, (2, 5), {}), 0.5, 0.5, "smoke", exact=True)


def _meaning(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    for name, (says, ends) in ENDS.items():
        yield _put(make, f"ends/{name}", says, rollout(rng, (5, 3), ends), 0.5, 0.5, exact=True)
    for name, (says, gamma, lam) in LIMITS.items():
        yield _put(make, f"limits/{name}", says, rollout(rng, (5, 3), {}), gamma, lam, exact=True)
        yield _put(make, f"limits/{name}-terminated", says + " One episode terminates.",
                   rollout(rng, (5, 3), {2: "terminated"}), gamma, lam, exact=True)
    first: dict[str, dict[int | str, str]] = {
        "no-ends": {}, "terminated": {0: "terminated"}, "truncated": {0: "truncated"}}
    for name, ends in first.items():
        yield _put(make, f"one-step/{name}", "A rollout of a single step.", rollout(rng, (1, 3), ends), 0.5, 0.5,
                   exact=True)
    yield _put(make, "square/terminated", "As many steps as environments: a transposed array still fits.",
               rollout(rng, (6, 6), {3: "terminated"}), 0.5, 0.5, exact=True)
    staggered = rollout(rng, (5, 3), {})
    staggered["terminated"][[1, 3], [0, 1]] = True
    yield _put(make, "ends/staggered", "Episodes of the environments end at different steps.", staggered, 0.5, 0.5,
               exact=True)
    yield _put(make, "reward/after-the-end", "All reward comes after a termination: none may leak back.",
               _late_reward(rng), 1.0, 1.0, exact=True)


def _late_reward(rng: np.random.Generator) -> dict[str, Any]:
    inputs = rollout(rng, (5, 3), {1: "terminated"})
    inputs["rewards"] = np.zeros((5, 3))
    inputs["rewards"][3:] = 8.0
    return inputs


def _accuracy(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    settings = (("usual", 0.99, 0.95), ("undiscounted", 1.0, 1.0), ("slow", 0.9990234375, 1.0),
                ("short", 0.9, 0.8), ("tiny-decay", 0.99, 1e-4))
    for name, gamma, lam in settings:
        yield _put(make, f"long/{name}", "257 steps of two environments with terminations.",
                   random_ends(rng, (257, 2), False), gamma, lam)
    yield _put(make, "long/unbroken", "257 steps of two environments, nothing ends: late errors add up.",
               rollout(rng, (257, 2), {}, normal), 0.9990234375, 1.0)
    yield _put(make, "long/truncated", "257 steps with terminations and time limits.",
               random_ends(rng, (257, 2), True), 0.99, 0.95)
    for name, ends in ((n, ENDS[n][1]) for n in ("no-ends", "terminated", "truncated", "truncated-continuing",
                                                 "mixed")):
        yield _put(make, f"decimal/{name}", f"{ENDS[name][0]} (Numbers of every digit.)",
                   rollout(rng, (5, 3), ends, normal), 0.9, 0.8)
    yield _put(make, "scale/large", "Rewards and values near 1e4.",
               rollout(rng, (37, 2), {12: "terminated"}, large), 0.99, 0.95)


def _poisoned(make: Maker) -> Iterator[Case]:
    rng = make.fixed
    for name in ("terminated", "terminated-last", "mixed", "all-terminated"):
        inputs = rollout(rng, (5, 3), ENDS[name][1])
        inputs["next_values"] = poison(inputs["next_values"], inputs["terminated"])
        yield _put(make, f"nan/{name}", "next_values is NaN where the step terminated: nobody may look at it.",
                   inputs, 0.5, 0.5, exact=True, poisoned=True)


def _corners(make: Maker) -> Iterator[Case]:
    """Where code that branches on a setting, or works in blocks, is wrong and the other cases are not there."""
    rng = make.fixed
    if make.operation == "gae":
        for name in ("gamma-one-lambda-one", "gamma-half-lambda-one", "lambda-zero"):
            says, gamma, lam = LIMITS[name]
            yield _put(make, f"limits/{name}-truncated", says + " A time limit cuts.",
                       rollout(rng, (5, 3), {2: "truncated"}), gamma, lam, exact=True)
    yield _put(make, "long/environments", "129 environments side by side.",
               rollout(rng, (3, 129), {1: "terminated"}), 0.5, 0.5, exact=True)


def _edge(make: Maker) -> Iterator[Case]:
    bad = rollout(make.fixed, (5, 3), {})
    for name in ("rewards", "next_values"):
        broken = dict(bad, **{name: bad[name].copy()})
        broken[name][-1, 1] = np.nan
        yield _put(make, f"reject/nan-{name}", f"{name} holds a NaN that is used.", broken, 0.5, 0.5, "reject")
    yield _put(make, "reject/gamma", "gamma is 2.", bad, 2.0, 0.5, "reject")
    short = dict(bad, rewards=bad["rewards"][:-1])
    yield _put(make, "reject/lengths", "rewards is one step shorter than the rest.", short, 0.5, 0.5, "reject")


def _tokens(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, m: Array, gamma: float, lam: float, draw: Draw = halves, **flags: Any) -> Case:
        return make.case(name, says, {"rewards": draw(rng, m.shape), "values": draw(rng, m.shape), "mask": m,
                                      "gamma": gamma, "gae_lambda": lam}, **flags)

    full = np.ones((2, 4), dtype=bool)
    yield put("smoke/full", "Every token counts.", full, 0.5, 0.5, level="smoke", exact=True)
    tail = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]], dtype=bool)
    head = tail[:, ::-1].copy()
    holes = np.array([[1, 1, 0, 0, 1, 1], [1, 0, 1, 0, 1, 0], [0, 1, 1, 0, 1, 1]], dtype=bool)
    for name, says, m in (("padded-right", "Rows of unequal length, padded at the end.", tail),
                          ("padded-left", "Rows of unequal length, padded at the front.", head),
                          ("holes", "Masked tokens in the middle: the carry passes through them.", holes),
                          ("square", "As many rows as tokens.", mask(rng, (6, 6))),
                          ("one-token", "Rows of a single token.", np.ones((3, 1), dtype=bool))):
        yield put(f"mask/{name}", says, m, 0.5, 0.5, exact=True)
        yield put(f"decimal/{name}", says + " (Numbers of every digit.)", m, 0.9, 0.8, normal)
    for name, (says, gamma, lam) in LIMITS.items():
        yield put(f"limits/{name}", says, holes, gamma, lam, exact=True)
    yield put("full/usual", "Every token counts, usual discounts.", np.ones((3, 6), dtype=bool), 0.99, 0.95, normal)
    yield put("long/tail", "Rows of up to 250 tokens.", np.arange(250) < np.array([[250], [1], [123]]), 1.0, 0.95,
              normal)
    yield put("scale/large", "Rewards and values up to 1e4.", holes, 0.99, 0.95, large)
    for name, m in (("padded-right", tail), ("holes", holes)):
        case = put(f"nan/{name}", "Rewards and values are NaN at masked tokens.", m, 0.5, 0.5)
        inputs = {k: poison(v, ~m) if k in ("rewards", "values") else v for k, v in case.inputs.items()}
        yield make.case(case.id.split("/", 1)[1], case.says, inputs, exact=True, poisoned=True)
    for name, random in make.random():
        rng = random
        yield put(name, "Random tokens under a random mask.", mask(rng, (4, 7)), 0.9, 0.8, normal)
    yield put("edge/all-masked", "A row without a valid token.", np.array([[0, 0], [1, 1]], dtype=bool), 0.5, 0.5,
              level="edge")


def _normalize(make: Maker) -> Iterator[Case]:
    rng = make.fixed

    def put(name: str, says: str, a: Array, m: Array | None = None, **flags: Any) -> Case:
        return make.case(name, says, {"advantages": a, "mask": m}, **flags)

    yield put("smoke/four", "Four advantages.", np.array([1.0, -2.0, 3.5, 0.25]), level="smoke")
    for n in (2, 5, 8, 64):
        yield put(f"plain/{n}", f"{n} advantages.", normal(rng, (n,)))
    yield put("offset/100", "A common offset of 100.", normal(rng, (8,)) + 100)
    yield put("scale/1e4", "Advantages near 1e4.", large(rng, (8,)))
    for power, scale in (("1e-3", 2.0**-10), ("1e-6", 2.0**-20), ("1e-8", 2.0**-28)):
        yield put(f"small/{power}", f"A spread of about {power}: the stabiliser shows.", halves(rng, (8,)) * scale)
        yield put(f"small/{power}-two", f"Two advantages about {power} apart.", np.array([1.0, -1.0]) * scale)
    outlier = normal(rng, (128,))
    outlier[77] = 900.0
    yield put("outlier", "One advantage eleven standard deviations out.", outlier)
    yield put("constant/4", "Four equal advantages: all become 0.", np.full(4, 1.5))
    for name, m in (("half", np.arange(8) % 2 == 0), ("head", np.arange(8) < 3), ("tail", np.arange(8) >= 4),
                    ("random", mask(rng, (64,), 2))):
        a = normal(rng, m.shape) + np.where(m, 0.0, 50.0)
        yield put(f"mask/{name}", "Masked entries do not count.", a, m)
        yield put(f"nan/{name}", "Masked entries are NaN.", poison(a, ~m), m, poisoned=True)
    yield put("mask/full", "A mask that hides nothing.", normal(rng, (8,)), np.ones(8, dtype=bool))
    yield put("small/masked", "A small spread under a mask.", halves(rng, (8,)) * 2.0**-20, np.arange(8) < 5)
    for name, random in make.random():
        n = 2 if name.endswith("0") else 8
        yield put(name, "Random advantages.", normal(random, (n,)) * random.choice([1e-4, 1.0, 100.0]))
    yield put("edge/one", "A single advantage.", np.array([2.0]), level="edge")
    yield put("edge/one-valid", "A single valid advantage.", np.array([2.0, 3.0]), np.array([True, False]),
              level="edge")
    yield put("reject/nan", "An advantage that is used is NaN.", np.array([1.0, np.nan]), level="reject")


SOURCES = {"td_errors": _rollouts, "gae": _rollouts, "discounted_returns": _rollouts, "token_gae": _tokens,
           "normalize_advantages": _normalize}
