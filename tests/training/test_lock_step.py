"""Our update against those of others, step by step: same weights, moments, batch and order of samples.

Each of 50 updates starts from our weights and moments; after it the parameters must be equal to 1e-5 in float32 and to
1e-12 in float64, the tolerances that the project promises.  Advantages are handed over in the number type of the run.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ppocore.training import Config, Trainer
from ppocore.training import trainer as training
from tests.optional import require

torch_loop = require("tests.training.torch_loop")
UPDATES = 50
ALLOWED = {"float32": 1e-5, "float64": 1e-12}
SIZES: dict[str, Any] = {"num_envs": 4, "num_steps": 32, "num_epochs": 4, "num_minibatches": 2,
                         "total_steps": UPDATES * 128, "seed": 5}
# Clipping and value clipping must happen, or they would not be compared.
LIVELY: dict[str, Any] = {"learning_rate": 3e-3, "learning_rate_schedule": "constant", "clip_eps": 0.1,
                          "ent_coef": 0.01}
LEARNT = ("params", "first_moment", "second_moment")


def updates_of(config: Config, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each update of a run: what it was given, in the number type of the run, and the parameters that came out."""
    trainer, compiled, seen = Trainer(config), training.update, []

    def kept(learner: Any, layout: Any, rule: Any, batch: Any, advantages: Any, returns: Any, orders: Any,
             *rest: Any) -> None:  # fmt: skip
        # Stable-Baselines3 hands actions on in float32; such actions are the same for both sides.
        batch.actions[...] = batch.actions.astype(np.float32)
        number = learner.params.dtype
        arrays = [array.reshape(config.batch_size, *array.shape[2:]).astype(number)
                  for array in (batch.observations, batch.actions, batch.log_probs, batch.values, returns, advantages)]
        given = SimpleNamespace(**{name: getattr(learner, name).copy() for name in LEARNT}, arrays=arrays,
                                described=batch.described.reshape(config.batch_size, -1).astype(number),
                                taken=int(learner.taken[0]), orders=orders, rate=rule.learning_rate)  # fmt: skip
        compiled(learner, layout, rule, batch, advantages, returns, orders, *rest)
        seen.append((given, learner.params.copy()))

    monkeypatch.setattr(training, "update", kept)
    with threadpool_limits(limits=1):
        for progress in trainer.run():
            yield trainer.layout, *seen.pop(), progress


def assert_in_step(config: Config, other: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every update, and what was reported of each."""
    reported = []
    for layout, given, ours, progress in updates_of(config, monkeypatch):
        with threadpool_limits(limits=1):
            theirs = other(config, layout, given)
        assert np.abs(ours - given.params).max() > 100 * ALLOWED[config.dtype]
        assert np.abs(ours - theirs).max() <= ALLOWED[config.dtype], f"update {progress.update}"
        reported.append(progress)
    assert len(reported) == UPDATES
    return reported


every_case = pytest.mark.parametrize(("env", "dtype", "value_clip_eps"), [
    (env, dtype, eps) for env in ("CartPole-v1", "Pendulum-v1") for dtype in ALLOWED for eps in (0.0, 0.05)])


@every_case
def test_a_loop_like_cleanrls(env: str, dtype: str, value_clip_eps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.preset("cleanrl", env=env, dtype=dtype, value_clip_eps=value_clip_eps, **SIZES, **LIVELY)

    reported = assert_in_step(config, torch_loop.update, monkeypatch)

    assert max(progress.clip_fraction for progress in reported) > 0.05
    assert max(progress.grad_norm for progress in reported) > config.max_grad_norm


CHOICES: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "eps of TensorFlow": {"adam_eps_form": "hat", "adam_eps": 1e-3},
    "norms apart": {"grad_norm_over": "networks"},
    "norms apart, real actions": {"grad_norm_over": "networks", "env": "Pendulum-v1", "max_grad_norm": 0.1},
    "no clipping of norms": {"max_grad_norm": 0.0},
    "log-symmetric": {"clip_band": "log_symmetric", "clip_eps": 0.2},
    "inside": {"std_eps": "inside:1e-3"},
    "floor": {"std_eps": "floor:1e-3", "advantage_std": "ddof0"},
    "none": {"std_eps": "none"},
    "batch": {"normalize_over": "batch"},
    "raw": {"normalize_advantages": False},
    "clipped only": {"value_clip": "clipped_only", "value_clip_eps": 0.05},
    "error clamp": {"value_clip": "error_clamp", "value_clip_eps": 0.5},
    "huber": {"value_loss": "huber", "value_clip_eps": 0.0},
    "whole squares": {"value_loss_scale": "one"},
    "stop at once": {"stop_kl": 0.01, "stop_after": "minibatch", "stop_factor": 1.5},
    "stop after the epoch": {"stop_kl": 0.003, "stop_after": "epoch", "stop_factor": 1.0},
    "relu": {"activation": "relu"},
    "elu": {"activation": "elu"},
    "shared trunk": {"shared_trunk": True},
    "shared trunk, real actions": {"shared_trunk": True, "env": "Pendulum-v1"},
}  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES)
def test_a_loop_under_every_convention(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SIZES | LIVELY | {"dtype": "float64"} | CHOICES[choice]
    config = Config.preset("cleanrl", **settings)

    reported = assert_in_step(config, torch_loop.update, monkeypatch)

    if config.stop_kl > 0:
        taken = {progress.optimizer_steps for progress in reported}
        assert len(taken) > 1
        assert config.stop_after == "minibatch" or all(steps % config.num_minibatches == 0 for steps in taken)


DEVIATIONS: dict[str, dict[str, Any]] = {
    "ddof": {"advantage_std": "ddof0"},
    "whole value loss": {"value_loss_scale": "one"},
    "value clip": {"value_clip": "clipped_only"},
    "norm": {"grad_norm_eps": 0.0},
    "eps of Adam": {"adam_eps": 1.1e-5},
    "place of eps": {"adam_eps_form": "hat"},
    "std + eps": {"std_eps": "outside:1e-6"},
    "entropy": {"ent_coef": 0.011},
    "band": {"clip_band": "log_symmetric"},
    "gradients apart": {"grad_norm_over": "networks"},
    "whole batch": {"normalize_over": "batch"},
}


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_a_step_that_deviates_is_seen(deviation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64; the loop keeps to the preset."""
    settings = SIZES | LIVELY | {"dtype": "float64"}
    right, wrong = (Config.preset("cleanrl", **settings | more) for more in ({}, DEVIATIONS[deviation]))

    with pytest.raises(AssertionError, match="update"):
        assert_in_step(wrong, lambda config, *rest: torch_loop.update(right, *rest), monkeypatch)


@pytest.mark.parametrize("dtype", ALLOWED)
@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_the_adaptive_rate_of_rsl_rl(env: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset, at a rate that must fall and a KL around which it rises again."""
    # With rsl_rl's 1e-8 a gradient that is a rounding of 0 moves its parameter as far as any in the first steps.
    given_rate = {"learning_rate": 3e-3, "desired_kl": 4e-3, "adam_eps": 1e-5}
    config = Config.preset("rsl_rl", env=env, dtype=dtype, **SIZES | given_rate)
    begun, left = [], []

    def kept(config: Config, layout: Any, given: Any) -> Any:
        begun.append(given.rate)
        found = torch_loop.update(config, layout, given)
        left.append(given.rate)
        return found

    reported = [progress.learning_rate for progress in assert_in_step(config, kept, monkeypatch)]

    assert reported == left
    assert begun == [config.learning_rate, *left[:-1]]
    steps = np.sign(np.diff([begun[0], *left]))
    assert {-1.0, 1.0} <= set(steps)


ADAPTIVE = {"learning_rate_schedule": "adaptive", "desired_kl": 2e-3}


@pytest.mark.parametrize("deviation", [{"desired_kl": 2.5e-3}, {"learning_rate_schedule": "constant"}])
def test_a_rate_that_deviates_is_seen(deviation: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SIZES | LIVELY | ADAPTIVE | {"dtype": "float64"}
    right, wrong = (Config.preset("cleanrl", **settings | more) for more in ({}, deviation))

    with pytest.raises(AssertionError, match="update"):
        assert_in_step(wrong, lambda config, *rest: torch_loop.update(right, *rest), monkeypatch)
