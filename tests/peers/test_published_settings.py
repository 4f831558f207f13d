"""The presets of training against the defaults of the installed packages, asked of the packages themselves."""

from __future__ import annotations

import inspect

import pytest

from ppocore.training import Config
from ppocore.training.presets import preset_of
from tests.optional import require

# Their name: ours.
NAMES = {
    "sb3": {"n_steps": "num_steps", "n_epochs": "num_epochs", "learning_rate": "learning_rate", "gamma": "gamma",
            "gae_lambda": "gae_lambda", "clip_range": "clip_eps", "clip_range_vf": "value_clip_eps",
            "normalize_advantage": "normalize_advantages", "ent_coef": "ent_coef", "vf_coef": "vf_coef",
            "max_grad_norm": "max_grad_norm", "target_kl": "stop_kl", "batch_size": "minibatch"},
    "skrl": {"rollouts": "num_steps", "learning_epochs": "num_epochs", "mini_batches": "num_minibatches",
             "discount_factor": "gamma", "gae_lambda": "gae_lambda", "learning_rate": "learning_rate",
             "grad_norm_clip": "max_grad_norm", "ratio_clip": "clip_eps", "value_clip": "value_clip_eps",
             "entropy_loss_scale": "ent_coef", "value_loss_scale": "vf_coef", "kl_threshold": "stop_kl"},
    "rsl_rl": {"num_learning_epochs": "num_epochs", "num_mini_batches": "num_minibatches", "clip_param": "clip_eps",
               "gamma": "gamma", "lam": "gae_lambda", "value_loss_coef": "vf_coef", "entropy_coef": "ent_coef",
               "learning_rate": "learning_rate", "max_grad_norm": "max_grad_norm"},
    "rllib": {"lr": "learning_rate", "num_epochs": "num_epochs", "gamma": "gamma", "lambda_": "gae_lambda",
              "kl_coeff": "kl_coef", "kl_target": "target_kl", "vf_loss_coeff": "vf_coef", "clip_param": "clip_eps",
              "vf_clip_param": "value_clip_eps", "grad_clip": "max_grad_norm", "entropy_coeff": "ent_coef",
              "num_env_runners": "num_envs", "train_batch_size": "batch_size"},
    "brax": {"learning_rate": "learning_rate", "entropy_cost": "ent_coef", "discounting": "gamma",
             "unroll_length": "num_steps", "num_minibatches": "num_minibatches",
             "num_updates_per_batch": "num_epochs", "clipping_epsilon": "clip_eps",
             "clipping_epsilon_value": "value_clip_eps", "gae_lambda": "gae_lambda",
             "max_grad_norm": "max_grad_norm", "normalize_advantage": "normalize_advantages",
             "vf_loss_coefficient": "vf_coef"},
}  # fmt: skip


def defaults_of(name: str) -> dict[str, object]:
    """What the package takes where the user says nothing."""
    if name == "sb3":
        function = require("stable_baselines3").PPO.__init__
    elif name == "rsl_rl":
        function = require("rsl_rl.algorithms").PPO.__init__
    elif name == "brax":
        function = require("brax.training.agents.ppo.train").train
    elif name == "skrl":
        return vars(require("skrl.agents.torch.ppo").PPO_CFG())
    else:
        config = require("ray.rllib.algorithms.ppo").PPOConfig()
        return {key: getattr(config, key) for key in NAMES[name]}
    return {key: item.default for key, item in inspect.signature(function).parameters.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_the_defaults_of_the_package(name: str) -> None:
    theirs, config = defaults_of(name), Config.preset(name)
    ours = {**preset_of(name).settings, "batch_size": config.batch_size,
            "minibatch": config.batch_size // config.num_minibatches}  # fmt: skip

    for key, setting in NAMES[name].items():
        # None is their word for: not done; 0 is ours.
        assert (theirs[key] or 0) == ours.get(setting, getattr(config, setting, None)), f"{key} of {name}"
