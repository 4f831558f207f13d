"""stable-baselines3: `RolloutBuffer`, `PPO.train`, its distributions, running moments and explained
variance.

`PPO.train` returns nothing: it logs the losses and leaves gradients in the leaves. So the losses below are
read from its logger, and the gradients are handed over explicitly. The minibatch is a real `RolloutBuffer`
whose observations are row numbers; the policy is a stub that looks the wanted outputs up by row number.
"""

import numpy as np
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common import distributions, utils
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.running_mean_std import RunningMeanStd

NAME = "stable-baselines3, float32"
VERSION = stable_baselines3.__version__
FRAMEWORK = "torch"
DTYPE = "float32"

LINE = spaces.Box(-np.inf, np.inf, (1,), np.float32)
NO_CLIPPING = 1e30


# --- the rollout buffer ---


def gae(rewards, values, last_values, episode_starts, last_dones, gamma, gae_lambda):
    steps, envs = rewards.shape
    buffer = RolloutBuffer(steps, LINE, LINE, "cpu", gae_lambda=gae_lambda, gamma=gamma, n_envs=envs)
    buffer.rewards = rewards.numpy().copy()
    buffer.values = values.numpy().copy()
    buffer.advantages = np.zeros_like(buffer.values)
    buffer.episode_starts = episode_starts.numpy().astype(buffer.values.dtype)
    buffer.compute_returns_and_advantage(last_values, last_dones.numpy())
    return torch.from_numpy(buffer.advantages), torch.from_numpy(buffer.returns)


# --- PPO.train ---


class Policy:
    """Answers `evaluate_actions` with the outputs it was given, looked up by the row numbers in the
    observations.
    """

    def __init__(self, log_prob, values, entropy):
        self.log_prob, self.values, self.entropy = log_prob, values, entropy
        self.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)

    def set_training_mode(self, mode):
        pass

    def parameters(self):
        return []

    def evaluate_actions(self, observations, actions):
        rows = observations.flatten().long()
        entropy = None if self.entropy is None else self.entropy[rows]
        return self.values[rows], self.log_prob[rows], entropy


class Logger(dict):
    def record(self, key, value, exclude=None):
        self[key] = value


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def zeros(tensor):
    return torch.zeros_like(tensor)


def train(
    policy,
    *,
    old_log_prob,
    advantages,
    returns,
    old_values,
    clip_eps,
    value_clip_eps=None,
    vf_coef=0.0,
    ent_coef=0.0,
    normalize=False,
):
    """One epoch of one minibatch of `PPO.train`. Returns what it logged."""
    rows = len(old_log_prob)
    buffer = RolloutBuffer(rows, LINE, LINE, "cpu", n_envs=1)
    buffer.observations[:] = np.arange(rows, dtype=np.float32).reshape(rows, 1, 1)
    buffer.log_probs = old_log_prob.detach().numpy().copy().reshape(rows, 1)
    buffer.advantages = advantages.detach().numpy().copy().reshape(rows, 1)
    buffer.returns = returns.detach().numpy().copy().reshape(rows, 1)
    buffer.values = old_values.detach().numpy().copy().reshape(rows, 1)
    buffer.full = True

    ppo = PPO.__new__(PPO)
    ppo.policy = policy
    ppo.rollout_buffer = buffer
    ppo.action_space = LINE
    ppo.clip_range = lambda progress: clip_eps
    ppo.clip_range_vf = None if value_clip_eps is None else lambda progress: value_clip_eps
    ppo.lr_schedule = lambda progress: 0.0
    ppo._current_progress_remaining = 1.0
    ppo._n_updates = 0
    ppo._logger = Logger()
    ppo.n_epochs, ppo.batch_size, ppo.verbose = 1, rows, 0
    ppo.normalize_advantage, ppo.target_kl, ppo.max_grad_norm = normalize, None, 0.5
    ppo.vf_coef, ppo.ent_coef = vf_coef, ent_coef
    ppo.train()
    return ppo._logger


def policy_update(log_prob, old_log_prob, advantages, clip_eps, normalize=False):
    """`PPO.train` with the value and entropy terms off: what it logged, and the gradient by log_prob."""
    log_prob = leaf(log_prob)
    policy = Policy(log_prob, zeros(log_prob), None)
    log = train(
        policy,
        old_log_prob=old_log_prob,
        advantages=advantages,
        returns=zeros(log_prob),
        old_values=zeros(log_prob),
        clip_eps=clip_eps,
        normalize=normalize,
    )
    return log, log_prob.grad


def value_update(values, old_values, returns, value_clip_eps):
    """`PPO.train` with the policy term at zero advantage: the value loss, and its gradient by values."""
    values = leaf(values)
    policy = Policy(torch.zeros_like(values, requires_grad=True), values, None)
    log = train(
        policy,
        old_log_prob=zeros(values),
        advantages=zeros(values),
        returns=returns,
        old_values=old_values,
        clip_eps=0.5,
        value_clip_eps=value_clip_eps,
        vf_coef=1.0,
    )
    return torch.tensor(log["train/value_loss"], dtype=values.dtype), values.grad


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    log, gradient = policy_update(log_prob, old_log_prob, advantages, clip_eps)
    return torch.tensor(log["train/policy_gradient_loss"], dtype=log_prob.dtype), gradient


def surrogate_loss(log_prob, old_log_prob, advantages):
    return clip_loss(log_prob, old_log_prob, advantages, NO_CLIPPING)


def value_loss(values, returns):
    return value_update(values, values, returns, None)


def clipped_value_loss(values, old_values, returns, value_clip_eps):
    return value_update(values, old_values, returns, value_clip_eps)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    log_prob, values, entropy = leaf(log_prob), leaf(values), leaf(entropy)
    log = train(
        Policy(log_prob, values, entropy),
        old_log_prob=old_log_prob,
        advantages=advantages,
        returns=returns,
        old_values=values,
        clip_eps=clip_eps,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
    )
    loss = torch.tensor(log["train/loss"], dtype=log_prob.dtype)
    return loss, log_prob.grad, values.grad, entropy.grad


def ratio(log_prob, old_log_prob):
    """At advantage 1 and without clipping the gradient of the loss is minus the ratio over the number of
    rows.
    """
    _, gradient = policy_update(log_prob, old_log_prob, torch.ones_like(log_prob), NO_CLIPPING)
    return gradient * -len(gradient)


def normalize_advantages(advantages):
    """At ratio 1 the gradient of the loss is minus the normalised advantage over the number of rows."""
    _, gradient = policy_update(zeros(advantages), zeros(advantages), advantages, 0.5, normalize=True)
    return gradient * -len(gradient)


def kl_k3(log_prob, old_log_prob):
    log, _ = policy_update(log_prob, old_log_prob, zeros(log_prob), 0.5)
    return torch.tensor(log["train/approx_kl"], dtype=log_prob.dtype)


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    log, _ = policy_update(log_prob, old_log_prob, advantages, clip_eps)
    return torch.tensor(log["train/clip_fraction"], dtype=log_prob.dtype)


# --- distributions ---


def categorical(logits):
    return distributions.CategoricalDistribution(logits.shape[1]).proba_distribution(logits)


def gaussian(mean, log_std):
    return distributions.DiagGaussianDistribution(mean.shape[1]).proba_distribution(mean, log_std)


def categorical_log_prob(logits, actions):
    return categorical(logits).log_prob(actions)


def categorical_entropy(logits):
    return categorical(logits).entropy()


def categorical_kl(logits, other_logits):
    return distributions.kl_divergence(categorical(logits), categorical(other_logits))


def gaussian_log_prob(mean, log_std, actions):
    return gaussian(mean, log_std).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return gaussian(mean, log_std).entropy()


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    kl = distributions.kl_divergence(gaussian(mean, log_std), gaussian(other_mean, other_log_std))
    return distributions.sum_independent_dims(kl)


def squashed_gaussian_log_prob(mean, log_std, actions):
    squashed = distributions.SquashedDiagGaussianDistribution(mean.shape[1])
    return squashed.proba_distribution(mean, log_std).log_prob(actions)


# --- statistics ---


def explained_variance(values, returns):
    return utils.explained_variance(values.numpy(), returns.numpy())


def running_moments(batches):
    """With the constructor's default count of 1e-4, as `VecNormalize` makes it."""
    moments = RunningMeanStd(shape=batches[0].shape[1:])
    for batch in batches:
        moments.update(batch.numpy())
    return moments.mean, moments.var
