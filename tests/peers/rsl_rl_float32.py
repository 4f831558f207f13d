"""rsl-rl-lib: the real `RolloutStorage`, `PPO.process_env_step`, `compute_returns` and `update`, around
stub models.

At a time-out rsl_rl adds gamma V(s_t) to the reward: the value before the step, since the final observation
is gone. Its environments may raise both flags at once; this adapter raises `time_outs` only where the step
is not terminal. `update` leaves gradients in the leaves and returns the losses, so the gradients are handed
over explicitly.
"""

from importlib.metadata import version

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.modules.distribution import HeteroscedasticGaussianDistribution
from rsl_rl.modules.normalization import EmpiricalNormalization
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

NAME = "rsl_rl, float32"
VERSION = version("rsl-rl-lib")
FRAMEWORK = "torch"
DTYPE = "float32"

NO_CLIPPING = 1e30


class Actor:
    """Answers with the outputs it was given, looked up by the row numbers in the observations."""

    is_recurrent = False

    def __init__(self, log_prob=None, entropy=None):
        self.log_prob, self.entropy = log_prob, entropy

    def __call__(self, observations, **options):
        self.rows = observations["row"].flatten()
        self.output_distribution_params = (self.rows,)

    def get_output_log_prob(self, actions):
        return self.log_prob[self.rows]

    @property
    def output_entropy(self):
        return self.entropy[self.rows]

    def parameters(self):
        return []

    def reset(self, *_, **__):
        pass

    def get_hidden_state(self):
        pass

    def update_normalization(self, observations):
        pass


class Critic(Actor):
    def __init__(self, values):
        super().__init__()
        self.values = values

    def __call__(self, observations, **options):
        return self.values[observations["row"].flatten()][:, None]


def observe(rows):
    return TensorDict({"row": torch.as_tensor(rows)[:, None]}, batch_size=[len(rows)])


def algorithm(actor, critic, storage, **settings):
    ppo = PPO.__new__(PPO)
    ppo.actor, ppo.critic, ppo.storage = actor, critic, storage
    ppo.device, ppo.is_multi_gpu, ppo.rnd, ppo.symmetry = "cpu", False, None, None
    ppo.transition = RolloutStorage.Transition()
    ppo.num_mini_batches = ppo.num_learning_epochs = 1
    ppo.use_mixed_precision, ppo.desired_kl, ppo.max_grad_norm = False, None, 1.0
    ppo.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
    ppo.normalize_advantage_per_mini_batch = True
    vars(ppo).update(settings)
    return ppo


# --- the rollout ---


def rollout(rewards, values, last_values, terminated, truncated, gamma, gae_lambda, **settings):
    steps, envs = rewards.shape
    observations = observe(range(envs))
    storage = RolloutStorage("rl", envs, steps, observations, [1])
    ppo = algorithm(Actor(), Critic(last_values), storage, gamma=gamma, lam=gae_lambda, **settings)
    for t in range(steps):
        step = ppo.transition
        step.observations = observations
        step.actions = step.actions_log_prob = torch.zeros(envs, 1)
        step.distribution_params = (torch.zeros(envs, 1),)
        step.values = values[t][:, None]
        ppo.process_env_step(
            observations,
            rewards[t],
            terminated[t] | truncated[t],
            {"time_outs": truncated[t] & ~terminated[t]},
        )
    ppo.compute_returns(observations)
    return storage.advantages[..., 0], storage.returns[..., 0]


def gae(rewards, values, last_values, terminated, truncated, gamma, gae_lambda):
    return rollout(rewards, values, last_values, terminated, truncated, gamma, gae_lambda)


def normalize_advantages(advantages):
    """A rollout of rewards alone (gamma 0, values 0), normalised as a whole."""
    rewards = advantages[:, None]
    zeros, never = torch.zeros_like(rewards), torch.zeros_like(rewards, dtype=torch.bool)
    normalized, _ = rollout(rewards, zeros, zeros[0], never, never, 0.0, 0.0, normalize_advantage_per_mini_batch=False)
    return normalized[:, 0]


# --- PPO.update ---


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


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
    vf_coef=1.0,
    ent_coef=0.0,
    clip_values=False,
):
    """One epoch of one minibatch of `PPO.update`. Returns its losses."""
    rows = len(log_prob)
    storage = RolloutStorage("rl", rows, 1, observe(range(rows)), [1])
    storage.observations["row"][0, :, 0] = torch.arange(rows)
    storage.distribution_params = (torch.zeros(1, rows, 1),)
    for name, tensor in {
        "actions_log_prob": old_log_prob,
        "values": old_values,
        "returns": returns,
        "advantages": advantages,
    }.items():
        getattr(storage, name)[0, :, 0] = tensor.detach()
    ppo = algorithm(
        Actor(log_prob, entropy),
        Critic(values),
        storage,
        clip_param=clip_eps,
        value_loss_coef=vf_coef,
        entropy_coef=ent_coef,
        use_clipped_value_loss=clip_values,
        normalize_advantage_per_mini_batch=False,
    )
    return ppo.update()


def policy_update(log_prob, old_log_prob, advantages, clip_eps):
    log_prob = leaf(log_prob)
    zeros = torch.zeros_like(log_prob)
    losses = update(
        log_prob,
        leaf(zeros),
        zeros,
        old_log_prob=old_log_prob,
        old_values=zeros,
        returns=zeros,
        advantages=advantages,
        clip_eps=clip_eps,
    )
    return torch.tensor(losses["surrogate"]), log_prob.grad


def value_update(values, old_values, returns, clip_eps, clip_values):
    values = leaf(values)
    zeros = torch.zeros_like(values)
    losses = update(
        leaf(zeros),
        values,
        zeros,
        old_log_prob=zeros,
        old_values=old_values,
        returns=returns,
        advantages=zeros,
        clip_eps=clip_eps,
        clip_values=clip_values,
    )
    return torch.tensor(losses["value"]), values.grad


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    return policy_update(log_prob, old_log_prob, advantages, clip_eps)


def surrogate_loss(log_prob, old_log_prob, advantages):
    return policy_update(log_prob, old_log_prob, advantages, NO_CLIPPING)


def value_loss(values, returns):
    return value_update(values, values, returns, 0.5, False)


def clipped_value_loss(values, old_values, returns, value_clip_eps):
    """The package has one epsilon for both clips."""
    return value_update(values, old_values, returns, value_clip_eps, True)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    """`update` returns the three terms without their coefficients; the gradients are those of its sum."""
    log_prob, values, entropy = leaf(log_prob), leaf(values), leaf(entropy)
    losses = update(
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
    loss = losses["surrogate"] + vf_coef * losses["value"] - ent_coef * losses["entropy"]
    return torch.tensor(loss), log_prob.grad, values.grad, entropy.grad


# --- distributions and normalisation ---


def gaussian(mean, log_std):
    distribution = HeteroscedasticGaussianDistribution(mean.shape[1], std_type="log")
    distribution.update(torch.stack([mean, log_std], -2))
    return distribution


def gaussian_log_prob(mean, log_std, actions):
    return gaussian(mean, log_std).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return gaussian(mean, log_std).entropy


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    here, there = gaussian(mean, log_std), gaussian(other_mean, other_log_std)
    return here.kl_divergence(here.params, there.params)


def running_moments(batches):
    normalization = EmpiricalNormalization(batches[0].shape[1])
    for batch in batches:
        normalization.update(batch)
    return normalization.mean, normalization.std**2
