"""The object with learn, predict, save and load: a face of the same runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ppocore.training import PPO, BadRun, Config, evaluate, folder, train
from ppocore.training.acting import act
from tests.optional import require
from tests.training.test_folder import everything

SMALL = {"num_envs": 4, "num_steps": 64, "hidden": (8,), "seed": 5}


def test_it_learns_what_the_function_learns() -> None:
    seen: list[int] = []
    model = PPO("CartPole-v1", **SMALL).learn(1500, watch=lambda progress: seen.append(progress.steps))

    assert everything(model.trainer) == everything(train(Config("CartPole-v1", total_steps=1500, **SMALL)))
    assert model.num_timesteps == 1536
    assert seen == [row.steps for row in model.history] == list(range(256, 1537, 256))


def test_learning_twice_goes_on() -> None:
    once, twice = PPO("CartPole-v1", **SMALL), PPO(Config("CartPole-v1", **SMALL))

    assert everything(once.learn(1536).trainer) == everything(twice.learn(512).learn(1024).trainer)
    assert once.history == twice.history


def test_a_rate_that_falls_ends_at_all_steps_asked_for() -> None:
    model = PPO("CartPole-v1", learning_rate_schedule="linear", learning_rate=0.008, **SMALL).learn(512).learn(512)

    assert [row.learning_rate for row in model.history] == [0.008, 0.004, 0.004, 0.002]


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"])
def test_saved_and_loaded_it_goes_on_bit_for_bit(env: str, tmp_path: Path) -> None:
    model = PPO(env, **SMALL).learn(512)
    model.save(tmp_path / "run")
    back = PPO.load(str(tmp_path / "run"))

    # In words, where NaN is NaN.
    assert (back.config, repr(back.history)) == (model.config, repr(model.history))
    assert everything(back.learn(1024).trainer) == everything(model.learn(1024).trainer)


def test_predicting_changes_nothing_that_is_learned() -> None:
    asked, left = (PPO("CartPole-v1", **SMALL).learn(512) for _ in range(2))

    asked.predict(np.zeros((100, 4)))

    assert everything(asked.learn(512).trainer) == everything(left.learn(512).trainer)


@pytest.mark.parametrize(("env", "one", "kind"), [
    ("CartPole-v1", np.zeros(4, np.float32), "i"), ("Pendulum-v1", [1.0, 0.0, 0.5], "f"), ("FrozenLake-v1", 3, "i"),
])
def test_one_observation_or_several(env: str, one: object, kind: str) -> None:
    model = PPO(env, **SMALL).learn(512)

    action, state = model.predict(one, deterministic=True)
    actions, _ = model.predict([one] * 300, deterministic=True)

    assert state is None
    assert action.shape == (() if kind == "i" else (1,))
    assert actions.shape == (300, *action.shape)
    assert actions.dtype.kind == kind
    # A block of another size may round otherwise: float32, two layers of at most 16 terms, outputs of order 1.
    assert np.abs(actions - action).max() <= 2.0**-18
    assert len(np.unique(model.predict([one] * 300)[0])) > 1


def test_drawn_actions_come_as_often_as_their_probability_says() -> None:
    """20,000 draws of one state; six standard errors: false alarm 2e-9 for each of four actions."""
    model = PPO("FrozenLake-v1", **(SMALL | {"hidden": (), "learning_rate": 0.05})).learn(1024)
    actions, log_probs = act(model.trainer, [0] * 20_000, deterministic=False, rng=np.random.default_rng(3))

    for action in np.unique(actions):
        chance = np.exp(log_probs[actions == action])
        assert np.ptp(chance) == 0
        error = np.sqrt(chance[0] * (1 - chance[0]) / len(actions))
        assert abs((actions == action).mean() - chance[0]) <= 6 * error
    assert sum(np.exp(log_probs[actions == action][0]) for action in np.unique(actions)) == pytest.approx(1, abs=1e-12)


def test_the_likeliest_action_is_the_one_that_evaluation_plays() -> None:
    gymnasium = require("gymnasium")
    model = PPO("CartPole-v1", learning_rate=0.0025, seed=1).learn(60_000)
    assert evaluate(model.trainer, num_episodes=20, seed=0, greedy=True).mean() > 300

    env, returns = gymnasium.make("CartPole-v1"), []
    for seed in range(5):
        seen, over, total = env.reset(seed=seed)[0], False, 0.0
        while not over:
            seen, reward, terminated, truncated, _ = env.step(int(model.predict(seen, deterministic=True)[0]))
            over, total = terminated or truncated, total + reward
        returns.append(total)
    assert np.mean(returns) > 300


def test_real_actions_keep_to_their_bounds() -> None:
    model = PPO("Pendulum-v1", log_std=3.0, **SMALL)

    actions, _ = model.predict(np.zeros((200, 3)))

    assert (actions.min(), actions.max()) == (-2.0, 2.0)


def test_saving_again_replaces_the_same_run_and_no_other(tmp_path: Path) -> None:
    model = PPO("CartPole-v1", **SMALL).learn(512)
    model.save(tmp_path)
    model.learn(512).save(tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert everything(PPO.load(tmp_path).trainer) == everything(model.trainer)
    assert folder.read_config(tmp_path).total_steps == 1024
    with pytest.raises(BadRun, match=r"holds another run \(seed is 5, not 6\)"):
        PPO("CartPole-v1", **(SMALL | {"seed": 6})).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize(("call", "says"), [
    (lambda: PPO("Pong-v5"), "env is 'Pong-v5'"),
    (lambda: PPO("CartPole-v1", total_steps=5), "total_steps is 5; leave it to learn"),
    (lambda: PPO("CartPole-v1").learn(0), "learn: total_timesteps is 0"),
    (lambda: PPO("CartPole-v1").predict([0.0] * 3), "observation has 3 entries; CartPole-v1 has observations of 4"),
    (lambda: PPO("CartPole-v1").predict([np.nan] * 4), "observation.* is nan"),
    (lambda: PPO("FrozenLake-v1").predict(16), "observation.* is 16"),
    (lambda: PPO("FrozenLake-v1").predict(1.5), "observation is no whole number"),
])
def test_bad_words_are_refused_by_name(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="gama"):
        PPO("CartPole-v1", gama=0.9)
    with pytest.raises(BadRun, match="cannot be read"):
        PPO.load("nowhere")
