"""What `evaluate` sends to an environment, by episodes that are known."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore.environments import dynamics
from ppocore.environments.dynamics import DRAWS
from ppocore.training import Config, Trainer, evaluate
from tests.outer import outer
from tests.training.pairs import SPEC, add_pairs

reset, step = outer(dynamics.reset), outer(dynamics.step)


def constant(config: Config, *outputs: float) -> Trainer:
    """A policy that gives the same outputs everywhere: its last biases."""
    trainer = Trainer(config)
    layout, params = trainer.layout, trainer.learner.params
    params[: layout.log_std] = 0
    params[layout.log_std - len(outputs) : layout.log_std] = outputs
    return trainer


def test_a_squashed_action_is_stretched_to_the_bounds() -> None:
    """Where tanh is 1 to the last bit, the torque is that of a Gaussian whose mean is the bound."""
    settings = {"env": "Pendulum-v1", "dtype": "float64"}
    squashed = constant(Config(**settings, head="tanh_gaussian"), 50.0)
    plain = constant(Config(**settings), 2.0)

    found, expected = (evaluate(trainer, num_episodes=3, seed=1, greedy=True) for trainer in (squashed, plain))

    np.testing.assert_array_equal(found, expected)
    weaker = constant(Config(**settings), 1.0)
    assert (found != evaluate(weaker, num_episodes=3, seed=1, greedy=True)).all()


def test_a_pair_is_sent_as_its_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Always the pair (1, 2), the last of six: every step again, by the same random numbers."""
    add_pairs(monkeypatch)
    trainer = constant(Config(SPEC.id, hidden=()), 0.0, 1.0, 0.0, 0.0, 1.0)
    arena, rng, state, score = trainer.arena, np.random.default_rng(5), np.zeros(4), 0.0
    reset(arena.kind, arena.tables, state, rng.random((1, DRAWS))[0])
    for draw in rng.random((20, 3))[:, -1]:
        reward, over = step(arena.kind, arena.tables, state, 5.0, draw)
        score += reward
        if over:
            break

    assert evaluate(trainer, num_episodes=1, seed=5, greedy=True)[0] == score
