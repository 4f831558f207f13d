"""Training in environments from outside: what a batch holds under every reset protocol, poison where it may stand."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore.training import BadRun, Config, Trainer, evaluate, folder, resume, train
from ppocore.training import trainer as training
from tests.closeness import assert_within
from tests.command import command
from tests.optional import require

gymnasium = require("gymnasium")

from gymnasium.vector import AutoresetMode  # noqa: E402

from ppocore.environments.scripted import Episode, ScriptedVectorEnv, transitions_of  # noqa: E402

MODES, STEPS = list(AutoresetMode), 24
SCRIPTS = [
    [Episode((1.0, 2.0, 0.5), True, False), Episode((4.0,), False, True), Episode((8.0, -1.0), True, True)],
    [Episode((0.25, 0.5), False, True), Episode((1.0,) * 5, False, True)],
    [Episode((3.0,) * 9, True, False)],
]
SETTINGS = Config("scripted", total_steps=2 * 3 * STEPS, num_envs=3, num_steps=STEPS, num_minibatches=1, num_epochs=1,
                  hidden=(5,), dtype="float64", gamma=0.75, gae_lambda=0.5, seed=6)


def trained(mode: AutoresetMode, poison: float, monkeypatch: pytest.MonkeyPatch, batches: int = 1, **more: Any) -> Any:
    """The last batch of a trainer that does not learn, its advantages, and the trainer."""
    kept: dict[str, Any] = {}

    def keep(learner, layout, rule, batch, advantages, returns, *rest):
        kept["advantages"] = advantages

    monkeypatch.setattr(training, "update", keep)
    trainer = Trainer(dataclasses.replace(SETTINGS, **more),
                      make_envs=lambda count: ScriptedVectorEnv(SCRIPTS[:count], autoreset_mode=mode, poison=poison))
    # No bias is 0, so that no observation has the value 0.
    trainer.learner.params[:] += np.random.default_rng(8).normal(0.0, 0.2, len(trainer.learner.params))
    for _ in itertools.islice(trainer.run(), batches):
        pass
    return trainer._batch, kept["advantages"], trainer


def value_of(trainer: Trainer, observation: np.ndarray) -> float:
    """The value network, written out."""
    inside, outputs = 3 * 5, 3 * 5 + 5
    flat = trainer.learner.params[trainer.layout.value :]
    hidden = np.tanh(observation @ flat[:inside].reshape(3, 5) + flat[inside:outputs])
    return float(hidden @ flat[outputs : outputs + 5] + flat[outputs + 5])


def by_hand(trainer: Trainer, n: int) -> list[tuple[Any, float]]:
    """Observation and advantage of the first steps of environment n, by the definition, backwards."""
    rows, after = list(itertools.islice(transitions_of(SCRIPTS, n), STEPS)), 0.0
    found = []
    for t in reversed(range(STEPS)):
        row = rows[t]
        follows = 0.0 if row.terminated else value_of(trainer, row.final_observation)
        delta = row.reward + 0.75 * follows - value_of(trainer, row.observation)
        carried = 0.0 if row.terminated or row.truncated or t == STEPS - 1 else after
        after = delta + 0.75 * 0.5 * carried
        found.append((row, after))
    return found[::-1]


@pytest.mark.parametrize("poison", [math.nan, 1e300])
@pytest.mark.parametrize("mode", MODES)
def test_batch_and_advantages_are_those_of_the_true_steps(mode: AutoresetMode, poison: float, monkeypatch) -> None:
    """Advantages are sums of at most a few dozen terms of size 10: within 4,096 units of rounding of that."""
    batch, advantages, trainer = trained(mode, poison, monkeypatch)

    for n in range(3):
        for t, (row, advantage) in enumerate(by_hand(trainer, n)):
            np.testing.assert_array_equal(batch.observations[t, n], row.observation)
            told = batch.rewards[t, n], batch.terminated[t, n], batch.truncated[t, n]
            assert told == (row.reward, row.terminated, row.truncated)
            assert_within(advantages[t, n], advantage, units=4096, scale=10.0)
            # `gae` would not look at it.
            assert batch.next_values[t, n] == 0 or not row.terminated


@pytest.mark.parametrize("poison", [math.nan, 1e300])
@pytest.mark.parametrize("mode", MODES)
def test_every_protocol_gives_the_same_batch_bit_for_bit(mode: AutoresetMode, poison: float, monkeypatch) -> None:
    batch, advantages, _ = trained(mode, poison, monkeypatch)
    expected, their_advantages, _ = trained(AutoresetMode.SAME_STEP, 0.0, monkeypatch)

    for name in batch._fields:
        if name != "finished":
            np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(advantages, their_advantages)


@pytest.mark.parametrize("mode", MODES)
def test_every_step_is_drawn_by_random_numbers_of_its_own(mode: AutoresetMode, monkeypatch) -> None:
    drawn, kept = training.draws_for, []

    def keep(*given: Any) -> Any:
        kept.append(drawn(*given))
        return kept[-1]

    monkeypatch.setattr(training, "draws_for", keep)
    batch, _, _ = trained(mode, math.nan, monkeypatch)

    uniforms = kept[0].actions.reshape(STEPS, 3)
    chances = np.exp(batch.described).cumsum(axis=2)
    np.testing.assert_array_equal(batch.actions[..., 0], uniforms >= chances[..., 0])
    assert set(batch.actions.ravel()) == {0.0, 1.0}
    taken = np.take_along_axis(batch.described, batch.actions.astype(int), axis=2)[..., 0]
    np.testing.assert_array_equal(batch.log_probs, taken)


@pytest.mark.parametrize("mode", MODES)
def test_later_batches_hold_true_steps_one_after_another(mode: AutoresetMode, monkeypatch) -> None:
    """Under NEXT_STEP the steps of an environment may skip ahead between two batches, nowhere else."""
    batch, _, trainer = trained(mode, math.nan, monkeypatch, batches=2)
    skipped = []
    for n in range(3):
        true = list(itertools.islice(transitions_of(SCRIPTS, n), 4 * STEPS))
        places = [i for i, row in enumerate(true) if (row.observation == batch.observations[0, n]).all()]
        assert len(places) == 1
        skipped.append(places[0] - STEPS)
        for t, row in enumerate(true[places[0] : places[0] + STEPS]):
            np.testing.assert_array_equal(batch.observations[t, n], row.observation)
            assert batch.rewards[t, n] == row.reward
    assert min(skipped) == 0
    assert (max(skipped) > 0) == (mode is AutoresetMode.NEXT_STEP)


@pytest.mark.parametrize("mode", MODES)
def test_scores_are_the_sums_of_whole_episodes(mode: AutoresetMode, monkeypatch) -> None:
    _, _, trainer = trained(mode, math.nan, monkeypatch, batches=2)

    assert len(trainer.recent) > 30
    assert set(trainer.recent) == {3.5, 4.0, 7.0, 0.75, 5.0, 27.0}


@pytest.mark.parametrize("mode", MODES)
def test_a_cart_pole_from_outside_is_held(mode: AutoresetMode) -> None:
    """Without learning 20 steps, with it beyond 150; seeds are fixed."""
    def envs(count: int) -> Any:
        return gymnasium.vector.SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * count, autoreset_mode=mode)

    trainer = train(Config("CartPole-v1", total_steps=12_000, num_envs=4, learning_rate=2.5e-3, hidden=(32,), seed=1),
                    make_envs=envs)

    assert trainer.stage is not None
    assert evaluate(trainer, num_episodes=5, seed=1, greedy=True).mean() > 150


def test_real_actions_of_a_pendulum_from_outside(tmp_path: Path) -> None:
    config = Config("gymnasium:Pendulum-v1", total_steps=2048, num_envs=2, hidden=(8,), seed=2)
    trainer = train(config, out=tmp_path)

    assert trainer.updates == 8
    assert len(trainer.recent) == 10
    assert all(-2000 < score < 0 for score in trainer.recent)
    assert evaluate(trainer, num_episodes=2, seed=3, greedy=False).shape == (2,)


@pytest.mark.parametrize(("space", "head"), [
    (gymnasium.spaces.MultiDiscrete([2, 3], start=[0, 5]), "auto"),
    (gymnasium.spaces.Box(np.float32([-1.0, 2.0]), np.float32([1.0, 6.0])), "tanh_gaussian"),
])
def test_other_heads_play_outside_within_the_space(space: Any, head: str) -> None:
    """A reward for a high last entry: learned, and never by an action outside the space."""
    class High(gymnasium.Env):
        observation_space, action_space, steps = gymnasium.spaces.Box(-1.0, 1.0, (2,)), space, 0

        def reset(self, *, seed=None, options=None):
            self.steps = 0
            return np.zeros(2, dtype=np.float32), {}

        def step(self, action):
            assert space.contains(action), action
            self.steps += 1
            return np.zeros(2, dtype=np.float32), float(action[1]), False, self.steps == 10, {}

    def envs(count: int) -> Any:
        return gymnasium.vector.SyncVectorEnv([High] * count, autoreset_mode=AutoresetMode.NEXT_STEP)

    config = Config("high", head=head, total_steps=8192, num_envs=4, hidden=(8,), learning_rate=0.01, seed=3)
    untrained, trained = Trainer(config, make_envs=envs), train(config, make_envs=envs)

    before, after = (evaluate(run, num_episodes=20, seed=0, greedy=False).mean() for run in (untrained, trained))
    assert after > before + 5


def test_resumed_from_outside_learning_goes_on_exactly_and_episodes_begin_anew(tmp_path: Path) -> None:
    config = Config("gymnasium:CartPole-v1", total_steps=6 * 256, num_envs=4, num_steps=64, hidden=(8,), seed=5)
    part = Trainer(config)
    history = list(itertools.islice(part.run(), 3))
    folder.create(tmp_path, config)
    folder.save(tmp_path, part, history)

    back, rows = folder.resume(tmp_path)

    assert rows == history
    for name, array in folder._arrays(part).items():
        np.testing.assert_array_equal(folder._arrays(back)[name], array, err_msg=name)
    assert json.dumps(back.rng.bit_generator.state) == json.dumps(part.rng.bit_generator.state)
    assert resume(tmp_path).learner.params.tobytes() == resume(tmp_path).learner.params.tobytes()
    assert [row.update for row in folder.read_progress(tmp_path)] == list(range(1, 7))


def test_the_command_says_what_is_not_saved(tmp_path: Path) -> None:
    words = ["--total-steps", 256, "--num-envs", 2, "--num-steps", 64, "--hidden", 8]
    status, said, _ = command("train", "gymnasium:CartPole-v1", *words, "--out", tmp_path / "run")
    assert status == 0
    assert said.startswith("gymnasium:CartPole-v1: episodes of Gymnasium's environments cannot be saved; a resumed run")

    status, said, _ = command("train", "--resume", tmp_path / "run")
    assert status == 0
    assert "; this run begins new ones and keeps all else." in said
    assert "cannot be saved" not in command("train", "CartPole-v1", *words, "--out", tmp_path / "ours")[1]


@pytest.mark.parametrize(("env", "says"), [
    ("CartPoel-v1", "train: env is 'CartPoel-v1'; it must be an id that Gymnasium knows; near ones are CartPole"),
    ("Blackjack-v1", "Blackjack-v1: its observation space is Tuple(Discrete(32), Discrete(11), Discrete(2)); it"),
])
def test_the_command_refuses_in_one_line(env: str, says: str, tmp_path: Path) -> None:
    status, out, err = command("train", env, "--out", tmp_path / "run")

    assert status == 2
    assert err.startswith(f"ppocore: {says}")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_envs_of_another_number_are_refused() -> None:
    with pytest.raises(BadRun, match="make_envs gave 3 environments; 2 were asked for"):
        Trainer(dataclasses.replace(SETTINGS, num_envs=2), make_envs=lambda count: ScriptedVectorEnv(
            SCRIPTS, autoreset_mode=AutoresetMode.SAME_STEP, poison=0.0))
