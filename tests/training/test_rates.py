"""The adaptive learning rate: its rule at every edge, and that a run at such a rate holds its KL."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppocore.training import Config, Trainer, rates
from tests.outer import outer

adapted = outer(rates.adapted)


@pytest.mark.parametrize(("rate", "kl", "expected"), [
    (1e-3, 0.01, 1e-3), (1e-3, 0.0201, 1e-3 / 1.5), (1e-3, 0.0049, 1.5e-3),
    # Thresholds are not beyond themselves.
    (1e-3, 0.02, 1e-3), (1e-3, math.nextafter(0.02, 1.0), 1e-3 / 1.5),
    (1e-3, 0.005, 1e-3), (1e-3, math.nextafter(0.005, 0.0), 1.5e-3),
    # Nothing has moved, or a rounding is all that there is of it.
    (1e-3, 0.0, 1e-3), (1e-3, -1e-9, 1e-3), (1e-3, 5e-324, 1.5e-3),
    # Bounds, and rates that were set beyond them.
    (1.4e-5, 1.0, 1e-5), (1e-5, 1.0, 1e-5), (1e-6, 1.0, 1e-5), (9e-3, 1e-3, 1e-2), (1e-2, 1e-3, 1e-2),
    (0.5, 1e-3, 1e-2), (0.5, 0.01, 0.5), (0.3, 1.0, 0.3 / 1.5), (1e-3, math.nan, 1e-3),
])
def test_the_rule(rate: float, kl: float, expected: float) -> None:
    assert adapted(rate, kl, 0.01) == expected


def test_a_rate_follows_the_kl_down_and_up_and_is_told() -> None:
    """From far too high and from far too low; either way the KL comes near what is wanted."""
    ends = []
    for begin in (0.02, 1e-5):
        trainer = Trainer(Config("CartPole-v1", learning_rate=begin, learning_rate_schedule="adaptive",
                                 desired_kl=5e-3, total_steps=20 * 1024, seed=1))
        told = list(trainer.run())
        assert told[-1].learning_rate == trainer.learning_rate
        assert 1e-3 < np.median([progress.kl for progress in told[-10:]]) < 2e-2
        ends.append(told[-1].learning_rate)
    assert ends[0] < 0.01
    assert ends[1] > 1e-4


def test_roundings_of_the_first_minibatch_move_nothing() -> None:
    """One step a batch: the only KL there is to compare is that of a policy with itself."""
    rows = list(Trainer(Config("CartPole-v1", learning_rate_schedule="adaptive", num_epochs=1, num_minibatches=1,
                               num_envs=1, num_steps=1024, total_steps=5 * 1024)).run())

    assert any(progress.kl > 0 for progress in rows)
    assert {progress.learning_rate for progress in rows} == {1e-3}


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_other_rates_are_told_as_before(schedule: str) -> None:
    told = [progress.learning_rate for progress in Trainer(Config("CartPole-v1", learning_rate_schedule=schedule,
                                                                  total_steps=2 * 1024)).run()]
    assert told == [1e-3, 1e-3 if schedule == "constant" else 5e-4]


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_kl_to_hold_is_positive_and_finite(value: float) -> None:
    with pytest.raises(ValueError, match="train: desired_kl is"):
        Config("CartPole-v1", desired_kl=value)
