"""How fast policies train: steps per second beside other libraries, seconds to a goal, seconds to the first line.

    python tests/benchmarks/training.py [--small] [--speed] [--seeds 10]

Prints Markdown tables.  Speed: Stable-Baselines3's network and sizes on CartPole-v1, every library in this process, by
turns, from its second run on; the ratio is that of runs beside each other.  Goals: how long each environment takes
until the mean return of 100 episodes reaches its goal, or until the greedy policy is within 1 % of the exact best.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ppocore.networks import mlp
from ppocore.training import Config, Trainer
from ppocore.worlds import World, cliff, exact_optimum, exact_values, frozen_lake, taxi

BATCH = 8 * 128
SB3_NETWORK = Config("CartPole-v1", num_envs=8, num_steps=128, num_epochs=4, num_minibatches=4, learning_rate=3e-4)
"""Of ours, what Stable-Baselines3 calls its defaults: (64, 64, tanh), separate, float32."""


def ours() -> Callable[[int], None]:
    """Updates of ppocore."""
    def run(updates: int) -> None:
        for _ in Trainer(Config(**{**vars(SB3_NETWORK), "total_steps": updates * BATCH})).run():
            pass

    return run


def stable_baselines3() -> Callable[[int], None]:
    """Updates of Stable-Baselines3, with as many threads of torch as are faster here."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    model = PPO("MlpPolicy", make_vec_env("CartPole-v1", n_envs=8), n_steps=128, batch_size=256, n_epochs=4,
                learning_rate=3e-4, device="cpu")

    def run(updates: int) -> None:
        model.learn(updates * BATCH)

    run(1)
    costs = {}
    for threads in (torch.get_num_threads(), 1):
        torch.set_num_threads(threads)
        costs[seconds(run, 2)] = threads
    torch.set_num_threads(costs[min(costs)])
    return run


def rejax() -> Callable[[int], None]:
    """Updates of rejax's PPO, compiled as one scan, without its evaluations."""
    import jax
    from rejax import PPO

    algo = PPO.create(env="CartPole-v1", num_envs=8, num_steps=128, num_epochs=4, num_minibatches=4,
                      learning_rate=3e-4, agent_kwargs={"activation": "tanh", "hidden_layer_sizes": (64, 64)})
    compiled = jax.jit(
        lambda state, updates: jax.lax.scan(lambda s, _: (algo.train_iteration(s), None), state, None, updates)[0],
        static_argnums=1)
    state = algo.init_state(jax.random.PRNGKey(0))

    def run(updates: int) -> None:
        jax.block_until_ready(compiled(state, updates))

    return run


PEERS = {"Stable-Baselines3": (stable_baselines3, 10), "rejax": (rejax, 200)}
"""How to make each, and how many updates to time."""


def seconds(run: Callable[[int], None], updates: int) -> float:
    """One run."""
    began = time.perf_counter()
    run(updates)
    return time.perf_counter() - began


def speeds(repeats: int, shrink: int) -> Iterator[str]:
    """Steps per second of ppocore and of each peer that is installed, in alternating runs."""
    own, own_updates = ours(), 400 // shrink
    seconds(own, 2)
    for name, (make, updates) in PEERS.items():
        try:
            peer = make()
        except ImportError as error:
            yield f"| {name} | not installed: {error.name} | | |"
            continue
        count = max(1, updates // shrink)
        seconds(peer, count)
        pairs = [(own_updates * BATCH / seconds(own, own_updates), count * BATCH / seconds(peer, count))
                 for _ in range(repeats)]
        ratios = sorted(mine / theirs for mine, theirs in pairs)
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        yield (f"| {name} | {theirs:,.0f} | {mine:,.0f} |"
               f" {ratios[0]:.1f} / {statistics.median(ratios):.1f} / {ratios[-1]:.1f} |")


class Goal(NamedTuple):
    """What counts as solved, and the settings that solve it."""

    settings: dict[str, Any]
    mean_return: float | None = None
    """Of the last 100 episodes of training."""
    world: World | None = None
    """Where the greedy policy must come within 1 % of the optimum."""


TABLE: dict[str, Any] = {"hidden": (), "learning_rate_schedule": "linear"}
GOALS = {
    "CartPole-v1": Goal({"learning_rate": 2.5e-3, "learning_rate_schedule": "linear", "num_minibatches": 8,
                         "total_steps": 150_000}, 475.0),
    "Pendulum-v1": Goal({"num_envs": 16, "num_epochs": 10, "num_minibatches": 16, "gamma": 0.9,
                         "total_steps": 200_000}, -250.0),
    "Acrobot-v1": Goal({"num_envs": 16, "num_minibatches": 8, "gae_lambda": 0.94, "ent_coef": 0.01,
                        "total_steps": 400_000}, -90.0),
    "MountainCarContinuous-v0": Goal({"num_steps": 256, "num_epochs": 10, "num_minibatches": 16, "noise_hold": 60,
                                      "total_steps": 500_000}, 90.0),
    "FrozenLake-v1": Goal(TABLE | {"num_envs": 64, "num_steps": 256, "num_epochs": 10, "num_minibatches": 8,
                                   "learning_rate": 0.05, "ent_coef": 0.03, "total_steps": 1_500_000},
                          world=frozen_lake(gamma=0.99)),
    "CliffWalking-v1": Goal(TABLE | {"num_envs": 32, "num_steps": 256, "num_epochs": 10, "num_minibatches": 8,
                                     "learning_rate": 0.02, "ent_coef": 0.3, "gamma": 1.0, "gae_lambda": 0.9,
                                     "total_steps": 1_200_000}, world=cliff(gamma=0.999)),
    "Taxi-v4": Goal(TABLE | {"num_envs": 64, "num_steps": 200, "num_minibatches": 8, "learning_rate": 0.03,
                             "ent_coef": 0.05, "gae_lambda": 0.9, "total_steps": 3_000_000}, world=taxi(gamma=0.99)),
}


def falling(start: float) -> Callable[[float], float]:
    """A linear schedule, as Stable-Baselines3 takes it."""
    return lambda left: start * left


PUBLISHED: dict[str, dict[str, Any]] = {
    "CartPole-v1": {"n_envs": 8, "total": 100_000, "n_steps": 32, "batch_size": 256, "gae_lambda": 0.8, "gamma": 0.98,
                    "n_epochs": 20, "learning_rate": falling(1e-3), "clip_range": falling(0.2)},
    "Pendulum-v1": {"n_envs": 4, "total": 100_000, "n_steps": 1024, "gae_lambda": 0.95, "gamma": 0.9, "n_epochs": 10,
                    "learning_rate": 1e-3, "use_sde": True, "sde_sample_freq": 4},
    "Acrobot-v1": {"n_envs": 16, "total": 1_000_000, "n_steps": 256, "gae_lambda": 0.94, "n_epochs": 4,
                   "normalize": True},
    "MountainCarContinuous-v0": {
        "n_envs": 1, "total": 20_000, "n_steps": 8, "batch_size": 256, "ent_coef": 0.00429, "learning_rate": 7.77e-5,
        "n_epochs": 10, "gamma": 0.9999, "gae_lambda": 0.9, "max_grad_norm": 5.0, "vf_coef": 0.19, "use_sde": True,
        "policy_kwargs": {"log_std_init": -3.29, "ortho_init": False}, "normalize": True},
}
"""Stable-Baselines3's published settings (RL Baselines3 Zoo, hyperparams/ppo.yml)."""


class Try(NamedTuple):
    """One seed."""

    reached: bool
    steps: int
    seconds: float
    last: float
    """The mean return, or the share of the exact optimum."""


def attempt(env: str, goal: Goal, seed: int, shrink: int) -> Try:
    """Train until the goal is reached or all steps are taken."""
    settings = goal.settings | {"total_steps": goal.settings["total_steps"] // shrink}
    began, trainer, last = time.perf_counter(), Trainer(Config(env, seed=seed, **settings)), float("nan")
    for progress in trainer.run():
        last = progress.mean_return
        if goal.mean_return is not None and len(trainer.recent) == 100 and last >= goal.mean_return:
            return Try(True, progress.steps, time.perf_counter() - began, last)
    if goal.world is not None:
        best = exact_optimum(goal.world).objective
        last = 1 - abs(exact_values(goal.world, greedy(trainer)).objective - best) / abs(best)
    return Try(goal.world is not None and last >= 0.99, progress.steps, time.perf_counter() - began, last)


def theirs(env: str, goal: Goal, shrink: int) -> str:
    """Seconds of Stable-Baselines3 until the same mean return, one seed."""
    if env not in PUBLISHED or goal.mean_return is None:
        return "nothing published"
    try:
        from stable_baselines3 import PPO
        from stable_baselines3.common.callbacks import BaseCallback
        from stable_baselines3.common.env_util import make_vec_env
        from stable_baselines3.common.vec_env import VecNormalize
    except ImportError:
        return "not installed"

    class UntilReached(BaseCallback):  # type: ignore[misc, unused-ignore]  # without types where it is installed
        def _on_step(self) -> bool:
            scores = [each["r"] for each in self.model.ep_info_buffer]
            return len(scores) < 100 or float(np.mean(scores)) < (goal.mean_return or 0.0)

    given = dict(PUBLISHED[env])
    envs, total = make_vec_env(env, n_envs=given.pop("n_envs"), seed=0), given.pop("total") // shrink
    if given.pop("normalize", False):
        envs = VecNormalize(envs)
    model = PPO("MlpPolicy", envs, seed=0, device="cpu", **given)
    began = time.perf_counter()
    model.learn(total, callback=UntilReached())
    taken = time.perf_counter() - began
    short = "" if model.num_timesteps < total else f" and not reached after {model.num_timesteps:,} steps"
    return f"{taken:.0f}{short}"


def greedy(trainer: Trainer) -> Any:
    """The likeliest action of every state, as a policy table."""
    layout, sizes = trainer.layout, trainer.layout.policy_sizes.tolist()
    states = sizes[0]
    logits = mlp(trainer.learner.params[: layout.log_std], np.eye(states), np.zeros((states, layout.head.outputs)),
                 sizes=sizes, activation=trainer.config.activation).outputs
    return np.eye(layout.head.outputs)[logits.argmax(axis=1)]


def goals(seeds: int, shrink: int) -> Iterator[str]:
    """A row for each environment, in two parts; the first try warms up and is repeated."""
    for env, goal in GOALS.items():
        attempt(env, goal, 0, 1000)
        tries = [attempt(env, goal, seed, shrink) for seed in range(seeds)]
        reached = [each for each in tries if each.reached]
        wanted = f"mean return {goal.mean_return:g}" if goal.mean_return is not None else "within 1 % of the optimum"
        steps, took = ((statistics.median(getattr(each, name) for each in reached) for name in ("steps", "seconds"))
                       if reached else (float("nan"), float("nan")))
        worst = min(each.last for each in tries)
        yield f"| {env} | {wanted} | {len(reached)} of {seeds} | {steps:,.0f} | {took:.2f} | {worst:.4g} |"
        yield f" {theirs(env, goal, shrink)} |\n"


def first_line(cache: str) -> float:
    """Seconds from the start of a process to the end of its first update."""
    code = "from ppocore.training import Config, Trainer; next(Trainer(Config('CartPole-v1')).run())"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"NUMBA_CACHE_DIR": cache})
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="short runs: to see that it works")
    parser.add_argument("--speed", action="store_true", help="nothing about goals")
    parser.add_argument("--seeds", type=int, default=10, help="for each goal")
    given = parser.parse_args()
    repeats, shrink = (1, 100) if given.small else (5, 1)
    print("| peer | its steps/s | ppocore's | ratio: least / median / most |\n|---|---|---|---|")
    for row in speeds(repeats, shrink):
        print(row, flush=True)
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = first_line(cache), min(first_line(cache) for _ in range(repeats))
    print(f"\nFirst update: {cold:.1f} s with empty caches, {warm:.2f} s warm.\n")
    if not given.speed:
        print("| environment | goal | reached | steps, median | seconds, median | worst seed | Stable-Baselines3, s |")
        print("|" + 7 * "---|")
        for part in goals(1 if given.small else given.seeds, shrink):
            print(part, end="", flush=True)


if __name__ == "__main__":
    main()
