"""Normalisation in environments from outside: told again in plain NumPy, one call of `step` after another.

Episodes end at different moments, some by both flags, and undefined rows hold poison: every true step must be counted
once, whatever the reset protocol, and nothing else.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore.training import evaluate, folder
from ppocore.training.scaling import statistics
from tests.closeness import assert_within
from tests.optional import require

require("gymnasium")

from gymnasium.vector import AutoresetMode  # noqa: E402

from ppocore.environments.scripted import Episode, Transition, transitions_of  # noqa: E402
from tests.training import test_outside as outside  # noqa: E402
from tests.training.test_scaling import BOTH, UNITS, Moments, scaled  # noqa: E402

MODES, GAMMA, STEPS = list(AutoresetMode), 0.75, outside.STEPS
CLIPS = {"observation_clip": 0.75, "reward_clip": 0.9}
TOGETHER = [[Episode((1.0, 2.0, 0.5 * n), False, True), Episode((4.0, 3.0, n), True, False)] for n in range(3)]
"""All environments end at once."""


class Told:
    """What a batch must hold, and the samples counted on the way."""

    def __init__(self, mode: AutoresetMode, observation_clip: float = 10.0, reward_clip: float = 10.0) -> None:
        self.later = mode is AutoresetMode.NEXT_STEP
        self.clips = observation_clip, reward_clip
        self.views, self.sums, self.discounted = Moments(3), Moments(1), np.zeros(3)
        self.coming = [transitions_of(outside.SCRIPTS, n) for n in range(3)]
        self.at: list[Transition] = [next(rows) for rows in self.coming]
        self.views.add(np.stack([row.observation for row in self.at]))
        self.resets = [False] * 3
        self.observations: list[list[np.ndarray]] = [[], [], []]
        self.rewards: list[list[float]] = [[], [], []]
        self.led_to: list[list[np.ndarray]] = [[], [], []]
        """Where each step led, scaled as it was known then."""

    def step(self) -> None:
        """One call of `step`."""
        playing = [n for n in range(3) if not self.resets[n]]
        for n in playing:
            self.observations[n].append(self.scaled(self.at[n].observation))
            self.discounted[n] = GAMMA * self.discounted[n] + self.at[n].reward
        self.sums.add(self.discounted[playing, None])
        spread = math.sqrt(self.sums.told()[1][0] + 1e-8)
        played, fresh = list(self.at), []
        for n in range(3):
            if n in playing:
                self.rewards[n].append(float(np.clip(played[n].reward / spread, -self.clips[1], self.clips[1])))
                self.at[n] = next(self.coming[n])
            ended = n in playing and (played[n].terminated or played[n].truncated)
            if ended:
                self.discounted[n] = 0.0
            self.resets[n] = ended and self.later
            fresh += [] if self.resets[n] else [self.at[n].observation]
        self.views.add(np.array(fresh).reshape(-1, 3))
        for n in playing:
            self.led_to[n].append(self.scaled(played[n].final_observation))

    def scaled(self, row: np.ndarray) -> np.ndarray:
        return scaled(row, self.views, self.clips[0])


def until(told: Told, steps: int) -> int:
    """Play on until each environment has taken so many steps; how many calls that were."""
    calls = 0
    while min(map(len, told.rewards)) < steps:
        told.step()
        calls += 1
    return calls


@pytest.mark.parametrize("clips", [{}, CLIPS])
@pytest.mark.parametrize("poison", [math.nan, 1e300])
@pytest.mark.parametrize("mode", MODES)
def test_a_batch_is_scaled_by_what_was_counted_before(mode: Any, poison: float, clips: dict, monkeypatch) -> None:
    batch, _, trainer = outside.trained(mode, poison, monkeypatch, **BOTH, **clips)
    told = Told(mode, **clips)
    calls = until(told, STEPS)

    assert (calls > STEPS) == (mode is AutoresetMode.NEXT_STEP)
    for n in range(3):
        assert_within(batch.observations[:, n], np.array(told.observations[n][:STEPS]), units=UNITS, scale=1.0)
        assert_within(batch.rewards[:, n], told.rewards[n][:STEPS], units=UNITS, scale=1.0)
        for t, row in enumerate(itertools.islice(transitions_of(outside.SCRIPTS, n), STEPS)):
            ends_here = row.truncated or t == STEPS - 1
            if ends_here and not row.terminated:
                expected = outside.value_of(trainer, told.led_to[n][t])
                assert_within(batch.next_values[t, n], expected, units=UNITS, scale=1.0)
    if clips:
        assert (np.abs(batch.observations) == 0.75).any()
        assert (np.abs(batch.rewards) == 0.9).any()


@pytest.mark.parametrize("poison", [math.nan, 1e300])
@pytest.mark.parametrize("mode", MODES)
def test_statistics_after_several_batches_are_of_each_true_step_once(mode: Any, poison: float, monkeypatch) -> None:
    """Steps that an environment takes beyond its share of a batch are counted: an action was chosen there too."""
    _, _, trainer = outside.trained(mode, poison, monkeypatch, batches=2, **BOTH)
    told = Told(mode)
    until(told, STEPS)
    for n in range(3):
        # A batch begins where its environment stands.
        told.rewards[n].clear()
    until(told, STEPS)

    assert_within(trainer.scaling.counted[0], 1e-4 + len(told.views.rows), units=UNITS)
    assert_within(trainer.scaling.returns[2], 1e-4 + len(told.sums.rows), units=UNITS)
    mean, variance = told.views.told()
    assert_within(trainer.scaling.mean, mean, units=UNITS, scale=10.0)
    assert_within(trainer.scaling.variance, variance, units=UNITS, scale=100.0)
    assert_within(trainer.scaling.returns[:2], np.ravel(told.sums.told()), units=UNITS, scale=10.0)
    assert_within(trainer.scaling.discounted, told.discounted, units=UNITS, scale=10.0)


def scaled_batches(mode: AutoresetMode, poison: float, scripts: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(outside, "SCRIPTS", scripts)
    batch, advantages, trainer = outside.trained(mode, poison, monkeypatch, batches=2, **BOTH)
    kept = {name: array for name, array in batch._asdict().items() if name != "finished"}
    return {**kept, "advantages": advantages, **statistics(trainer.scaling)}


@pytest.mark.parametrize("poison", [math.nan, 1e300])
@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_protocols_without_steps_that_only_reset_scale_alike_bit_for_bit(mode: Any, poison: float, monkeypatch) -> None:
    found = scaled_batches(mode, poison, outside.SCRIPTS, monkeypatch)
    expected = scaled_batches(AutoresetMode.SAME_STEP, 0.0, outside.SCRIPTS, monkeypatch)

    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert expected["rewards"].max() < 8.0


@pytest.mark.parametrize("poison", [math.nan, 1e300])
def test_next_step_scales_alike_bit_for_bit_where_all_end_at_once(poison: float, monkeypatch) -> None:
    """Else others are counted once more before one begins anew; and so is a final state seen before a new beginning."""
    found = scaled_batches(AutoresetMode.NEXT_STEP, poison, TOGETHER, monkeypatch)
    expected = scaled_batches(AutoresetMode.SAME_STEP, 0.0, TOGETHER, monkeypatch)

    for name in ("observations", "rewards", "terminated", "truncated", "values", "log_probs", "actions",
                 "return_moments", "discounted_rewards"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    # What follows the last episode of the batch has been seen in one of them.
    assert expected["observation_count"] - found["observation_count"] == 3


@pytest.mark.parametrize("mode", MODES)
def test_scores_and_evaluation_are_of_raw_rewards_and_count_nothing(mode: AutoresetMode, monkeypatch) -> None:
    _, _, trainer = outside.trained(mode, math.nan, monkeypatch, batches=2, **BOTH)
    before = {name: array.copy() for name, array in statistics(trainer.scaling).items()}

    scores = evaluate(trainer, num_episodes=6, seed=1, greedy=True)

    assert set(trainer.recent) | set(scores) == {3.5, 4.0, 7.0, 0.75, 5.0, 27.0}
    for name, array in statistics(trainer.scaling).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize("mode", MODES)
def test_resumed_statistics_go_on_and_discounted_sums_begin_anew(mode: Any, tmp_path: Path, monkeypatch) -> None:
    _, _, trainer = outside.trained(mode, math.nan, monkeypatch, **BOTH)
    folder.create(tmp_path, trainer.config)
    folder.save(tmp_path, trainer, [trainer.last])
    first, told = Told(mode), Told(mode)
    until(first, STEPS)
    told.views.rows = np.concatenate([first.views.rows, told.views.rows])
    told.sums.rows = first.sums.rows
    assert first.discounted.any()

    back, _ = folder.resume(tmp_path, make_envs=trainer.make_envs)
    next(back.run())
    until(told, STEPS)

    for n in range(3):
        assert_within(back._batch.observations[:, n], np.array(told.observations[n][:STEPS]), units=UNITS, scale=1.0)
        assert_within(back._batch.rewards[:, n], told.rewards[n][:STEPS], units=UNITS, scale=1.0)
