"""Theorems about advantage estimates, on the compiled kernels: exact where the numbers are dyadic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest

from ppocore import gae, td_errors, token_gae
from ppocore.advantages import _gae_loop, gae_kernel, td_error_kernel

GAMMA, LAMBDA = Fraction(3, 4), Fraction(1, 2)
REWARDS, VALUES, NEXT_VALUES = [1.5, -2.0, 0.5, 3.0], [2.0, 0.5, -1.0, 1.5], [-3.0, 4.0, 2.5, -0.5]
FREE = [False] * 4
EVERY_FLAGS = [tuple(zip(*flags, strict=True)) for flags in product(product((False, True), repeat=2), repeat=4)]


class Stream(NamedTuple):
    rewards: Any = REWARDS
    values: Any = VALUES
    next_values: Any = NEXT_VALUES
    terminated: Any = FREE
    truncated: Any = FREE


CHAINED = Stream(next_values=[*VALUES[1:], -0.5])


def shipped(stream: Stream, gamma: Fraction = GAMMA, lam: Fraction = LAMBDA) -> list[Fraction]:
    out = gae(*stream, gamma=float(gamma), gae_lambda=float(lam)).advantages
    return [Fraction(float(a)) for a in out]


def masked_sum(stream: Stream, gamma: Fraction = GAMMA, lam: Fraction = LAMBDA) -> list[Fraction]:
    """Every delta times the product of gamma lambda over the steps before it, up to the first end."""
    out = []
    for t in range(len(stream.rewards)):
        total, weight = Fraction(0), Fraction(1)
        for k in range(t, len(stream.rewards)):
            following = 0 if stream.terminated[k] else Fraction(stream.next_values[k])
            total += weight * (Fraction(stream.rewards[k]) + gamma * following - Fraction(stream.values[k]))
            if stream.terminated[k] or stream.truncated[k]:
                break
            weight *= gamma * lam
        out.append(total)
    return out


@pytest.mark.theorem("GAE-01")
def test_the_loop_is_the_masked_sum_for_every_pattern_of_flags() -> None:
    for terminated, truncated in EVERY_FLAGS:
        stream = Stream(terminated=terminated, truncated=truncated)
        assert shipped(stream) == masked_sum(stream)


@pytest.mark.theorem("GAE-02")
def test_without_ends_the_sum_is_geometric() -> None:
    """By hand: gamma lambda = 1/4, errors 1 twice, then 2: 1 + 1/4 + 2/16."""
    out = gae([1.0, 1.0, 2.0], [0.0] * 3, [0.0] * 3, [False] * 3, [False] * 3, gamma=0.5, gae_lambda=0.5)

    np.testing.assert_array_equal(out.advantages, [1.375, 1.5, 2.0])


@pytest.mark.theorem("GAE-03")
def test_lambda_one_is_the_discounted_sum_minus_the_value() -> None:
    tail = Fraction(CHAINED.next_values[-1])
    for t, advantage in enumerate(shipped(CHAINED, lam=Fraction(1))):
        rewards = sum(GAMMA**k * Fraction(r) for k, r in enumerate(REWARDS[t:]))
        assert advantage == rewards + GAMMA ** (4 - t) * tail - Fraction(VALUES[t])


@pytest.mark.theorem("GAE-04", "GAE-16")
def test_lambda_zero_is_the_one_step_error() -> None:
    for terminated, truncated in EVERY_FLAGS:
        stream = Stream(terminated=terminated, truncated=truncated)
        errors = [
            Fraction(r) + GAMMA * (0 if ended else Fraction(n)) - Fraction(v)
            for r, v, n, ended in zip(REWARDS, VALUES, NEXT_VALUES, terminated, strict=True)
        ]
        assert shipped(stream, lam=Fraction(0)) == errors
        assert td_errors(*stream, gamma=0.75).tolist() == errors


@pytest.mark.theorem("GAE-05")
def test_advantage_plus_value_is_the_lambda_return() -> None:
    out = gae(*CHAINED, gamma=0.75, gae_lambda=0.5).returns
    later = 1.5 * 2 + 0.75 * -0.5  # 3 + gamma V' at the last row
    expected = [later]
    for t in (2, 1, 0):
        later = REWARDS[t] + 0.75 * (0.5 * VALUES[t + 1] + 0.5 * later)
        expected.insert(0, later)

    np.testing.assert_array_equal(out, expected)


@pytest.mark.theorem("GAE-06")
def test_the_estimate_is_a_mixture_of_n_step_advantages() -> None:
    values = [Fraction(v) for v in [*VALUES, -0.5]]

    def n_step(n: int) -> Fraction:
        return sum(GAMMA**k * Fraction(REWARDS[k]) for k in range(n)) + GAMMA**n * values[n] - values[0]

    mixture = sum((1 - LAMBDA) * LAMBDA ** (n - 1) * n_step(n) for n in (1, 2, 3)) + LAMBDA**3 * n_step(4)

    assert shipped(CHAINED)[0] == mixture


@pytest.mark.theorem("GAE-07")
def test_the_estimate_is_linear() -> None:
    other = Stream([2.0, 1.0, -1.0, 0.5], [0.5, 3.0, 1.0, -2.0], [1.0, -1.0, 2.0, 4.0])
    for terminated, truncated in EVERY_FLAGS[::7]:
        x, y = (s._replace(terminated=terminated, truncated=truncated) for s in (Stream(), other))
        both = [[p - 4 * q for p, q in zip(u, w, strict=True)] for u, w in zip(x[:3], y[:3], strict=True)]
        separate = [p - 4 * q for p, q in zip(shipped(x), shipped(y), strict=True)]
        assert shipped(Stream(*both, terminated, truncated)) == separate


@pytest.mark.theorem("GAE-08")
@pytest.mark.parametrize("end", ["terminated", "truncated"])
def test_one_pass_over_two_episodes_is_one_pass_each(end: str) -> None:
    stream = Stream(**{end: [False, True, False, False]})
    parts = (Stream(*(part[rows] for part in stream)) for rows in (slice(0, 2), slice(2, 4)))

    assert shipped(stream) == [a for part in parts for a in shipped(part)]


@pytest.mark.theorem("GAE-09")
def test_the_value_after_a_terminal_step_may_be_nan() -> None:
    stream = Stream(terminated=[False, True, False, True], truncated=[False, True, False, False])
    poisoned = stream._replace(next_values=[-3.0, float("nan"), 2.5, float("nan")])

    assert shipped(poisoned) == shipped(stream)


@pytest.mark.theorem("GAE-10")
def test_truncation_exceeds_termination_by_the_discounted_value() -> None:
    at = [False, False, True, False]
    gaps = [c - e for c, e in zip(shipped(Stream(truncated=at)), shipped(Stream(terminated=at)), strict=True)]
    last = GAMMA * Fraction(NEXT_VALUES[2])

    assert gaps == [last * (GAMMA * LAMBDA) ** 2, last * GAMMA * LAMBDA, last, 0]


@pytest.mark.theorem("GAE-11")
def test_bounded_errors_give_bounded_advantages() -> None:
    """gamma lambda = 3/8: all errors 1 or -1 stay below 8/5, and all 1 come near it."""
    for signs in product((-1.0, 1.0), repeat=6):
        stream = Stream(list(signs), [0.0] * 6, [0.0] * 6, [False] * 6, [False] * 6)
        assert max(map(abs, shipped(stream))) < Fraction(8, 5)
    assert shipped(Stream([1.0] * 6, [0.0] * 6, [0.0] * 6, [False] * 6, [False] * 6))[0] > Fraction(159, 100)


@pytest.mark.theorem("GAE-12")
def test_a_constant_added_to_the_values_changes_nothing_without_terminal_steps() -> None:
    for truncated in product((False, True), repeat=4):
        stream = Stream(truncated=truncated)
        raised = stream._replace(
            rewards=[r + 8 * 0.25 for r in REWARDS], values=[v + 8 for v in VALUES],
            next_values=[v + 8 for v in NEXT_VALUES],
        )
        assert shipped(raised) == shipped(stream)


@pytest.mark.theorem("GAE-13")
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_with_true_values_the_mean_estimate_is_the_advantage(lam: float) -> None:
    """One step of reward 0 or 4, then a coin: reward 2 or -6.  gamma = 1/2.

    By hand: V(second) = -2, Q(first) = r - 1, V(first) = (-1 + 3) / 2 = 1: advantages -2 and 2.
    """
    for reward, advantage in ((0.0, -2.0), (4.0, 2.0)):
        ends = [False, True]
        paths = [
            gae([reward, last], [1.0, -2.0], [-2.0, 0.0], ends, [False] * 2, gamma=0.5, gae_lambda=lam).advantages[0]
            for last in (2.0, -6.0)
        ]
        assert sum(paths) / 2 == advantage


@pytest.mark.theorem("GAE-14")
def test_rounding_errors_of_a_long_rollout_stay_within_the_bound() -> None:
    """2^-43 / (1 - gamma lambda), from 2^-43 for one step: |r| <= 1, values at most 8, advantages below 200."""
    steps, gamma, lam = 300, 0.97, 0.9
    rewards = [((5 * t) % 13 - 6) / 7 for t in range(steps)]
    values = [((11 * t) % 29 - 14) / 1.9 for t in range(steps)]
    stream = Stream(rewards, values, [*values[1:], 0.1], [False] * steps, [False] * steps)
    found = [Fraction(float(a)) for a in gae(*stream, gamma=gamma, gae_lambda=lam).advantages]
    later, bound = Fraction(0), Fraction(1, 2**43) / (1 - Fraction(gamma) * Fraction(lam))
    for t in reversed(range(steps)):
        error = Fraction(rewards[t]) + Fraction(gamma) * Fraction(stream.next_values[t]) - Fraction(values[t])
        later = error + Fraction(gamma) * Fraction(lam) * later
        assert abs(found[t]) <= 200
        assert abs(found[t] - later) <= bound


@pytest.mark.theorem("GAE-15")
def test_masked_tokens_take_no_time() -> None:
    nan = float("nan")
    for mask in product((False, True), repeat=4):
        if not any(mask):
            continue
        kept = [t for t in range(4) if mask[t]]
        values = [VALUES[t] for t in kept]
        ends = [False] * (len(kept) - 1) + [True]
        row = Stream([REWARDS[t] for t in kept], values, [*values[1:], 0.0], ends, [False] * len(kept))
        padded = [[x if use else nan for x, use in zip(part, mask, strict=True)] for part in (REWARDS, VALUES)]
        out = token_gae([padded[0]], [padded[1]], [mask], gamma=0.75, gae_lambda=0.5)
        expected = dict(zip(kept, masked_sum(row), strict=True))
        assert out.advantages[0].tolist() == [expected.get(t, 0) for t in range(4)]


@pytest.mark.theorem("GAE-01", "GAE-16")
def test_compiled_kernels_are_their_bodies_bit_for_bit() -> None:
    """Numbers that round: the proofs run the body, the package the compiled kernel."""
    tenths = [(37 * i % 100 - 50) / 7.3 for i in range(100)]
    for i, flag in product(range(97), (False, True)):
        numbers = (*tenths[i : i + 3], flag, 0.99)
        assert td_error_kernel(*numbers) == td_error_kernel.py_func(*numbers)
        step = (tenths[i], tenths[i + 1], flag, 0.99, 0.95)
        assert gae_kernel(*step) == gae_kernel.py_func(*step)

    parts = [np.reshape(tenths[k : k + 60], (12, 5)) for k in (0, 20, 40)]
    flags = [np.arange(60).reshape(12, 5) % n == 0 for n in (7, 11)]
    compiled, plain = np.empty((12, 5)), np.empty((12, 5))
    _gae_loop(*parts, *flags, 0.99, 0.95, compiled)
    _gae_loop.py_func(*parts, *flags, 0.99, 0.95, plain)
    np.testing.assert_array_equal(compiled, plain)
