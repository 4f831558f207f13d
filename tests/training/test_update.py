"""A whole update against the same steps written with the public functions, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ppocore import (
    adam_step,
    batch_health,
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
    multidiscrete_entropy,
    multidiscrete_kl,
    multidiscrete_log_prob,
    squashed_gaussian_log_prob,
    surrogate_loss,
    value_loss,
)
from ppocore.environments import spec_of
from ppocore.networks import mlp
from ppocore.training import Config, Trainer
from ppocore.training import trainer as training
from tests.training.pairs import SPEC, add_pairs

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
    "elu": {"activation": "elu"},
    "kl": {"algo": "kl", "kl_coef": 0.7},
    "clip and kl": {"algo": "clip-kl", "kl_coef": 0.7, "clip_eps": 0.05},
    "surrogate": {"algo": "surrogate"},
    "on-policy": {"algo": "on-policy", "num_epochs": 1, "num_minibatches": 1},
    "table": {"env": "FrozenLake-v1", "hidden": ()},
    "shared trunk": {"shared_trunk": True, "num_steps": 160, "value_clip_eps": 0.05, "ent_coef": 0.01},
    "shared trunk, real actions": {"env": "Pendulum-v1", "shared_trunk": True},
    "real actions": {"env": "Pendulum-v1", "log_std": -0.5},
    "real actions, kl": {"env": "Pendulum-v1", "algo": "kl", "kl_coef": 0.3, "ent_coef": 0.01},
    "tanh": {"env": "Pendulum-v1", "head": "tanh_gaussian", "log_std": -0.5, "ent_coef": 0.01},
    "tanh, kl, entropy of samples": {"env": "Pendulum-v1", "head": "tanh_gaussian", "algo": "kl", "kl_coef": 0.3,
                                     "log_std": -0.5, "ent_coef": 0.01, "entropy_estimate": "log_prob"},
    "spread of the state": {"env": "Pendulum-v1", "log_std_from": "state", "log_std": -0.5, "ent_coef": 0.01},
    "clipped spread of the state": {"env": "Pendulum-v1", "head": "tanh_gaussian", "log_std_from": "state",
                                    "log_std": -0.5, "log_std_min": -0.505, "log_std_max": -0.495, "algo": "kl"},
    "shared trunk, spread of the state": {"env": "Pendulum-v1", "shared_trunk": True, "log_std_from": "state"},
    "pairs": {"env": "Pairs-v0"},
    "pairs, kl": {"env": "Pairs-v0", "algo": "kl", "kl_coef": 0.3, "ent_coef": 0.05},
    "adaptive rate": {"learning_rate_schedule": "adaptive", "desired_kl": 2e-3, "learning_rate": 4e-3},
    "adaptive rate, real actions": {"env": "Pendulum-v1", "learning_rate_schedule": "adaptive", "desired_kl": 1e-3},
    "entropy of samples": {"ent_coef": 0.05, "entropy_estimate": "log_prob"},
}


@pytest.fixture(autouse=True)
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(monkeypatch)


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


def policy_terms(config: Config, outputs: Any, log_std: Any, rows: Any, batch: Any) -> tuple:
    """log pi, entropy and KL(old, new) of the rows, each with its gradients in outputs and log_std."""
    actions, old = flat(batch.actions)[rows], flat(batch.described)[rows]
    terms = real_terms if spec_of(config.env).continuous else choice_terms
    played, entropy, kl = terms(config, outputs, log_std, actions, old)
    if config.entropy_estimate == "log_prob":
        entropy = tuple(-array for array in played)
    return played, entropy, kl


def choice_terms(config: Config, outputs: Any, log_std: Any, actions: Any, old: Any) -> tuple:
    none = np.zeros((len(outputs), 0))
    if config.env == SPEC.id:
        a = multidiscrete_log_prob(outputs, actions.astype(int), SPEC.nvec)
        b, c = multidiscrete_entropy(outputs, SPEC.nvec), multidiscrete_kl(old, outputs, SPEC.nvec)
    else:
        a, b = categorical_log_prob(outputs, actions[:, 0].astype(int)), categorical_entropy(outputs)
        c = categorical_kl(old, outputs)
    return (a.log_prob, a.grad_logits, none), (b.entropy, b.grad_logits, none), (c.kl, c.grad_other_logits, none)


def real_terms(config: Config, outputs: Any, log_std: Any, actions: Any, old: Any) -> tuple:
    size = actions.shape[1]
    mean, of_state = outputs[:, :size], config.log_std_from == "state"
    raw = outputs[:, size:] if of_state else np.tile(log_std, (len(outputs), 1))
    spread = np.clip(raw, config.log_std_min, config.log_std_max) if of_state else raw
    a = (gaussian_log_prob(mean, spread, actions) if config.head != "tanh_gaussian"
         else squashed_gaussian_log_prob(mean, spread, np.tanh(actions)))
    b, c = gaussian_entropy(mean, spread), gaussian_kl(old[:, :size], old[:, size:], mean, spread)

    def placed(value: Any, by_mean: Any, by_spread: Any) -> tuple:
        if not of_state:
            return value, by_mean, by_spread
        return value, np.hstack([by_mean, by_spread * (spread == raw)]), np.zeros((len(outputs), 0))

    return (placed(a.log_prob, a.grad_mean, a.grad_log_std), placed(b.entropy, 0 * mean, b.grad_log_std),
            placed(c.kl, c.grad_other_mean, c.grad_other_log_std))


def expected_gradient(config: Config, layout: Any, params: Any, kept: Recorded, rows: Any) -> Any:
    """The loss of a minibatch, term by term."""
    seen = flat(kept.batch.observations)[rows]
    advantages = flat(kept.advantages)[rows]
    if config.normalize_advantages:
        ddof = 1 if config.advantage_std == "ddof1" else 0
        advantages = (advantages - advantages.mean()) / (advantages.std(ddof=ddof) + 1e-8)
    parts = params[: layout.log_std], params[layout.log_std : layout.value], params[layout.value :]
    shape = {"sizes": layout.policy_sizes.tolist(), "activation": config.activation}
    found = mlp(parts[0], seen, np.zeros((len(rows), layout.policy_sizes[-1])), **shape).outputs
    outputs = found[:, : layout.head.outputs]
    log_prob, entropy, kl = policy_terms(config, outputs, parts[1], rows, kept.batch)
    played = flat(kept.batch.log_probs)[rows]
    loss = (clip_loss(log_prob[0], played, advantages, clip_eps=config.clip_eps) if config.algo in ("clip", "clip-kl")
            else surrogate_loss(log_prob[0], played, advantages))
    beta = config.kl_coef if config.algo in ("kl", "clip-kl") else 0.0
    pulls, spread = (loss.grad_log_prob[:, None] * log_prob[i] - config.ent_coef * entropy[i] / len(rows)
                     + beta * kl[i] / len(rows) for i in (1, 2))
    value_shape = shape | {"sizes": layout.value_sizes.tolist()}
    values = (found[:, layout.head.outputs] if config.shared_trunk
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


def log_ratios(config: Config, layout: Any, params: Any, kept: Recorded, rows: Any) -> Any:
    """log pi of the rows under these parameters, less what it was when they were played."""
    seen = flat(kept.batch.observations)[rows]
    outputs = mlp(params[: layout.log_std], seen, np.zeros((len(rows), layout.policy_sizes[-1])),
                  sizes=layout.policy_sizes.tolist(), activation=config.activation).outputs[:, : layout.head.outputs]
    log_std = params[layout.log_std : layout.value]
    terms = policy_terms(config, outputs, log_std, rows, kept.batch)
    return terms[0][0] - flat(kept.batch.log_probs)[rows]


def moved_rate(config: Config, layout: Any, params: Any, kept: Recorded, rows: Any, rate: float) -> float:
    """By the definition of the adaptive rate: of the KL of a minibatch, before its step."""
    seen = flat(kept.batch.observations)[rows]
    outputs = mlp(params[: layout.log_std], seen, np.zeros((len(rows), layout.policy_sizes[-1])),
                  sizes=layout.policy_sizes.tolist(), activation=config.activation).outputs[:, : layout.head.outputs]
    log_std = params[layout.log_std : layout.value]
    kl = policy_terms(config, outputs, log_std, rows, kept.batch)[2][0].mean()
    if kl > 2 * config.desired_kl:
        return max(1e-5, rate / 1.5)
    return min(1e-2, rate * 1.5) if kl < config.desired_kl / 2 else rate


@pytest.mark.parametrize("choice", CHOICES)
def test_an_update_is_what_the_public_functions_say(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(**({"env": "CartPole-v1"} | BASE | CHOICES[choice]))
    kept = Recorded(config, monkeypatch)
    layout, params = kept.trainer.layout, kept.before
    first, second, step = np.zeros_like(params), np.zeros_like(params), 0
    size = config.batch_size // config.num_minibatches
    last, rates = np.zeros(config.batch_size), [config.learning_rate]
    for order in kept.orders:
        for start in range(0, config.batch_size, size):
            rows = order[start : start + size]
            last[rows] = log_ratios(config, layout, params, kept, rows)
            gradient = expected_gradient(config, layout, params, kept, rows)
            norm = float(np.linalg.norm(gradient))
            if config.grad_norm_eps:
                gradient = gradient * min(1.0, config.max_grad_norm / (norm + config.grad_norm_eps))
            elif config.max_grad_norm:
                gradient = clip_grad_norm([gradient], max_norm=config.max_grad_norm).grads[0]
            if step and config.learning_rate_schedule == "adaptive":
                rates.append(moved_rate(config, layout, params, kept, rows, rates[-1]))
            step += 1
            params, first, second = adam_step(params, gradient, first, second, step=step, beta1=0.9, beta2=0.999,
                                              learning_rate=rates[-1], eps=config.adam_eps)

    # Up to 12 steps of Adam, each a division by a root of squared gradients of some 400 samples: 2^-40 of what they
    # move (0.01 a step); small gradients lose more than that, hence 2^-34.
    learned = kept.trainer.learner
    assert np.abs(learned.params - params).max() <= 2.0**-34 * config.learning_rate * step
    assert np.abs(learned.first_moment - first).max() <= 2.0**-40 * np.abs(first).max()
    assert np.abs(kept.batch.log_ratios.ravel() - last).max() <= 2.0**-34
    assert learned.taken[0] == step == kept.progress.optimizer_steps
    assert kept.progress.learning_rate == kept.trainer.learning_rate == rates[-1]
    assert (len(set(rates)) > 2) == (config.learning_rate_schedule == "adaptive")
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


@pytest.mark.parametrize(("rule", "betas"), [("rllib", [1.0, 1.5, 2.25]), ("tf_agents", [1.0, 1.5, 2.25])])
def test_beta_follows_the_rule_of_a_library(rule: str, betas: list[float]) -> None:
    """KL far above the target: both rules multiply by 3/2."""
    trainer = Trainer(Config("CartPole-v1", algo="clip-kl", target_kl=1e-9, kl_rule=rule, total_steps=3 * 1024))

    assert [progress.kl_coef for progress in trainer.run()] == betas


def test_epochs_stop_at_the_kl_that_was_set() -> None:
    free, stopped = (
        next(Trainer(Config("CartPole-v1", num_epochs=10, learning_rate=0.01, stop_kl=limit)).run())
        for limit in (0.0, 1e-3)
    )
    assert free.optimizer_steps == 40
    assert 0 < stopped.optimizer_steps < 40


def test_the_learning_rate_falls_to_nothing() -> None:
    trainer = Trainer(Config("CartPole-v1", total_steps=4 * 1024, learning_rate=0.008, learning_rate_schedule="linear"))

    assert [progress.learning_rate for progress in trainer.run()] == [0.008, 0.006, 0.004, 0.002]


def test_progress_is_reported_in_full() -> None:
    progress = next(Trainer(Config("CartPole-v1")).run())

    assert progress.steps == 1024
    assert progress.episodes > 0
    assert progress.ratio_min < 1 < progress.ratio_max
    assert 0 < progress.entropy <= math.log(2)
    assert all(math.isfinite(value) for value in progress if not isinstance(value, str))


def test_the_health_of_a_batch_is_that_of_its_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recorded(Config("Pendulum-v1", algo="surrogate", num_epochs=10, learning_rate=0.01, seed=5), monkeypatch)

    health, progress = batch_health(kept.batch.log_ratios.ravel()), kept.progress

    assert progress.ess == health.effective_sample_size / 1024
    assert (progress.k_hat, progress.health) == (health.k_hat, health.verdict)
    assert progress.health == "resample"
    assert math.exp(kept.batch.log_ratios.max()) <= progress.ratio_max * (1 + 2.0**-50)


def test_a_batch_used_once_and_whole_has_ratios_of_one() -> None:
    """Their roundings are no tail."""
    rows = list(Trainer(Config("CartPole-v1", algo="on-policy", num_epochs=1, num_minibatches=1, num_envs=1,
                               num_steps=1024, total_steps=5 * 1024)).run())

    assert any(row.ratio_max != row.ratio_min for row in rows)
    for row in rows:
        assert (row.ess, row.health) == (1.0, "trust")
        assert math.isnan(row.k_hat)


def test_samples_that_a_stopped_update_does_not_reach_keep_their_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recorded(Config("CartPole-v1", learning_rate=0.05, stop_kl=1e-4, seed=4), monkeypatch)

    reached = kept.orders[0][: (kept.progress.optimizer_steps + 1) * 256]
    left = np.delete(kept.batch.log_ratios.ravel(), reached)

    assert kept.progress.optimizer_steps == 1
    assert len(left) == 512
    assert not left.any()
    assert kept.batch.log_ratios.any()
