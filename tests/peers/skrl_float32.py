"""skrl (torch): `compute_gae`, the whole of `PPO.update` around stub models, its running scaler and
Gaussian model.

`compute_gae` returns (returns, normalised advantages); the advantages are taken as returns minus values.
`PPO.update` tracks the losses and leaves gradients in the leaves, so these are handed over explicitly.
"""

from types import SimpleNamespace

import skrl
import torch
from gymnasium import spaces
from skrl.agents.torch.ppo import PPO
from skrl.agents.torch.ppo.ppo import compute_gae
from skrl.models.torch import GaussianMixin, Model
from skrl.resources.preprocessors.torch import RunningStandardScaler

NAME = "skrl (torch), float32"
VERSION = skrl.__version__
FRAMEWORK = "torch"
DTYPE = "float32"

NO_CLIPPING = 1e30


# --- compute_gae ---


def estimate(rewards, values, last_values, terminated, truncated, gamma, gae_lambda, time_limit_bootstrap):
    returns, advantages = compute_gae(
        rewards=rewards[..., None],
        terminated=terminated[..., None],
        truncated=truncated[..., None],
        values=values[..., None],
        last_values=last_values[:, None],
        discount_factor=gamma,
        lambda_coefficient=gae_lambda,
        time_limit_bootstrap=time_limit_bootstrap,
    )
    return returns[..., 0], advantages[..., 0]


def gae(rewards, values, last_values, terminated, truncated, gamma, gae_lambda):
    """With the default configuration, `time_limit_bootstrap=False`."""
    returns, _ = estimate(rewards, values, last_values, terminated, truncated, gamma, gae_lambda, False)
    return returns - values, returns


def normalize_advantages(advantages):
    """`compute_gae` on rewards alone (gamma 0, values 0), so that only its normalisation is seen."""
    zeros = torch.zeros_like(advantages)[:, None]
    never = zeros.bool()
    _, normalized = estimate(advantages[:, None], zeros, zeros[0], never, never, 0.0, 0.0, False)
    return normalized[:, 0]


# --- PPO.update ---


class PolicyModel:
    def __init__(self, log_prob, entropy):
        self.log_prob, self.entropy = log_prob, entropy

    def act(self, inputs, role):
        return None, {"log_prob": self.log_prob}

    def get_entropy(self, role):
        return self.entropy

    def distribution(self, role):
        return SimpleNamespace(stddev=torch.ones(1))

    def parameters(self):
        return []


class ValueModel:
    def __init__(self, values):
        self.values = values

    def act(self, inputs, role):
        return self.values, {}

    def enable_training_mode(self, enabled):
        pass

    def parameters(self):
        return []


class Memory:
    """One minibatch; the rollout (whose advantages are not used) is one step of zeros with as many
    environments.
    """

    def __init__(self, minibatch):
        self.minibatch = minibatch

    def __len__(self):
        return len(self.minibatch[0])

    def get_tensor_by_name(self, name):
        return torch.zeros(1, len(self), 1, dtype=torch.bool if name in ("terminated", "truncated") else None)

    def set_tensor_by_name(self, name, tensor):
        pass

    def sample(self, names, batch_size, mini_batches):
        return [self.minibatch]


def update(
    log_prob,
    values,
    entropy,
    *,
    old_log_prob,
    old_values,
    returns,
    advantages,
    clip_eps,
    value_clip=0.0,
    vf_coef=1.0,
    ent_coef=0.0,
    kl_threshold=0.0,
):
    """One epoch of one minibatch of `PPO.update`. Returns what it tracked."""
    columns = [tensor[:, None] for tensor in (log_prob, values, entropy)]
    agent = PPO.__new__(PPO)
    agent.cfg = SimpleNamespace(
        mixed_precision=False,
        discount_factor=0.0,
        gae_lambda=0.0,
        time_limit_bootstrap=False,
        learning_epochs=1,
        mini_batches=1,
        kl_threshold=kl_threshold,
        entropy_loss_scale=ent_coef,
        ratio_clip=clip_eps,
        value_clip=value_clip,
        value_loss_scale=vf_coef,
        grad_norm_clip=0,
    )
    agent.policy, agent.value = PolicyModel(columns[0], columns[2]), ValueModel(columns[1])
    rows = torch.zeros_like(log_prob)[:, None]
    stored = [tensor.detach()[:, None] for tensor in (old_log_prob, old_values, returns, advantages)]
    agent.memory = Memory((rows, rows, rows, *stored))
    agent._tensors_names = []
    agent._current_next_observations = agent._current_next_states = rows
    agent._observation_preprocessor = agent._state_preprocessor = lambda x, **options: x
    agent._value_preprocessor = lambda x, **options: x
    agent._device_type = "cpu"
    agent.device = torch.device("cpu")
    agent.scheduler = None
    agent.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
    agent.scaler = torch.amp.GradScaler("cpu", enabled=False)
    tracked = {}
    agent.track_data = tracked.__setitem__
    agent.update(timestep=0, timesteps=1)
    return tracked


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def policy_update(log_prob, old_log_prob, advantages, clip_eps):
    log_prob = leaf(log_prob)
    zeros = torch.zeros_like(log_prob)
    tracked = update(
        log_prob,
        leaf(zeros),
        zeros,
        old_log_prob=old_log_prob,
        old_values=zeros,
        returns=zeros,
        advantages=advantages,
        clip_eps=clip_eps,
    )
    return torch.tensor(tracked["Loss / Policy loss"], dtype=log_prob.dtype), log_prob.grad


def value_update(values, old_values, returns, value_clip):
    values = leaf(values)
    zeros = torch.zeros_like(values)
    tracked = update(
        leaf(zeros),
        values,
        zeros,
        old_log_prob=zeros,
        old_values=old_values,
        returns=returns,
        advantages=zeros,
        clip_eps=0.5,
        value_clip=value_clip,
    )
    return torch.tensor(tracked["Loss / Value loss"], dtype=values.dtype), values.grad


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return policy_update(log_prob, old_log_prob, advantages, clip_eps)


def surrogate_loss(log_prob, old_log_prob, advantages):
    return policy_update(log_prob, old_log_prob, advantages, NO_CLIPPING)


def value_loss(values, returns):
    return value_update(values, values, returns, 0.0)


def clipped_value_loss(values, old_values, returns, value_clip_eps):
    return value_update(values, old_values, returns, value_clip_eps)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    """The tracked losses already bear their coefficients."""
    log_prob, values, entropy = leaf(log_prob), leaf(values), leaf(entropy)
    tracked = update(
        log_prob,
        values,
        entropy,
        old_log_prob=old_log_prob,
        old_values=values,
        returns=returns,
        advantages=advantages,
        clip_eps=clip_eps,
        vf_coef=vf_coef,
        ent_coef=ent_coef,
    )
    loss = sum(value for name, value in tracked.items() if name.startswith("Loss / "))
    entropy_gradient = torch.zeros_like(entropy) if entropy.grad is None else entropy.grad
    return torch.tensor(loss, dtype=log_prob.dtype), log_prob.grad, values.grad, entropy_gradient


# --- models and preprocessors ---


class Gaussian(GaussianMixin, Model):
    def __init__(self, mean, log_std):
        space = spaces.Box(-1.0, 1.0, (mean.shape[1],))
        Model.__init__(self, observation_space=space, action_space=space, device="cpu")
        GaussianMixin.__init__(self, clip_log_std=False, reduction="sum")
        self.given = mean, {"log_std": log_std}

    def compute(self, inputs, role):
        return self.given


def gaussian_log_prob(mean, log_std, actions):
    _, outputs = Gaussian(mean, log_std).act({"taken_actions": actions})
    return outputs["log_prob"][:, 0]


def gaussian_entropy(mean, log_std):
    model = Gaussian(mean, log_std)
    model.act({})
    return model.get_entropy()[:, 0]


def running_moments(batches):
    scaler = RunningStandardScaler(size=batches[0].shape[1], device="cpu")
    for batch in batches:
        scaler(batch, train=True)
    return scaler.running_mean, scaler.running_variance
