"""torchrl: the functional value estimators, `ClipPPOLoss` and its sisters, its distributions.

The loss modules ask an actor for a distribution and a critic for values. Both are stubs here: the actor's
distribution answers `log_prob` and `entropy` with what stands in the TensorDict, the critic copies its
values. The code is the same for float64 (`torchrl_float64.py`).
"""

import torch
import torchrl
from tensordict import TensorDict
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch import distributions
from torchrl.modules import IndependentNormal, MaskedCategorical, TanhNormal
from torchrl.objectives import ClipPPOLoss, KLPENPPOLoss
from torchrl.objectives.ppo import PPOLoss
from torchrl.objectives.value import functional

NAME = "torchrl, float32"
VERSION = torchrl.__version__
FRAMEWORK = "torch"
DTYPE = "float32"


# --- value estimators: batch, time, one feature ---


def sequences(*tensors):
    return [tensor.T[..., None] for tensor in tensors]


def steps(tensor):
    return tensor[..., 0].T


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    rewards, values, next_values, terminated, truncated = sequences(rewards, values, next_values, terminated, truncated)
    advantages, returns = functional.generalized_advantage_estimate(
        gamma, gae_lambda, values, next_values, rewards, terminated | truncated, terminated
    )
    return steps(advantages), steps(returns)


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    rewards, values, next_values, terminated, truncated = sequences(rewards, values, next_values, terminated, truncated)
    return steps(
        functional.td0_advantage_estimate(gamma, values, next_values, rewards, terminated | truncated, terminated)
    )


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    rewards, next_values, terminated, truncated = sequences(rewards, next_values, terminated, truncated)
    return steps(functional.td1_return_estimate(gamma, next_values, rewards, terminated | truncated, terminated))


def vtrace(log_prob, old_log_prob, rewards, values, next_values, terminated, truncated, gamma, rho_clip, c_clip):
    """As IMPALA first wrote it: there is no lambda to ask for."""
    arrays = sequences(log_prob, old_log_prob, values, next_values, rewards, terminated | truncated, terminated)
    advantages, targets = functional.vtrace_advantage_estimate(gamma, *arrays, rho_clip, c_clip)
    return steps(targets), steps(advantages)


# --- loss modules ---


class Given(distributions.Distribution):
    """A distribution whose log-probability and entropy are given."""

    arg_constraints = {}

    def __init__(self, log_prob, entropy):
        super().__init__(log_prob.shape, validate_args=False)
        self.given_log_prob, self.given_entropy = log_prob, entropy

    def log_prob(self, actions):
        return self.given_log_prob

    def entropy(self):
        return self.given_entropy


def actor(distribution, *inputs):
    copies = [f"given_{name}" for name in inputs]
    network = TensorDictModule(lambda *tensors: tensors if len(tensors) > 1 else tensors[0], [*inputs], copies)
    policy = ProbabilisticTensorDictModule(
        dict(zip(inputs, copies, strict=True)),
        ["action"],
        distribution_class=distribution,
        return_log_prob=True,
    )
    return ProbabilisticTensorDictSequential(network, policy)


def critic():
    return TensorDictModule(lambda values: values, ["values"], ["state_value"])


def batch(log_prob, *, old_log_prob=None, advantages=None, values=None, returns=None, old_values=None, entropy=None):
    def column(tensor):
        return torch.zeros_like(log_prob)[..., None] if tensor is None else tensor[..., None]

    zeros = torch.zeros_like(log_prob)
    return TensorDict(
        {
            "log_prob": log_prob,
            "entropy": zeros if entropy is None else entropy,
            "action": zeros,
            "action_log_prob": zeros if old_log_prob is None else old_log_prob,
            "advantage": column(advantages),
            "values": column(values),
            "value_target": column(returns),
            "state_value": column(old_values),
        },
        batch_size=log_prob.shape,
    )


def evaluate(module, data):
    module.set_keys(sample_log_prob="action_log_prob")
    return module(data)


def clip_module(data, clip_eps, **options):
    module = ClipPPOLoss(
        actor(Given, "log_prob", "entropy"), clip_epsilon=clip_eps, **{"entropy_bonus": False, **options}
    )
    return evaluate(module, data)


def clip_loss(log_prob, old_log_prob, advantages, clip_eps):
    data = batch(log_prob, old_log_prob=old_log_prob, advantages=advantages)
    return clip_module(data, clip_eps)["loss_objective"]


def surrogate_loss(log_prob, old_log_prob, advantages):
    data = batch(log_prob, old_log_prob=old_log_prob, advantages=advantages)
    return evaluate(PPOLoss(actor(Given, "log_prob", "entropy"), entropy_bonus=False), data)["loss_objective"]


def critic_loss(values, returns, old_values, clip_value):
    data = batch(torch.zeros_like(values), values=values, returns=returns, old_values=old_values)
    losses = clip_module(data, 0.2, critic_network=critic(), loss_critic_type="l2", clip_value=clip_value)
    return losses["loss_critic"]


def value_loss(values, returns):
    """With `loss_critic_type="l2"`; the default is "smooth_l1"."""
    return critic_loss(values, returns, None, None)


def clipped_value_loss(values, old_values, returns, value_clip_eps):
    return critic_loss(values, returns, old_values, value_clip_eps)


def ppo_loss(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
    """The sum of all its losses: with coefficient 0 there is no value loss among them."""
    data = batch(
        log_prob,
        old_log_prob=old_log_prob,
        advantages=advantages,
        values=values,
        returns=returns,
        entropy=entropy,
    )
    losses = clip_module(
        data,
        clip_eps,
        critic_network=critic(),
        entropy_bonus=True,
        loss_critic_type="l2",
        critic_coeff=vf_coef,
        entropy_coeff=ent_coef,
    )
    return sum(loss for name, loss in losses.items() if name.startswith("loss_"))


def kl_penalty(logits, old_logits, actions, advantages, kl_coef, **options):
    categorical = actor(distributions.Categorical, "logits")
    module = KLPENPPOLoss(categorical, beta=kl_coef, entropy_bonus=False, **options)
    data = TensorDict(
        {
            "logits": logits,
            "given_logits": old_logits,
            "action": actions,
            "action_log_prob": distributions.Categorical(logits=old_logits).log_prob(actions),
            "advantage": advantages[:, None],
        },
        batch_size=actions.shape,
    )
    return evaluate(module, data)["loss_objective"]


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    return kl_penalty(logits, old_logits, actions, advantages, kl_coef)


def adapt_kl_coef(kl_coef, kl, target_kl):
    """The controller inside `KLPENPPOLoss.forward`, at two Gaussians of unit variance whose KL is `kl`."""
    gaussian = actor(lambda loc: IndependentNormal(loc, torch.ones_like(loc)), "loc")
    module = KLPENPPOLoss(gaussian, beta=kl_coef, dtarg=target_kl, entropy_bonus=False)
    old = torch.zeros(1, 1, dtype=torch.float64)
    data = TensorDict(
        {
            "loc": old + (2.0 * kl) ** 0.5,
            "given_loc": old,
            "action": old,
            "action_log_prob": old[:, 0],
            "advantage": old,
        },
        batch_size=[1],
    )
    evaluate(module, data)
    return module.beta.item()


def normalize_advantages(advantages):
    """At ratio 1 and `reduction="none"` the objective is minus the normalised advantage."""
    data = batch(torch.zeros_like(advantages), advantages=advantages)
    return -clip_module(data, 0.2, normalize_advantage=True, reduction="none")["loss_objective"]


def kl_k1(log_prob, old_log_prob):
    return clip_module(batch(log_prob, old_log_prob=old_log_prob), 0.2)["kl_approx"]


def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    return clip_module(batch(log_prob, old_log_prob=old_log_prob, advantages=advantages), clip_eps)["clip_fraction"]


def effective_sample_size(log_weights):
    """The module divides by the number of rows."""
    return clip_module(batch(log_weights), 0.2)["ESS"] * len(log_weights)


def explained_variance(values, returns):
    data = batch(torch.zeros_like(values), values=values, returns=returns)
    return clip_module(data, 0.2, critic_network=critic())["explained_variance"][0]


# --- distributions ---


def categorical(logits, action_mask):
    return MaskedCategorical(
        logits, mask=torch.ones_like(logits, dtype=torch.bool) if action_mask is None else action_mask
    )


def categorical_log_prob(logits, actions, action_mask=None):
    return categorical(logits, action_mask).log_prob(actions)


def categorical_entropy(logits, action_mask=None):
    return categorical(logits, action_mask).entropy()


def gaussian_log_prob(mean, log_std, actions):
    return IndependentNormal(mean, log_std.exp()).log_prob(actions)


def gaussian_entropy(mean, log_std):
    return IndependentNormal(mean, log_std.exp()).entropy()


def gaussian_kl(mean, log_std, other_mean, other_log_std):
    return distributions.kl_divergence(
        IndependentNormal(mean, log_std.exp()), IndependentNormal(other_mean, other_log_std.exp())
    )


def squashed_gaussian_log_prob(mean, log_std, actions):
    return TanhNormal(mean, log_std.exp()).log_prob(actions)
