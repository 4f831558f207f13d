"""Surrogates and KL of two policies against sums over every trajectory, and their gradients by exact derivatives."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ppocore.worlds import (
    exact_clipped_objective,
    exact_kl,
    exact_policy_gradient,
    exact_surrogate,
    two_arm_bandit,
)
from proofs.definitions.duals import Dual
from proofs.methods import worlds
from proofs.methods.exact import Q
from tests.closeness import assert_within
from tests.worlds.literal import UNITS, as_policy, as_world, by_state, in_logits, visits

pairs = pytest.mark.parametrize(("rational", "old", "new"), worlds.PAIRS)
EPS = Q(1, 4)


def literal(rational: worlds.World, old: worlds.Table, term: Any) -> Any:
    """E_old of the sum of gamma^t term(pi, t, s, a) over the steps, as a function of the new parameters."""
    behind = worlds.policy_of(old)
    advantage = rational.advantage(behind)

    def objective(theta: worlds.Table) -> Any:
        ahead = worlds.policy_of(theta)
        return rational.expected(behind, lambda path: sum(
            (rational.gamma**t * term(ahead[s][a] / behind[s][a], advantage(t, s, a))
             for t, (s, a) in enumerate(path)), Q(0)))

    return objective


def clipped(r: Any, advantage: Fraction) -> Any:
    """min(r A, clip(r) A), with the unclipped slope on the edge."""
    plain = r.value if isinstance(r, Dual) else r
    bounded = min(max(plain, 1 - EPS), 1 + EPS)
    return r * advantage if plain * advantage <= bounded * advantage else bounded * advantage


@pairs
@pytest.mark.parametrize("kind", ["surrogate", "clipped"])
def test_objective_and_gradient(rational: worlds.World, old: worlds.Table, new: worlds.Table, kind: str) -> None:
    objective = literal(rational, old, clipped if kind == "clipped" else lambda r, advantage: r * advantage)
    world, ahead, behind = as_world(rational), as_policy(rational, new), as_policy(rational, old)

    if kind == "clipped":
        found = exact_clipped_objective(world, ahead, behind, clip_eps=float(EPS), discount_states=True)
    else:
        found = exact_surrogate(world, ahead, behind, discount_states=True)

    assert_within(found.objective, float(objective(new)), units=UNITS, scale=10.0)
    assert_within(by_state(rational, found.grad_logits), in_logits(objective, new), units=UNITS, scale=10.0)


def test_the_clip_bites_somewhere() -> None:
    """Else the test above would say nothing of it."""
    different = 0
    for rational, old, new in worlds.PAIRS:
        plain, cut = (literal(rational, old, term)(new) for term in (lambda r, a: r * a, clipped))
        different += plain != cut

    assert different > len(worlds.PAIRS) / 2


@pytest.mark.parametrize(("rational", "theta"), worlds.SETTINGS)
def test_at_the_old_policy_every_objective_has_the_gradient_of_j(
    rational: worlds.World, theta: worlds.Table
) -> None:
    world, policy = as_world(rational), as_policy(rational, theta)
    expected = exact_policy_gradient(world, policy, discount_states=True)

    for found in (
        exact_surrogate(world, policy, policy, discount_states=True),
        exact_clipped_objective(world, policy, policy, clip_eps=0.2, discount_states=True),
    ):
        assert_within(found.grad_logits, expected, units=UNITS, scale=10.0)


def divergence(rational: worlds.World, p: worlds.Table, q: worlds.Table, weights: list) -> float:
    """Mean of KL(p, q) with these weights of [t][s], by the definition."""
    total = sum(sum(row) for row in weights)
    rows = [math.fsum(float(a) * math.log(a / b) for a, b in zip(first, second, strict=True))
            for first, second in zip(p, q, strict=True)]
    return math.fsum(float(weight / total) * rows[s] for row in weights for s, weight in enumerate(row))


@pairs
@pytest.mark.parametrize("direction", ["old_new", "new_old"])
def test_kl(rational: worlds.World, old: worlds.Table, new: worlds.Table, direction: str) -> None:
    behind, ahead = worlds.policy_of(old), worlds.policy_of(new)
    weights = visits(rational, behind, Q(1))

    found = exact_kl(as_world(rational), as_policy(rational, new), as_policy(rational, old), direction=direction,
                     gamma=1.0)

    first, second = (behind, ahead) if direction == "old_new" else (ahead, behind)
    assert_within(found.kl, divergence(rational, first, second, weights), units=UNITS, scale=10.0)


@pytest.mark.parametrize("direction", ["old_new", "new_old"])
def test_the_gradient_of_kl_is_its_slope(direction: str) -> None:
    """In the logit z of two actions: KL is a function of one number, whose derivatives are known in closed form."""
    old, z = 0.3, 0.7
    p = 1 / (1 + math.exp(-z))

    found = exact_kl(two_arm_bandit(), [[p, 1 - p]], [[old, 1 - old]], direction=direction, gamma=1.0)

    log_odds = math.log(p / (1 - p)) - math.log(old / (1 - old))
    expected = p - old if direction == "old_new" else p * (1 - p) * log_odds
    assert_within(found.grad_logits, [[expected, -expected]], units=UNITS, scale=1.0)


def test_an_action_never_taken_before_is_infinitely_far() -> None:
    found = exact_kl(two_arm_bandit(), [[0.5, 0.5]], [[0.0, 1.0]], direction="new_old", gamma=1.0)

    assert found.kl == np.inf
    assert np.isnan(found.grad_logits).all()


def test_bad_arguments_are_refused() -> None:
    bandit, even = two_arm_bandit(), [[0.5, 0.5]]

    with pytest.raises(ValueError, match=r"exact_kl: direction is 'forward'; it must be one of old_new, new_old"):
        exact_kl(bandit, even, even, direction="forward", gamma=1.0)
    with pytest.raises(ValueError, match=r"exact_clipped_objective: clip_eps is -0.1"):
        exact_clipped_objective(bandit, even, even, clip_eps=-0.1, discount_states=True)
    with pytest.raises(ValueError, match=r"exact_surrogate: old_policy\[0\] adds up to 0.5"):
        exact_surrogate(bandit, even, [[0.25, 0.25]], discount_states=True)
