"""PPO with expectations, and its sampled twin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from ppocore.worlds import (
    Settings,
    World,
    chain,
    exact_kl,
    exact_optimum,
    exact_policy_gradient,
    exact_ppo,
    exact_values,
    frozen_lake,
    garnet,
    grid_world,
    pupil,
    sampled_ppo,
    two_arm_bandit,
)

WORLDS = {
    "bandit": two_arm_bandit(), "chain": chain(4), "grid": grid_world(3, 3), "lake": frozen_lake(),
    "garnet": garnet(6, 3, 2, seed=3), "pupil": pupil(),
}
every_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)


def share(world: World, objective: float) -> float:
    """How much of the way from the uniform policy to the best one."""
    first = exact_values(world, np.full((world.num_states, world.num_actions), 1 / world.num_actions)).objective
    return (objective - first) / (exact_optimum(world).objective - first)


@every_world
def test_a_small_step_follows_the_gradient_of_j(world: World) -> None:
    """Whatever the algorithm: at the old policy all four have this gradient (PG-06)."""
    z = np.random.default_rng(2).normal(size=(world.num_states, world.num_actions))
    expected = 1e-3 * exact_policy_gradient(world, softmax(z, axis=1), discount_states=True)

    for algo in ("on-policy", "surrogate", "kl", "clip"):
        run = exact_ppo(world, Settings(algo, 1, 1, 1e-3), logits=z)

        np.testing.assert_array_equal(run.logits, z + expected)
        assert run.objectives[1] > run.objectives[0]


@every_world
def test_clipped_training_reaches_the_optimum(world: World) -> None:
    # Goals that are rarely reached give small gradients, hence the long steps; the clip holds each update.
    run = exact_ppo(world, Settings("clip", 150, 20, 50.0))

    assert share(world, run.objectives[-1]) > 0.99


@every_world
def test_on_policy_ascent_with_small_steps_never_falls(world: World) -> None:
    """The objective is smooth in the logits; below one over its curvature every step is an ascent."""
    run = exact_ppo(world, Settings("on-policy", 200, 1, 0.01))

    assert (np.diff(run.objectives) >= -1e-12 * np.abs(run.objectives[0])).all()
    assert run.objectives[-1] > run.objectives[0]


def test_a_high_price_holds_the_policy() -> None:
    world = garnet(6, 3, 2, seed=3)
    cheap, dear = (exact_ppo(world, Settings("kl", 1, 200, 0.05, kl_coef=beta)).kls[0] for beta in (0.5, 50.0))

    assert dear < 0.05 * cheap


def test_without_clip_one_update_runs_away() -> None:
    """S9 against S14: the same steps, and KL of the update an order of magnitude apart."""
    world = garnet(6, 3, 2, seed=3)
    loose, held = (exact_ppo(world, Settings(algo, 1, 200, 1.0)).kls[0] for algo in ("surrogate", "clip"))

    assert loose > 10 * held


def test_kls_are_those_of_the_updates() -> None:
    world = garnet(4, 2, 2, seed=1)
    first = softmax(exact_ppo(world, Settings("clip", 1, 5, 1.0)).logits, axis=1)
    both = exact_ppo(world, Settings("clip", 2, 5, 1.0))

    expected = exact_kl(world, softmax(both.logits, axis=1), first, direction="old_new", gamma=world.gamma).kl
    assert both.kls[1] == expected


@pytest.mark.parametrize("algo", ["surrogate", "clip", "kl"])
@pytest.mark.parametrize("gae_lambda", [0.0, 0.9, 1.0])
def test_samples_come_to_the_expectations(algo: str, gae_lambda: float) -> None:
    """The error of one update falls as one over the square root of the episodes: slope -1/2 in log-log.

    Eight seeds at each of five sizes.  The logarithm of a root mean square over eight draws has a standard deviation
    of at most 1/4 (1 / sqrt(2 * 8), were the error of one dimension; it has eight), and so the slope, fitted over
    steps of ln 4, one of at most 0.25 / (sqrt(10) ln 4) = 0.06.  The seeds are fixed: nothing is drawn anew.
    """
    world, settings = garnet(4, 2, 2, seed=1, gamma=0.5), Settings(algo, 1, 4, 0.2)
    finite = World(world.chances, world.rewards, world.successors,
                   np.broadcast_to([False, True], world.chances.shape), world.initial, world.gamma)
    truth = exact_ppo(finite, settings).logits
    sizes = np.array([64, 256, 1024, 4096, 16384])

    errors = [[np.linalg.norm(sampled_ppo(finite, settings, num_episodes=int(size), gae_lambda=gae_lambda, seed=seed)
                              .logits - truth) for seed in range(8)] for size in sizes]

    slope = np.polyfit(np.log(sizes), np.log(np.sqrt(np.mean(np.square(errors), axis=1))), 1)[0]
    assert abs(slope + 0.5) < 0.1


def test_sampled_training_reaches_the_optimum() -> None:
    run = sampled_ppo(chain(4), Settings("clip", 60, 10, 2.0), num_episodes=500, gae_lambda=0.95, seed=3)

    assert share(chain(4), run.objectives[-1]) > 0.97


def test_a_seed_gives_the_same_run_twice() -> None:
    runs = [sampled_ppo(pupil(), Settings("clip", 3, 2, 1.0), num_episodes=20, gae_lambda=0.9, seed=s)
            for s in (1, 1, 2)]

    assert (runs[0].logits == runs[1].logits).all()
    assert (runs[0].logits != runs[2].logits).any()


@pytest.mark.parametrize(("settings", "says"), [
    (Settings("best", 1, 1, 0.1), r"exact_ppo: algo is 'best'; it must be one of on-policy, surrogate, kl, clip"),
    (Settings("on-policy", 1, 2, 0.1), r"num_epochs is 2; on-policy training takes one step per batch"),
    (Settings("clip", -1, 1, 0.1), r"num_updates is -1; it must be at least 0"),
    (Settings("clip", 1, 1, 0.0), r"learning_rate is 0.0"),
    (Settings("clip", 1, 1, 0.1, clip_eps=2.0), r"clip_eps is 2.0"),
    (Settings("kl", 1, 1, 0.1, kl_coef=-1.0), r"kl_coef is -1.0"),
])
def test_bad_settings_are_refused(settings: Settings, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exact_ppo(two_arm_bandit(), settings)


def test_bad_arguments_are_refused() -> None:
    settings = Settings("clip", 1, 1, 0.1)

    with pytest.raises(ValueError, match=r"exact_ppo: logits has shape \(2, 2\); it must have shape \(1, 2\)"):
        exact_ppo(two_arm_bandit(), settings, logits=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"sampled_ppo: num_episodes is 0"):
        sampled_ppo(two_arm_bandit(), settings, num_episodes=0, gae_lambda=1.0, seed=1)
    with pytest.raises(ValueError, match=r"world has an episode of over 100000 steps"):
        sampled_ppo(garnet(3, 2, 2, seed=1), settings, num_episodes=1, gae_lambda=1.0, seed=1)
