"""RLlib (new API stack): its value targets, GAE connector, PPO learner's loss, KL controller and
distributions.

RLlib lays episodes end to end in chunks, each longer by one row that bears the value after its last step;
flags stand on the last real row. Targets are always float32.
"""

from collections import UserDict
from types import SimpleNamespace

import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.connectors.learner import AddOneTsToEpisodesAndTruncate, GeneralAdvantageEstimation
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import (
    TorchCategorical,
    TorchDiagGaussian,
    TorchSquashedGaussian,
)
from ray.rllib.core.rl_module.apis import ValueFunctionAPI
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.evaluation.postprocessing import Postprocessing, compute_advantages
from ray.rllib.policy.sample_batch import SampleBatch
from ray.rllib.utils import torch_utils
from ray.rllib.utils.postprocessing.value_predictions import compute_value_targets

NAME = "RLlib, float32"
VERSION = ray.__version__
FRAMEWORK = "torch"
DTYPE = "float32"

NO_LIMIT = 1e30


# --- value targets ---


def chunks(terminated, truncated):
    """Columns and row ranges between the ends of episodes, and whether the last of them is terminal."""
    steps, envs = terminated.shape
    for env in range(envs):
        start = 0
        for t in range(steps):
            if terminated[t, env] or truncated[t, env] or t == steps - 1:
                yield env, slice(start, t + 1), bool(terminated[t, env])
                start = t + 1


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    columns = {name: [] for name in ("values", "rewards", "terminateds", "truncateds")}
    real = []
    for env, rows, terminal in chunks(terminated, truncated):
        length = rows.stop - rows.start
        columns["values"] += [values[rows, env], next_values[rows.stop - 1 : rows.stop, env]]
        columns["rewards"] += [rewards[rows, env], torch.zeros(1)]
        ends = torch.zeros(length + 1, dtype=torch.bool)
        ends[length - 1] = True
        columns["terminateds"].append(ends & terminal)
        columns["truncateds"].append(ends & (not terminal))
        real.append(torch.arange(length + 1) < length)
    flat = {name: torch.cat(pieces).numpy() for name, pieces in columns.items()}
    targets = torch.from_numpy(compute_value_targets(**flat, gamma=gamma, lambda_=gae_lambda))[torch.cat(real)]
    returns = targets.reshape(rewards.T.shape).T
    return returns - values, returns


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    """The older `compute_advantages` without critic, chunk by chunk."""
    returns = torch.zeros_like(rewards)
    for env, rows, terminal in chunks(terminated, truncated):
        batch = SampleBatch({SampleBatch.REWARDS: rewards[rows, env].numpy()})
        last = 0.0 if terminal else next_values[rows.stop - 1, env].item()
        compute_advantages(batch, last, gamma, use_gae=False, use_critic=False)
        returns[rows, env] = torch.from_numpy(batch[Postprocessing.ADVANTAGES])
    return returns


class Values(ValueFunctionAPI):
    """A critic that says 0."""

    def compute_values(self, batch, embeddings=None):
        return torch.zeros(len(batch[Columns.REWARDS]))

    def is_stateful(self):
        return False


class Modules(UserDict):
    framework = "torch"

    def foreach_module(self, func, return_dict):
        return {name: func(name, module) for name, module in self.items()}


def normalize_advantages(advantages):
    """The two connectors on one episode whose rewards are the advantages (gamma 0, values 0)."""
    steps = len(advantages)
    episode = SingleAgentEpisode(
        observations=[0.0] * (steps + 1),
        actions=[0] * steps,
        rewards=advantages.tolist(),
        terminated=True,
        len_lookback_buffer=0,
    )
    modules = Modules({DEFAULT_MODULE_ID: Values()})
    AddOneTsToEpisodesAndTruncate()(rl_module=modules, batch={}, episodes=[episode], shared_data={})
    rows = torch.arange(len(episode))
    batch = {
        DEFAULT_MODULE_ID: {
            Columns.REWARDS: torch.as_tensor(np.array(episode.get_rewards()), dtype=torch.float32),
            Columns.TERMINATEDS: rows >= steps - 1,
            Columns.TRUNCATEDS: rows >= steps,
        }
    }
    GeneralAdvantageEstimation(gamma=0.0, lambda_=0.0)(rl_module=modules, episodes=[episode], batch=batch)
    return batch[DEFAULT_MODULE_ID][Postprocessing.ADVANTAGES][:steps]


# --- PPOTorchLearner.compute_loss_for_module ---


class Given:
    """A distribution whose log-probability and entropy are given as its logits."""

    def __init__(self, log_prob, entropy):
        self.log_prob, self.given_entropy = log_prob, entropy

    @classmethod
    def from_logits(cls, logits):
        return cls(*logits)

    def logp(self, actions):
        return self.log_prob

    def entropy(self):
        return self.given_entropy


def loss(
    distribution,
    inputs,
    old_inputs,
    actions,
    old_log_prob,
    *,
    values=None,
    returns=None,
    advantages=None,
    clip_eps=NO_LIMIT,
    vf_coef=0.0,
    vf_limit=NO_LIMIT,
    ent_coef=0.0,
    kl_coef=None,
):
    def given(tensor):
        return torch.zeros_like(old_log_prob) if tensor is None else tensor

    module = SimpleNamespace(
        get_train_action_dist_cls=lambda: distribution,
        get_exploration_action_dist_cls=lambda: distribution,
        compute_values=lambda batch, embeddings: given(values),
    )
    learner = SimpleNamespace(
        module={DEFAULT_MODULE_ID: SimpleNamespace(unwrapped=lambda: module)},
        entropy_coeff_schedulers_per_module={DEFAULT_MODULE_ID: SimpleNamespace(get_current_value=lambda: ent_coef)},
        curr_kl_coeffs_per_module={DEFAULT_MODULE_ID: kl_coef},
        metrics=SimpleNamespace(log_dict=lambda *_, **__: None),
    )
    config = SimpleNamespace(
        use_kl_loss=kl_coef is not None,
        use_critic=True,
        clip_param=clip_eps,
        vf_clip_param=vf_limit,
        vf_loss_coeff=vf_coef,
    )
    batch = {
        Columns.ACTION_DIST_INPUTS: old_inputs,
        Columns.ACTIONS: actions,
        Columns.ACTION_LOGP: old_log_prob,
        Postprocessing.ADVANTAGES: given(advantages),
        Postprocessing.VALUE_TARGETS: given(returns),
    }
    return PPOTorchLearner.compute_loss_for_module(
        learner,
        module_id=DEFAULT_MODULE_ID,
        config=config,
        batch=batch,
        fwd_out={Columns.ACTION_DIST_INPUTS: inputs},
    )


def given_loss(log_prob, old_log_prob, entropy=None, **options):
    entropy = torch.zeros_like(log_prob) if entropy is None else entropy
    inputs = (log_prob, entropy)
    return loss(Given, inputs, inputs, None, old_log_prob, **options)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return given_loss(log_prob, old_log_prob, advantages=advantages, clip_eps=clip_eps)


def surrogate_loss(log_prob, old_log_prob, advantages):
    return given_loss(log_prob, old_log_prob, advantages=advantages)


def value_loss(values, returns):
    zeros = torch.zeros_like(values)
    return given_loss(zeros, zeros, values=values, returns=returns, vf_coef=1.0)


def clipped_value_loss(values, returns, value_clip_eps):
    """`vf_clip_param` limits the squared error and knows no old values."""
    zeros = torch.zeros_like(values)
    return given_loss(zeros, zeros, values=values, returns=returns, vf_coef=1.0, vf_limit=value_clip_eps)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    return given_loss(
        log_prob,
        old_log_prob,
        entropy,
        advantages=advantages,
        values=values,
        returns=returns,
        clip_eps=clip_eps,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
    )


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    old_log_prob = TorchCategorical.from_logits(old_logits).logp(actions)
    return loss(TorchCategorical, logits, old_logits, actions, old_log_prob, advantages=advantages, kl_coef=kl_coef)


def adapt_kl_coef(kl_coef, kl, target_kl):
    coefficient = torch.tensor(kl_coef)
    learner = SimpleNamespace(
        curr_kl_coeffs_per_module={DEFAULT_MODULE_ID: coefficient},
        metrics=SimpleNamespace(log_value=lambda *_, **__: None),
    )
    PPOTorchLearner._update_module_kl_coeff(
        learner, module_id=DEFAULT_MODULE_ID, config=SimpleNamespace(kl_target=target_kl), kl_loss=kl
    )
    return coefficient


def explained_variance(values, returns):
    return torch_utils.explained_variance(returns, values)


# --- distributions ---


def categorical_log_prob(logits, actions):
    return TorchCategorical.from_logits(logits).logp(actions)


def categorical_entropy(logits):
    return TorchCategorical.from_logits(logits).entropy()


def categorical_kl(logits, other_logits):
    return TorchCategorical.from_logits(logits).kl(TorchCategorical.from_logits(other_logits))


def gaussian_log_prob(mean, log_std, actions):
    return TorchDiagGaussian(mean, log_std.exp()).logp(actions)


def gaussian_entropy(mean, log_std):
    return TorchDiagGaussian(mean, log_std.exp()).entropy()


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    return TorchDiagGaussian(mean, log_std.exp()).kl(TorchDiagGaussian(other_mean, other_log_std.exp()))


def squashed_gaussian_log_prob(mean, log_std, actions):
    return TorchSquashedGaussian(mean, log_std.exp()).logp(actions)
