"""Normalised observations and rewards: the statistics told again, one step at a time, in plain NumPy."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore.environments import dynamics
from ppocore.environments.dynamics import DRAWS
from ppocore.training import BadRun, Config, Trainer, evaluate, folder, resume, train
from ppocore.training import trainer as training
from ppocore.training.scaling import new_scaling, statistics
from tests.closeness import assert_within
from tests.outer import outer

observe, reset, step = (outer(inner) for inner in (dynamics.observe, dynamics.reset, dynamics.step))
BOTH = {"normalize_observations": True, "normalize_rewards": True}
SMALL = Config("Pendulum-v1", total_steps=5 * 3 * 250, num_envs=3, num_steps=250, num_minibatches=1, num_epochs=1,
               hidden=(6,), dtype="float64", seed=4, **BOTH)
UNITS = 2.0**20
"""The running form rounds some ten times a step for 750 steps, and dividing by a deviation that starts near 1e-2 makes
a hundred times more of it: 2^20 units, 1e-10.  One sample counted twice or left out moves the mean by a thousandth."""


class Moments:
    """Of all samples so far, kept and computed anew each time: after 1e-4 samples of mean 0 and variance 1."""

    def __init__(self, size: int) -> None:
        self.rows = np.zeros((0, size))

    def add(self, rows: np.ndarray) -> None:
        self.rows = np.concatenate([self.rows, rows])

    def told(self) -> tuple[np.ndarray, np.ndarray]:
        first, weight = 1e-4, 1e-4 + len(self.rows)
        mean = self.rows.sum(axis=0) / weight
        return mean, (first * (1.0 + mean**2) + ((self.rows - mean) ** 2).sum(axis=0)) / weight


def scaled(rows: np.ndarray, moments: Moments, clip: float) -> np.ndarray:
    mean, variance = moments.told()
    return np.clip((rows - mean) / np.sqrt(variance + 1e-8), -clip, clip)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch):
    """A trainer that has collected one batch and learned nothing, and the random numbers that its world used."""

    def play(**more: Any) -> tuple[Trainer, Any, np.ndarray]:
        kept: dict[str, Any] = {}
        drawn = training.draws_for

        def keep(*given: Any) -> Any:
            kept["draws"] = drawn(*given)
            return kept["draws"]

        monkeypatch.setattr(training, "draws_for", keep)
        monkeypatch.setattr(training, "update", lambda *given: None)
        trainer = Trainer(dataclasses.replace(SMALL, **more))
        next(trainer.run())
        return trainer, trainer._batch, kept["draws"].world

    return play


def first_states(trainer: Trainer) -> np.ndarray:
    """Those of a trainer of the same seed, before it plays."""
    return Trainer(trainer.config).arena.states


def seen(trainer: Trainer, states: np.ndarray) -> np.ndarray:
    found = np.zeros((len(states), int(trainer.layout.value_sizes[0])))
    for state, row in zip(states, found, strict=True):
        observe(trainer.arena.kind, state, row)
    return found


def value_of(trainer: Trainer, row: np.ndarray) -> float:
    """The value network, written out."""
    size = len(row)
    flat = trainer.learner.params[trainer.layout.value :]
    hidden = np.tanh(row @ flat[: 6 * size].reshape(size, 6) + flat[6 * size : 6 * size + 6])
    return float(hidden @ flat[6 * size + 6 : 6 * size + 12] + flat[6 * size + 12])


@pytest.mark.parametrize(("env", "clips"), [
    ("Pendulum-v1", {}), ("Pendulum-v1", {"observation_clip": 0.75, "reward_clip": 0.1}), ("CartPole-v1", {}),
])
def test_every_step_again(env: str, clips: dict, played) -> None:
    """Episodes end in each: pendulums are cut after 200 steps, poles fall."""
    trainer, batch, draws = played(env=env, **clips)
    config, arena, states = trainer.config, trainer.arena, first_states(trainer)
    views, sums, discounted = Moments(int(trainer.layout.value_sizes[0])), Moments(1), np.zeros((3, 1))
    elapsed, scores, ends = np.zeros(3), np.zeros(3), 0
    views.add(seen(trainer, states))
    for t in range(config.num_steps):
        expected = scaled(seen(trainer, states), views, config.observation_clip)
        assert_within(batch.observations[t], expected, units=UNITS, scale=1.0)
        final, rewards, ended = states.copy(), np.zeros((3, 1)), np.zeros(3, dtype=bool)
        for n in range(3):
            rewards[n], over = step(arena.kind, arena.tables, states[n], batch.actions[t, n, 0], draws[t, n, 0])
            elapsed[n] += 1
            scores[n] += rewards[n, 0]
            final[n], ended[n] = states[n], over or elapsed[n] == arena.limit
            if ended[n]:
                assert batch.finished[t, n] == scores[n]
                reset(arena.kind, arena.tables, states[n], draws[t, n, 1:])
                elapsed[n], scores[n] = 0, 0.0
        views.add(seen(trainer, states))
        discounted = config.gamma * discounted + rewards
        sums.add(discounted)
        spread = np.sqrt(sums.told()[1] + 1e-8)
        assert_within(batch.rewards[t], np.clip(rewards / spread, -config.reward_clip, config.reward_clip)[:, 0],
                      units=UNITS, scale=1.0)
        for n in np.flatnonzero(batch.truncated[t] & ~batch.terminated[t]):
            row = scaled(seen(trainer, final), views, config.observation_clip)[n]
            assert_within(batch.next_values[t, n], value_of(trainer, row), units=UNITS, scale=1.0)
        discounted[ended] = 0.0
        ends += int(ended.sum())
    last = scaled(seen(trainer, states), views, config.observation_clip)
    for n in np.flatnonzero(~(batch.truncated[-1] | batch.terminated[-1])):
        assert_within(batch.next_values[-1, n], value_of(trainer, last[n]), units=UNITS, scale=1.0)
    assert ends >= 3
    assert trainer.scaling.counted[0] == 1e-4 + 3 * (config.num_steps + 1)
    assert_within(trainer.scaling.returns[2], 1e-4 + 3 * config.num_steps, units=UNITS)
    if clips:
        assert (np.abs(batch.observations) == 0.75).any()
        assert (np.abs(batch.rewards) == 0.1).any()


def test_nothing_is_scaled_unless_asked(played) -> None:
    trainer, batch, _ = played(normalize_observations=False, normalize_rewards=False)

    np.testing.assert_array_equal(batch.observations[0], seen(trainer, first_states(trainer)))
    assert batch.rewards.min() < -5
    assert statistics(trainer.scaling) == {}


@pytest.mark.parametrize("which", [*BOTH, None])
@pytest.mark.parametrize("env", ["Pendulum-v1", "CartPole-v1"])
def test_resumed_it_ends_the_same(env: str, which: str | None, tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, env=env, **({} if which is None else {which: False}))
    whole, part = train(config), Trainer(config)
    history = list(itertools.islice(part.run(), 2))
    folder.create(tmp_path, config)
    folder.save(tmp_path, part, history)

    back = resume(tmp_path)

    for name, array in folder._arrays(whole).items():
        np.testing.assert_array_equal(folder._arrays(back)[name], array, err_msg=name)


def test_a_checkpoint_without_its_statistics_is_refused(tmp_path: Path) -> None:
    train(dataclasses.replace(SMALL, total_steps=1), out=tmp_path)
    path = tmp_path / folder.CHECKPOINT
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored.files if name != "observation_variance"}
    np.savez(path, **kept)

    with pytest.raises(BadRun, match="has no observation_variance, which its configuration needs"):
        folder.resume(tmp_path)


def test_evaluation_uses_the_statistics_and_leaves_them_alone(tmp_path: Path) -> None:
    """The best action of a policy that looks at observations scaled by what was learned, not at raw ones.

    A pendulum multiplies a rounding by up to a million in 200 steps: 2^27 units are 1e-8 of a return.
    """
    trainer = train(dataclasses.replace(SMALL, total_steps=6000))
    before = {name: array.copy() for name, array in statistics(trainer.scaling).items()}

    found = evaluate(trainer, num_episodes=3, seed=1, greedy=True)

    for name, array in statistics(trainer.scaling).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert_within(found, replayed(trainer, 3), units=2.0**27)


def replayed(trainer: Trainer, count: int) -> list[float]:
    """Greedy episodes, told by hand from the same random numbers."""
    rng, arena, found = np.random.default_rng(1), trainer.arena, []
    flat = trainer.learner.params
    for _ in range(count):
        state, score = np.zeros(4), 0.0
        reset(arena.kind, arena.tables, state, rng.random((1, DRAWS))[0])
        rng.random((200, 2))
        rng.standard_normal((200, 1))
        for _ in range(200):
            row = (seen(trainer, state[None])[0] - trainer.scaling.mean) / np.sqrt(trainer.scaling.variance + 1e-8)
            hidden = np.tanh(np.clip(row, -10, 10) @ flat[:18].reshape(3, 6) + flat[18:24])
            score += step(arena.kind, arena.tables, state, float(hidden @ flat[24:30] + flat[30]), 0.0)[0]
        found.append(score)
    return found


@pytest.mark.parametrize("threads", ["1", "4"])
def test_the_number_of_threads_changes_nothing(threads: str) -> None:
    code = ("from tests.training.test_scaling import *; "
            "print(hashlib.sha256(train(SMALL).learner.params.tobytes()).hexdigest())")
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={**os.environ, **dict.fromkeys(names, threads)})

    assert found.stdout.strip() == hashlib.sha256(train(SMALL).learner.params.tobytes()).hexdigest()


def test_numbers_of_states_are_not_normalised() -> None:
    with pytest.raises(BadRun, match="normalize_observations is True; observations of FrozenLake-v1 are numbers of"):
        Trainer(Config("FrozenLake-v1", normalize_observations=True))
    assert new_scaling(Config("FrozenLake-v1", normalize_rewards=True), 16).rewards


@pytest.mark.parametrize("name", ["observation_clip", "reward_clip", "normalize_eps"])
def test_clips_and_eps_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=rf"train: {name} is 0"):
        Config("CartPole-v1", **{name: 0})
