"""Theorems about V-trace, on the compiled kernels."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from ppocore import gae, vtrace
from ppocore.off_policy import _trace_loop, clipped_weight_kernel
from tests.optional import require

REWARDS, VALUES, AFTER = [1.0, -3.0, 2.5, 4.0], [0.5, 2.0, -1.0, 3.0], [6.0, -2.0, 1.5, 8.0]
RHO, TRACE = [1.0, 0.5, 0.25, 2.0], [0.5, 1.0, 0.75, 0.25]
EVERY_FLAGS = [tuple(zip(*flags, strict=True)) for flags in product(product((False, True), repeat=2), repeat=4)]


def literal(terminated: tuple[bool, ...], truncated: tuple[bool, ...]) -> list[Fraction]:
    """Equation 1 in rationals, gamma = 1/2."""
    out = []
    for t in range(4):
        total, weight = Fraction(VALUES[t]), Fraction(1)
        for k in range(t, 4):
            following = Fraction(0) if terminated[k] else Fraction(AFTER[k]) / 2
            total += weight * Fraction(RHO[k]) * (Fraction(REWARDS[k]) + following - Fraction(VALUES[k]))
            if terminated[k] or truncated[k]:
                break
            weight *= Fraction(TRACE[k]) / 2
        out.append(total)
    return out


@pytest.mark.theorem("VTR-01")
def test_targets_are_the_sums_of_equation_one_for_every_pattern_of_flags() -> None:
    for flags in EVERY_FLAGS:
        columns = [np.array(x)[:, None] for x in (REWARDS, VALUES, AFTER, *flags, RHO, TRACE)]
        returns, advantages = np.empty((4, 1)), np.empty((4, 1))
        _trace_loop(*columns[:5], 0, *columns[5:], 0.5, 3, *np.zeros((4, 1)), 0, 0, returns, advantages)

        assert returns[:, 0].tolist() == literal(*flags)


@pytest.mark.theorem("VTR-02")
def test_on_its_own_data_the_targets_are_those_of_gae_and_the_advantages_are_not() -> None:
    flags = [False] * 4, [False] * 4
    rollout = REWARDS, VALUES, [*VALUES[1:], 8.0], *flags
    same = [-1.0] * 4

    out = vtrace(same, same, *rollout, gamma=0.5, gae_lambda=0.5, rho_clip=1, c_clip=2)
    longest = vtrace(same, same, *rollout, gamma=0.5, gae_lambda=1, rho_clip=1, c_clip=1)

    wanted = gae(*rollout, gamma=0.5, gae_lambda=0.5)
    assert out.returns.tolist() == wanted.returns.tolist()
    assert out.advantages.tolist() != wanted.advantages.tolist()
    assert longest.advantages.tolist() == (longest.returns - VALUES).tolist()


@pytest.mark.theorem("VTR-02")
def test_weights_are_ratios_up_to_the_clip() -> None:
    for d, clip in product((-3.0, -0.5, 0.0, 0.5, 800.0), (0.25, 1.0, 4.0)):
        with np.errstate(over="ignore"):
            assert clipped_weight_kernel(d, clip) == min(np.exp(d), clip)


@pytest.mark.theorem("VTR-03")
def test_long_unbroken_traces_keep_their_bound() -> None:
    require("flint")
    from proofs.bounds.measure import held

    draw = np.random.default_rng(2)
    shape = (60, 1)
    arrays = {name: draw.normal(size=shape) * 100 for name in ("rewards", "values", "next_values")}
    flags = {name: draw.random(shape) < 0.01 for name in ("terminated", "truncated")}
    old = -1 - draw.random(shape)
    logs = {"log_prob": old + 0.3 * draw.normal(size=shape), "old_log_prob": old}

    for rho_clip, c_clip in ((1.0, 1.0), (3.0, 2.0)):
        assert held("vtrace", {**logs, **arrays, **flags, "gamma": 0.999, "gae_lambda": 0.99, "rho_clip": rho_clip,
                               "c_clip": c_clip})
