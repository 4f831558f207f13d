"""Policies sample by sample against the public functions, whose values and gradients are proved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore import (
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_prob,
    multidiscrete_entropy,
    multidiscrete_kl,
    multidiscrete_log_prob,
    squashed_gaussian_log_prob,
)
from ppocore.distributions import log_softmax_kernel
from ppocore.environments import Spec
from ppocore.training import Config, heads
from ppocore.training.heads import Head, bounds_of, head_of
from tests.closeness import assert_within
from tests.outer import outer

describe, draw, pull = outer(heads.describe), outer(heads.draw), outer(heads.pull)
log_prob, entropy, divergence = outer(heads.log_prob), outer(heads.entropy), outer(heads.divergence)
sent, sent_as_one = outer(heads.sent), outer(heads.sent_as_one)
UNITS = 64
"""Units of rounding, at the size of an entry or 1: a handful of exponentials and sums of up to nine terms."""
WEIGHTS = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-0.7, 0.3, 2.0)]
NOTHING = np.zeros(0)
COIN_DIE_COIN = (2, 5, 2)


def near(found: Any, expected: Any) -> None:
    assert_within(np.asarray(found), expected, units=UNITS, scale=np.maximum(1.0, np.abs(np.asarray(expected))))


def choices(*nvec: int) -> Head:
    return head_of(Config("CartPole-v1"), Spec("choices", 0, 4, 0, 0, nvec=nvec))


def real(size: int, **settings: Any) -> Head:
    return head_of(Config("Pendulum-v1", **settings), Spec("real", 0, 4, 0, 0, action_dimensions=size))


def described(head: Head, outputs: Any, log_std: Any = NOTHING) -> tuple[np.ndarray, np.ndarray]:
    """A policy and its chances."""
    found, chances = np.zeros(head.described), np.zeros(head.outputs)
    describe(head, np.asarray(outputs), np.asarray(log_std), found, chances)
    return found, chances


@pytest.mark.parametrize("nvec", [(2,), (3,), (9,), (2, 5, 2)])
def test_a_policy_is_the_log_softmax_and_its_exp(nvec: tuple[int, ...]) -> None:
    """To a few units of every number itself, from equal chances to a sure thing whose log-chance is -1e-300."""
    rng, head = np.random.default_rng(6), choices(*nvec)
    for gap in (0.0, 1e-9, 0.1, 1.0, 20.0, 36.7, 40.0, 300.0, 690.0):
        outputs = rng.normal(size=sum(nvec)) - gap * rng.integers(0, 2, size=sum(nvec))
        found, chances = described(head, outputs)
        for part in np.split(np.arange(sum(nvec)), np.cumsum(nvec)[:-1]):
            expected = np.zeros(len(part))
            log_softmax_kernel(outputs[part], np.ones(len(part), dtype=bool), expected)
            assert_within(found[part], expected, units=6, scale=np.abs(expected))
            # Of exp a unit of the log-chance is as many units as the log-chance is long.
            assert_within(chances[part], np.exp(expected), units=8, scale=np.exp(expected) * (1 + np.abs(expected)))


def pulled(head: Head, outputs: Any, old_outputs: Any, action: Any, weights: tuple, *log_stds: Any) -> tuple:
    """Gradients in the outputs and in the parameter log_std, to which they are added."""
    log_std, old_log_std = log_stds or (NOTHING, NOTHING)
    policy, chances = described(head, outputs, log_std)
    old, _ = described(head, old_outputs, old_log_std)
    by_outputs, by_spread = np.full(head.outputs, np.nan), np.full(len(log_std), 10.0)
    pull(head, outputs, policy, chances, action, old, *weights, by_outputs, by_spread)
    return by_outputs, by_spread - 10.0


def values(head: Head, outputs: Any, old_outputs: Any, action: Any, *log_stds: Any) -> tuple[float, float, float]:
    """log_prob, entropy and KL(old, new)."""
    log_std, old_log_std = log_stds or (NOTHING, NOTHING)
    policy, chances = described(head, outputs, log_std)
    old, _ = described(head, old_outputs, old_log_std)
    played = log_prob(head, policy, action)
    return played, entropy(head, policy, chances, played), divergence(head, old, policy)


def weighted(weights: tuple, *gradients: Any) -> Any:
    return sum(weight * gradient for weight, gradient in zip(weights, gradients, strict=True))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_categorical(weights: tuple) -> None:
    rng, head = np.random.default_rng(1), choices(5)
    for _ in range(20):
        logits, old_logits, action = rng.normal(size=5) * 3, rng.normal(size=5), int(rng.integers(5))
        given = (head, logits, old_logits, np.array([float(action)]))

        by = (
            categorical_log_prob([logits], [action]), categorical_entropy([logits]),
            categorical_kl([old_logits], [logits]),
        )
        near(values(*given), (by[0].log_prob[0], by[1].entropy[0], by[2].kl[0]))
        gradients = (by[0].grad_logits[0], by[1].grad_logits[0], by[2].grad_other_logits[0])
        near(pulled(*given, weights)[0], weighted(weights, *gradients))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_several_choices(weights: tuple) -> None:
    rng, head = np.random.default_rng(3), choices(*COIN_DIE_COIN)
    for _ in range(20):
        logits, old_logits = rng.normal(size=(2, 9)) * 2
        action = rng.integers(COIN_DIE_COIN)
        given = (head, logits, old_logits, action.astype(float))

        by = (
            multidiscrete_log_prob([logits], [action], COIN_DIE_COIN), multidiscrete_entropy([logits], COIN_DIE_COIN),
            multidiscrete_kl([old_logits], [logits], COIN_DIE_COIN),
        )
        near(values(*given), (by[0].log_prob[0], by[1].entropy[0], by[2].kl[0]))
        gradients = (by[0].grad_logits[0], by[1].grad_logits[0], by[2].grad_other_logits[0])
        near(pulled(*given, weights)[0], weighted(weights, *gradients))


def public_gaussian(mean: Any, log_std: Any, old_mean: Any, old_log_std: Any, action: Any) -> tuple:
    """Values, gradients in the mean and gradients in log_std."""
    a, b = gaussian_log_prob([mean], [log_std], [action]), gaussian_entropy([mean], [log_std])
    c = gaussian_kl([old_mean], [old_log_std], [mean], [log_std])
    return ((a.log_prob[0], b.entropy[0], c.kl[0]), (a.grad_mean[0], 0 * mean, c.grad_other_mean[0]),
            (a.grad_log_std[0], b.grad_log_std[0], c.grad_other_log_std[0]))


@pytest.mark.parametrize("head", ["gaussian", "tanh_gaussian"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_gaussian_and_tanh_gaussian(head: str, weights: tuple) -> None:
    """Of the second, everything is the first's but log_prob, where the action is tanh(u)."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        mean, log_std, old_mean, old_log_std, action = rng.normal(size=(5, 3)) * 0.7
        expected, by_mean, by_log_std = public_gaussian(mean, log_std, old_mean, old_log_std, action)
        if head == "tanh_gaussian":
            squashed = squashed_gaussian_log_prob([mean], [log_std], np.tanh([action])).log_prob[0]
            expected = (squashed, *expected[1:])
        given = (mean, old_mean, action)

        near(values(real(3, head=head), *given, log_std, old_log_std), expected)
        found = pulled(real(3, head=head), *given, weights, log_std, old_log_std)
        near(found[0], weighted(weights, *by_mean))
        near(found[1], weighted(weights, *by_log_std))


@pytest.mark.parametrize("head", ["gaussian", "tanh_gaussian"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_standard_deviation_of_the_state(head: str, weights: tuple) -> None:
    """The outputs are means, then log_std: what the parameter would get goes there."""
    rng = np.random.default_rng(4)
    by_state, by_parameter = (real(3, head=head, log_std_from=name) for name in ("state", "parameter"))
    for _ in range(20):
        mean, log_std, old_mean, old_log_std, action = rng.normal(size=(5, 3)) * 0.7
        outputs, old_outputs = np.hstack([mean, log_std]), np.hstack([old_mean, old_log_std])

        expected = values(by_parameter, mean, old_mean, action, log_std, old_log_std)
        assert values(by_state, outputs, old_outputs, action) == expected
        found = pulled(by_state, outputs, old_outputs, action, weights)
        _, by_mean, by_log_std = public_gaussian(mean, log_std, old_mean, old_log_std, action)
        near(found[0], np.hstack([weighted(weights, *by_mean), weighted(weights, *by_log_std)]))
        assert found[1].size == 0


def test_a_clipped_standard_deviation_has_no_gradient() -> None:
    """At a bound it has one still, as torch.clamp."""
    head = real(4, log_std_from="state", log_std_min=-1.0, log_std_max=0.5)
    outputs, action = np.array([0.1, 0.2, 0.3, 0.4, -1.5, -1.0, 0.5, 0.75]), np.array([1.0, -1.0, 2.0, 0.3])

    policy, _ = described(head, outputs)
    np.testing.assert_array_equal(policy[4:], [-1.0, -1.0, 0.5, 0.5])
    by_outputs, _ = pulled(head, outputs, outputs, action, (1.0, 0.0, 0.0))
    expected = gaussian_log_prob([policy[:4]], [policy[4:]], [action])
    near(by_outputs[:4], expected.grad_mean[0])
    near(by_outputs[4:], expected.grad_log_std[0] * [0, 1, 1, 0])


@pytest.mark.parametrize(("head", "outputs", "action"), [
    (choices(3)._replace(entropy_sampled=True), np.array([0.3, -1.0, 2.0]), np.array([1.0])),
    (real(1, head="tanh_gaussian", log_std_from="state", entropy_estimate="log_prob"), np.array([0.3, -0.4]),
     np.array([1.2])),
])  # fmt: skip
def test_entropy_of_a_single_sample(head: Head, outputs: np.ndarray, action: np.ndarray) -> None:
    played, entropy, _ = values(head, outputs, outputs, action)

    assert entropy == -played
    by_entropy, by_log_prob = (
        pulled(head, outputs, outputs, action, weights)[0] for weights in ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))
    )
    assert np.abs(by_entropy).max() > 0.1
    np.testing.assert_array_equal(by_entropy, by_log_prob)


def test_far_from_the_middle_a_squashed_log_prob_is_finite() -> None:
    """tanh(40) is 1 in float64; log(1 - tanh(u)^2) is 2 log 2 - 2 |u| there, to e^-80."""
    expected = gaussian_log_prob([[0.0]], [[0.0]], [[40.0]]).log_prob[0] - (2 * np.log(2.0) - 80.0)

    near(values(real(1, head="tanh_gaussian"), np.zeros(1), np.zeros(1), np.array([40.0]), *np.zeros((2, 1)))[0],
         expected)


def test_actions_are_drawn_with_their_chances() -> None:
    """By the inverse of the distribution: the share of a fine grid of uniform numbers is the chance to 1/grid."""
    head, logits, action = choices(3), np.array([0.3, -1.0, 2.0]), np.zeros(1)
    policy, chances = described(head, logits)
    counts = np.zeros(3)
    for uniform in (np.arange(10_000) + 0.5) / 10_000:
        found = draw(head, policy, chances, np.array([uniform]), action)
        counts[int(action[0])] += 1
        assert found == policy[int(action[0])]

    np.testing.assert_allclose(chances, np.exp(policy), rtol=2**-51)
    np.testing.assert_allclose(counts / 10_000, chances, rtol=0, atol=1e-4)


def test_every_choice_is_drawn_by_a_number_of_its_own() -> None:
    """A grid of 100 x 100: every pair as often as the product of the chances, to 1/100 a choice."""
    head, action = choices(2, 3), np.zeros(2)
    policy, chances = described(head, np.array([0.4, -0.4, 0.3, -1.0, 2.0]))
    counts, grid = np.zeros((2, 3)), (np.arange(100) + 0.5) / 100
    for first in grid:
        for second in grid:
            found = draw(head, policy, chances, np.array([first, second]), action)
            counts[int(action[0]), int(action[1])] += 1
            near(found, policy[int(action[0])] + policy[2 + int(action[1])])

    np.testing.assert_allclose(counts / 10_000, np.outer(chances[:2], chances[2:]), rtol=0, atol=2e-2)


@pytest.mark.parametrize("head", ["gaussian", "tanh_gaussian"])
def test_real_actions_are_means_plus_spread_times_normals(head: str) -> None:
    mean, log_std, normals, action = np.array([1.0, -2.0]), np.log([0.5, 4.0]), np.array([2.0, -0.5]), np.zeros(2)
    policy, chances = described(real(2, head=head), mean, log_std)

    found = draw(real(2, head=head), policy, chances, normals, action)

    near(action, [2.0, -4.0])
    expected = (gaussian_log_prob([mean], [log_std], [action]) if head == "gaussian"
                else squashed_gaussian_log_prob([mean], [log_std], np.tanh([action])))
    # The public function sees tanh(4), where an error of one ulp moves artanh by u / (1 - a^2), 746 u.
    assert_within(found, expected.log_prob[0], units=UNITS if head == "gaussian" else 4096, scale=1.0)


def test_the_best_action() -> None:
    action = np.zeros(2)
    heads.best(choices(3, 2), np.log([0.2, 0.5, 0.3, 0.1, 0.9]), action)
    np.testing.assert_array_equal(action, [1.0, 1.0])
    heads.best(real(2), np.array([0.7, -3.0, 9.0, 9.0]), action)
    np.testing.assert_array_equal(action, [0.7, -3.0])


def test_what_an_environment_is_sent() -> None:
    """Real actions as they are, or from bound to bound; of several choices the number of the combination."""
    action, squashed = np.array([np.arctanh(0.5), 50.0, -50.0]), real(3, head="tanh_gaussian")
    lows, highs = (-2.0, 0.0, -3.0), (4.0, 10.0, 5.0)
    bounds = bounds_of(Spec("real", 0, 4, 0, 0, (lows, highs), action_dimensions=3))

    near([sent(squashed, bounds, action, j) for j in range(3)], [2.5, 10.0, -3.0])
    assert [sent(real(3), bounds, action, j) for j in range(3)] == action.tolist()
    assert sent_as_one(squashed, bounds, action) == sent(squashed, bounds, action, 0)
    assert sent_as_one(choices(6), bounds, np.array([4.0])) == 4.0
    pairs = [sent_as_one(choices(2, 3), bounds, np.array([a, b], dtype=float))
             for a in range(2) for b in range(3)]
    assert pairs == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize(("settings", "says"), [
    ({"env": "CartPole-v1", "head": "tanh_gaussian"}, "head is 'tanh_gaussian'; actions of CartPole-v1 are choices"),
    ({"env": "Pendulum-v1", "head": "normal"}, "head is 'normal'"),
    ({"env": "Pendulum-v1", "log_std_from": "action"}, "log_std_from is 'action'"),
    ({"env": "Pendulum-v1", "entropy_estimate": "none"}, "entropy_estimate is 'none'"),
    ({"env": "Pendulum-v1", "log_std_from": "state", "log_std": 3.0}, "log_std is 3.0; log_std of a state must start"),
    ({"env": "Pendulum-v1", "log_std_from": "state", "log_std_min": 1.0}, "log_std is 0.0; log_std of a state must"),
])
def test_a_head_that_does_not_fit_is_refused(settings: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**settings)


def test_squashing_needs_bounds() -> None:
    unbounded = Spec("endless", 0, 4, 0, 0, ((-np.inf, -1.0), (np.inf, 1.0)), action_dimensions=2)

    Config("endless", head="gaussian").require_fitting_head(unbounded)
    with pytest.raises(ValueError, match="actions of endless have no bounds"):
        Config("endless", head="tanh_gaussian").require_fitting_head(unbounded)
