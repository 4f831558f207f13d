"""A whole update against the same steps written with the public functions, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ppocore import (
    adam_step,
    categorical_entropy,
    categorical_kl,
    categorical_log_prob,
    clip_grad_norm,
    clip_loss,
    clipped_value_loss,
    gae,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_prob,
    surrogate_loss,
    value_loss,
)
from ppocore.networks import mlp
from ppocore.training import Config, Trainer
from ppocore.training import trainer as training

BASE = {"num_envs": 4, "num_steps": 48, "num_epochs": 3, "num_minibatches": 2, "hidden": (8, 5), "dtype": "float64",
        "learning_rate": 0.01, "seed": 3}
CHOICES = {
    "plain": {},
    "several blocks": {"num_steps": 96, "num_minibatches": 1},
    "ddof1, half": {"advantage_std": "ddof1", "value_loss_scale": "half"},
    "raw advantages": {"normalize_advantages": False},
    "value clip": {"value_clip_eps": 0.05},
    "entropy": {"ent_coef": 0.1},
    "loose and low": {"max_grad_norm": 0.0, "vf_coef": 2.0},
    "torch's norm": {"max_grad_norm": 0.05, "grad_norm_eps": 1e-6},
    "relu": {"activation": "relu"},
    "kl": {"algo": "kl", "kl_coef": 0.7},
    "surrogate": {"algo": "surrogate"},
    "on-policy": {"algo": "on-policy", "num_epochs": 1, "num_minibatches": 1},
    "table": {"env": "FrozenLake-v1", "hidden": ()},
    "shared trunk": {"shared_trunk": True, "num_steps": 160, "value_clip_eps": 0.05, "ent_coef": 0.01},
    "shared trunk, real actions": {"env": "Pendulum-v1", "shared_trunk": True},
    "real actions": {"env": "Pendulum-v1", "log_std": -0.5},
    "real actions, kl": {"env": "Pendulum-v1", "algo": "kl", "kl_coef": 0.3, "ent_coef": 0.01},
}


class Recorded:
    """A trainer whose batch, advantages and orders of samples are kept."""

    def __init__(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trainer, compiled = Trainer(config), training.update

        def kept(learner: Any, *rest: Any) -> Any:
            self.before = learner.params.copy()
            self.batch, self.advantages, self.returns, self.orders = rest[2:6]
            return compiled(learner, *rest)

        monkeypatch.setattr(training, "update", kept)
        with threadpool_limits(limits=1):
            self.progress = next(self.trainer.run())


def flat(array: Any) -> Any:
    return array.reshape(-1, *array.shape[2:])


def policy_terms(config: Config, layout: Any, outputs: Any, log_std: Any, old: Any, rows: Any, batch: Any) -> tuple:
    """log pi, entropy and KL(old, new) of the rows, each with its gradients in outputs and log_std."""
    actions, count = flat(batch.actions)[rows], len(rows)
    if layout.continuous:
        spread, old_spread = (np.tile(one, (count, 1)) for one in (log_std, old))
        old_outputs = flat(batch.described)[rows]
        a, b = gaussian_log_prob(outputs, spread, actions), gaussian_entropy(outputs, spread)
        c = gaussian_kl(old_outputs, old_spread, outputs, spread)
        return ((a.log_prob, a.grad_mean, a.grad_log_std), (b.entropy, 0 * outputs, b.grad_log_std),
                (c.kl, c.grad_other_mean, c.grad_other_log_std))
    a, b = categorical_log_prob(outputs, actions[:, 0].astype(int)), categorical_entropy(outputs)
    c = categorical_kl(flat(batch.described)[rows], outputs)
    none = np.zeros((count, 0))
    return (a.log_prob, a.grad_logits, none), (b.entropy, b.grad_logits, none), (c.kl, c.grad_other_logits, none)


def expected_gradient(config: Config, layout: Any, params: Any, old: Any, kept: Recorded, rows: Any) -> Any:
    """The loss of a minibatch, term by term."""
    seen = flat(kept.batch.observations)[rows]
    advantages = flat(kept.advantages)[rows]
    if config.normalize_advantages:
        ddof = 1 if config.advantage_std == "ddof1" else 0
        advantages = (advantages - advantages.mean()) / (advantages.std(ddof=ddof) + 1e-8)
    parts = params[: layout.log_std], params[layout.log_std : layout.value], params[layout.value :]
    shape = {"sizes": layout.policy_sizes.tolist(), "activation": config.activation}
    found = mlp(parts[0], seen, np.zeros((len(rows), layout.policy_sizes[-1])), **shape).outputs
    outputs = found[:, : layout.outputs]
    log_prob, entropy, kl = policy_terms(config, layout, outputs, parts[1], old, rows, kept.batch)
    played = flat(kept.batch.log_probs)[rows]
    loss = (clip_loss(log_prob[0], played, advantages, clip_eps=config.clip_eps) if config.algo == "clip"
            else surrogate_loss(log_prob[0], played, advantages))
    beta = config.kl_coef if config.algo == "kl" else 0.0
    pulls, spread = (loss.grad_log_prob[:, None] * log_prob[i] - config.ent_coef * entropy[i] / len(rows)
                     + beta * kl[i] / len(rows) for i in (1, 2))
    value_shape = shape | {"sizes": layout.value_sizes.tolist()}
    values = (found[:, layout.outputs] if config.shared_trunk
              else mlp(parts[2], seen, np.zeros((len(rows), 1)), **value_shape).outputs[:, 0])
    targets = flat(kept.returns)[rows]
    judged = (clipped_value_loss(values, targets, flat(kept.batch.values)[rows], value_clip_eps=config.value_clip_eps)
              if config.value_clip_eps else value_loss(values, targets))
    scale = config.vf_coef * (0.5 if config.value_loss_scale == "half" else 1.0)
    value_pulls = scale * judged.grad_values[:, None]
    if config.shared_trunk:
        trunk = mlp(parts[0], seen, np.column_stack([pulls, value_pulls]), **shape).grad_params
        return np.concatenate([trunk, spread.sum(axis=0)])
    return np.concatenate([mlp(parts[0], seen, pulls, **shape).grad_params, spread.sum(axis=0),
                           mlp(parts[2], seen, value_pulls, **value_shape).grad_params])


@pytest.mark.parametrize("choice", CHOICES)
def test_an_update_is_what_the_public_functions_say(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(**({"env": "CartPole-v1"} | BASE | CHOICES[choice]))
    kept = Recorded(config, monkeypatch)
    layout, params = kept.trainer.layout, kept.before
    first, second, step = np.zeros_like(params), np.zeros_like(params), 0
    old = params[layout.log_std : layout.value].copy()
    size = config.batch_size // config.num_minibatches
    for order in kept.orders:
        for start in range(0, config.batch_size, size):
            gradient = expected_gradient(config, layout, params, old, kept, order[start : start + size])
            norm = float(np.linalg.norm(gradient))
            if config.grad_norm_eps:
                gradient = gradient * min(1.0, config.max_grad_norm / (norm + config.grad_norm_eps))
            elif config.max_grad_norm:
                gradient = clip_grad_norm([gradient], max_norm=config.max_grad_norm).grads[0]
            step += 1
            params, first, second = adam_step(params, gradient, first, second, step=step, beta1=0.9, beta2=0.999,
                                              learning_rate=config.learning_rate, eps=config.adam_eps)

    # Up to 12 steps of Adam, each a division by a root of squared gradients of some 400 samples: 2^-40 of what they
    # move (0.01 a step); small gradients lose more than that, hence 2^-34.
    learned = kept.trainer.learner
    assert np.abs(learned.params - params).max() <= 2.0**-34 * config.learning_rate * step
    assert np.abs(learned.first_moment - first).max() <= 2.0**-40 * np.abs(first).max()
    assert learned.taken[0] == step == kept.progress.optimizer_steps
    assert np.abs(learned.params - kept.before).max() > 0


@pytest.mark.parametrize("choice", CHOICES)
def test_advantages_are_those_of_gae(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(**({"env": "CartPole-v1"} | BASE | CHOICES[choice]))
    kept = Recorded(config, monkeypatch)
    batch = kept.batch

    expected = gae(batch.rewards, batch.values, batch.next_values, batch.terminated, batch.truncated,
                   gamma=config.gamma, gae_lambda=config.gae_lambda)

    np.testing.assert_array_equal(kept.advantages, expected.advantages)
    np.testing.assert_array_equal(kept.returns, expected.returns)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_ratios_are_one(dtype: str) -> None:
    """The same network on the same rows, in blocks of another size: roundings of the outputs, nothing else."""
    trainer = Trainer(Config("CartPole-v1", dtype=dtype, total_steps=20_000, seed=1))

    for progress in trainer.run():
        assert progress.first_ratio_error <= 64 * np.finfo(dtype).eps


def test_unclipped_training_goes_farther() -> None:
    """S9 against S14."""
    loose, held = (
        max(progress.kl for progress in Trainer(Config("CartPole-v1", algo=algo, total_steps=10_000, seed=2,
                                                       num_epochs=20, learning_rate=3e-3)).run())
        for algo in ("surrogate", "clip")
    )
    assert loose > 3 * held


def test_beta_follows_the_target() -> None:
    trainer = Trainer(Config("CartPole-v1", algo="kl", target_kl=1e-6, total_steps=5 * 1024, kl_coef=1.0))

    betas = [progress.kl_coef for progress in trainer.run()]

    assert betas == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_epochs_stop_at_the_kl_that_was_set() -> None:
    free, stopped = (
        next(Trainer(Config("CartPole-v1", num_epochs=10, learning_rate=0.01, stop_kl=limit)).run())
        for limit in (0.0, 1e-3)
    )
    assert free.optimizer_steps == 40
    assert 0 < stopped.optimizer_steps < 40


def test_the_learning_rate_falls_to_nothing() -> None:
    trainer = Trainer(Config("CartPole-v1", total_steps=4 * 1024, learning_rate=0.008, anneal=True))

    assert [progress.learning_rate for progress in trainer.run()] == [0.008, 0.006, 0.004, 0.002]


def test_progress_is_reported_in_full() -> None:
    progress = next(Trainer(Config("CartPole-v1")).run())

    assert progress.steps == 1024
    assert progress.episodes > 0
    assert progress.ratio_min < 1 < progress.ratio_max
    assert 0 < progress.entropy <= math.log(2)
    assert all(math.isfinite(value) for value in progress)
