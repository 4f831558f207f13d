"""What a batch holds: every step again, one at a time, from the recorded actions and random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore.environments import dynamics
from ppocore.networks import mlp
from ppocore.training import Config, Trainer, heads
from ppocore.training import trainer as training
from tests.closeness import assert_within
from tests.outer import outer
from tests.training.pairs import add_pairs

observe, reset, step = (outer(inner) for inner in (dynamics.observe, dynamics.reset, dynamics.step))
stretched = outer(heads.sent)
WORLDS = [
    ("CartPole-v1", 300), ("Pendulum-v1", 450), ("MountainCar-v0", 250), ("FrozenLake-v1", 250), ("Acrobot-v1", 520),
    ("Pairs-v0", 250), ("Pendulum-v1 within its bounds", 250),
]
HEADS = {"Pendulum-v1 within its bounds": {"head": "tanh_gaussian", "log_std_from": "state"}}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch):
    """A trainer that has collected one batch, the states it began with, and the random numbers it used."""

    def play(env: str, steps: int, **more: Any) -> tuple[Trainer, Any, np.ndarray, np.ndarray]:
        kept: dict[str, Any] = {}
        add_pairs(monkeypatch)
        drawn = training.draws_for

        def keep(*given: Any) -> Any:
            kept["draws"] = drawn(*given)
            return kept["draws"]

        monkeypatch.setattr(training, "draws_for", keep)
        monkeypatch.setattr(training, "update", lambda *given: None)
        sizes = {"num_envs": 3, "num_steps": steps, "num_minibatches": 1, "hidden": (6,)}
        trainer = Trainer(Config(env.split()[0], dtype="float64", seed=4, **(sizes | more | HEADS.get(env, {}))))
        first = trainer.arena.states.copy()
        next(trainer.run())
        return trainer, trainer._batch, first, kept["draws"].world

    return play


def values_of(trainer: Trainer, rows: np.ndarray) -> np.ndarray:
    sizes = trainer.layout.value_sizes.tolist()
    layout, params = trainer.layout, trainer.learner.params
    network = params[: layout.log_std] if layout.shared else params[layout.value :]
    return mlp(network, rows, np.zeros((len(rows), sizes[-1])), sizes=sizes,
               activation="tanh").outputs[:, layout.value_output]


def sent(trainer: Trainer, env: str, action: np.ndarray) -> float:
    """A squashed action stretched; a pair by its place in a table of 2 x 3; else the number itself."""
    if env in HEADS:
        return stretched(trainer.layout.head, trainer.layout.bounds, action, 0)
    return 3 * action[0] + action[1] if env == "Pairs-v0" else action[0]


def seen(trainer: Trainer, state: np.ndarray) -> np.ndarray:
    size = int(trainer.layout.value_sizes[0])
    room = np.zeros(max(size, 8))
    observe(trainer.arena.kind, state, room)
    return np.eye(size)[int(room[0])] if trainer.arena.tabular else room[:size]


@pytest.mark.parametrize(("env", "steps"), WORLDS)
def test_every_step_again(env: str, steps: int, played) -> None:
    trainer, batch, states, draws = played(env, steps)
    arena, ends = trainer.arena, {"terminated": 0, "truncated": 0}
    elapsed, scores = np.zeros(3, dtype=int), np.zeros(3)
    for t in range(steps):
        for n in range(3):
            np.testing.assert_array_equal(batch.observations[t, n], seen(trainer, states[n]))
            action = sent(trainer, env, batch.actions[t, n])
            reward, over = step(arena.kind, arena.tables, states[n], action, draws[t, n, 0])
            elapsed[n] += 1
            scores[n] += reward
            cut = bool(arena.limit and elapsed[n] >= arena.limit)
            assert (batch.rewards[t, n], batch.terminated[t, n], batch.truncated[t, n]) == (reward, over, cut)
            if not over:
                expected = values_of(trainer, seen(trainer, states[n])[None])[0]
                assert_within(batch.next_values[t, n], expected, units=256, scale=1.0)
            if over or cut:
                assert batch.finished[t, n] == scores[n]
                ends["terminated" if over else "truncated"] += 1
                reset(arena.kind, arena.tables, states[n], draws[t, n, 1:])
                elapsed[n], scores[n] = 0, 0.0
            else:
                assert np.isnan(batch.finished[t, n])
    np.testing.assert_array_equal(states, arena.states)
    assert sum(ends.values()) > 0


@pytest.mark.parametrize(("env", "steps"), WORLDS)
def test_values_are_the_networks(env: str, steps: int, played) -> None:
    trainer, batch, _, _ = played(env, steps)
    rows = batch.observations.reshape(-1, batch.observations.shape[2])

    assert_within(batch.values.ravel(), values_of(trainer, rows), units=256, scale=1.0)


@pytest.mark.parametrize("more", [{"shared_trunk": True}, {"num_envs": 11}, {"num_envs": 300}], ids=str)
def test_values_are_the_networks_in_groups_of_any_size(more: dict, played) -> None:
    trainer, batch, _, _ = played("CartPole-v1", 70, **more)
    rows = batch.observations.reshape(-1, 4)
    ends = ~(batch.terminated | batch.truncated)[-1]
    last = np.array([seen(trainer, state) for state in trainer.arena.states])

    assert_within(batch.values.ravel(), values_of(trainer, rows), units=256, scale=1.0)
    assert_within(batch.next_values[-1][ends], values_of(trainer, last)[ends], units=256, scale=1.0)
    assert batch.described.shape[2] == 2


@pytest.mark.parametrize(("env", "steps"), WORLDS)
def test_next_values_are_the_values_of_the_next_row(env: str, steps: int, played) -> None:
    """Bit for bit, wherever an episode goes on: as the contract of `gae` says of what it is given."""
    _, batch, _, _ = played(env, steps)
    goes_on = ~(batch.terminated | batch.truncated)[:-1]

    np.testing.assert_array_equal(batch.next_values[:-1][goes_on], batch.values[1:][goes_on])


def test_drawn_actions_follow_the_policy(played) -> None:
    """4,500 actions of a policy that hardly depends on the state: shares within 6 standard deviations (seed fixed)."""
    _, batch, _, _ = played("Acrobot-v1", 1500)
    chances = np.exp(batch.described).mean(axis=(0, 1))
    shares = np.array([(batch.actions == action).mean() for action in range(3)])

    assert (np.abs(shares - chances) <= 6 * np.sqrt(chances * (1 - chances) / batch.actions.size)).all()
    np.testing.assert_array_equal(
        batch.log_probs, np.take_along_axis(batch.described, batch.actions.astype(int), axis=2)[..., 0])


@pytest.mark.parametrize("hold", [1, 3, 70])
def test_noise_is_kept_for_as_long_as_asked(hold: int, played) -> None:
    """(action - mean) / sigma is the noise; sigma is 1 before anything is learnt."""
    _, batch, _, _ = played("Pendulum-v1", 70, noise_hold=hold)
    noise = batch.actions[..., 0] - batch.described[..., 0]
    changed = np.abs(np.diff(noise, axis=0)).max(axis=1) > 1e-9

    assert changed.tolist() == [t % hold == 0 for t in range(1, 70)]
