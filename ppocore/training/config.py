"""Everything that a training run is told, each choice by the name of its convention."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ppocore._arrays import Doorman
from ppocore.environments import Spec, is_compiled, spec_of
from ppocore.networks import ACTIVATIONS
from ppocore.training import presets
from ppocore.training.normalisation import std_eps_of

ALGOS = ("clip", "kl", "surrogate", "on-policy", "clip-kl")
OPTIONS = {
    "algo": ALGOS,
    "learning_rate_schedule": ("constant", "linear", "adaptive"),
    "clip_eps_schedule": ("constant", "linear"),
    "optimizer": ("adam", "sgd"),
    "adam_eps_form": ("plain", "hat"),
    "truncation": ("bootstrap", "terminal", "mask"),
    "timeout_value": ("last_observation", "current_observation"),
    "gae_recursion": ("gae", "brax"),
    "value_targets": ("gae", "rewards_to_go"),
    "clip_band": ("linear", "log_symmetric"),
    "kl_rule": ("paper", "rllib", "tf_agents"),
    "stop_after": ("minibatch", "epoch"),
    "value_loss": ("squared", "huber"),
    "value_loss_scale": ("one", "half"),
    "value_clip": ("max", "clipped_only", "error_clamp"),
    "grad_norm_over": ("all", "networks"),
    "normalize_over": ("minibatch", "batch"),
    "advantage_std": ("ddof0", "ddof1"),
    "activation": ACTIVATIONS,
    "head": ("auto", "gaussian", "tanh_gaussian"),
    "log_std_from": ("parameter", "state"),
    "entropy_estimate": ("closed_form", "log_prob"),
    "initialization": ("orthogonal", "uniform", "lecun_uniform"),
    "dtype": ("float32", "float64"),
}
"""Settings that are words, and the words; the default stands first."""


def _says(text: str, default: Any) -> Any:
    return field(default=default, metadata={"says": text})


@dataclass(frozen=True)
class Config:
    """What is trained, and how.  A wrong value is refused with its name; `ppocore train --help` shows the same texts.

    Examples
    --------
    >>> Config("CartPole-v1", algo="kl", kl_coef=0.5).batch_size
    1024
    """

    env: str = _says("Gymnasium id: compiled, or made with Gymnasium", "CartPole-v1")
    algo: str = _says("clip (S14), kl (S13), surrogate (S9, unclipped: to see it fail), on-policy (S1) or clip-kl"
                      " (S13 and S14 at once)", "clip")
    total_steps: int = _says("environment steps in all, rounded up to whole batches", 100_000)
    num_envs: int = _says("environments side by side", 8)
    num_steps: int = _says("steps of each environment per batch", 128)
    num_epochs: int = _says("times that each batch is used (on-policy: 1)", 4)
    num_minibatches: int = _says("parts of a batch, one optimiser step each (on-policy: 1)", 4)
    learning_rate: float = _says("of the optimiser", 1e-3)
    learning_rate_schedule: str = _says("constant; linear: falls to 0 over the run; adaptive: divided by 1.5 before a"
                                        " step whose minibatch has a KL(old, new) above twice desired_kl, times 1.5"
                                        " below half of it, within 1e-5 and 1e-2 (rsl_rl)", "constant")
    desired_kl: float = _says("of the adaptive learning rate", 0.01)
    optimizer: str = _says("adam or sgd (plain: no momentum)", "adam")
    adam_eps: float = _says("of Adam, outside the root", 1e-5)
    adam_eps_form: str = _says("plain: beside the corrected root; hat: beside the uncorrected one, as TensorFlow 1",
                               "plain")
    gamma: float = _says("discount", 0.99)
    gae_lambda: float = _says("of GAE; 1 gives Monte Carlo advantages", 0.95)
    truncation: str = _says("a time limit: bootstrap, terminal (as an end), or mask (advantage 0)", "bootstrap")
    timeout_value: str = _says("what is bootstrapped there: V of the last_observation, or of the current_observation"
                               " (the one before the step)", "last_observation")
    gae_recursion: str = _says("gae, or brax (no lambda on the first link)", "gae")
    value_targets: str = _says("gae: A + V; rewards_to_go: discounted rewards", "gae")
    clip_eps: float = _says("half width of the clipped band", 0.2)
    clip_eps_schedule: str = _says("constant, or linear: falls to 0 over the run", "constant")
    clip_band: str = _says("linear: 1 - eps to 1 + eps; log_symmetric: 1 / (1 + eps) to 1 + eps", "linear")
    kl_coef: float = _says("beta of the KL penalty", 1.0)
    target_kl: float = _says("double or halve beta to hold this KL(old, new); 0 keeps beta", 0.0)
    kl_rule: str = _says("how beta moves: paper, rllib or tf_agents", "paper")
    stop_kl: float = _says("end the epochs once k3 of a minibatch exceeds stop_factor times this; 0 never", 0.0)
    stop_factor: float = _says("of stop_kl", 1.5)
    stop_after: str = _says("minibatch: at once, without its step; epoch: after the epoch whose last one exceeds it",
                            "minibatch")
    vf_coef: float = _says("weight of the value loss", 0.5)
    value_loss: str = _says("squared: (V - R)^2; huber: quadratic up to 1, then linear", "squared")
    value_loss_scale: str = _says("one: mean (V - R)^2; half: half of it", "one")
    value_clip: str = _says("max: the larger of clipped and unclipped error; clipped_only: the clipped one;"
                            " error_clamp: the squared error, at most value_clip_eps", "max")
    value_clip_eps: float = _says("clip values to this distance from the old ones; 0 does not", 0.0)
    ent_coef: float = _says("weight of the entropy", 0.0)
    max_grad_norm: float = _says("of all gradients together; 0 does not clip", 0.5)
    grad_norm_eps: float = _says("added to the norm: 0, or 1e-6 as PyTorch", 0.0)
    grad_norm_over: str = _says("all: one norm; networks: policy and values apart", "all")
    normalize_advantages: bool = _says("to mean 0 and standard deviation 1", True)
    normalize_over: str = _says("each minibatch, or the whole batch", "minibatch")
    advantage_std: str = _says("ddof0 or ddof1", "ddof0")
    std_eps: str = _says("outside:E: std + E; inside:E: sqrt(var + E); floor:E: max(std, E); none", "outside:1e-8")
    normalize_observations: bool = _says("by running mean and variance", False)
    normalize_rewards: bool = _says("by the running deviation of their discounted sum", False)
    observation_clip: float = _says("largest normalised observation", 10.0)
    reward_clip: float = _says("largest normalised reward", 10.0)
    normalize_eps: float = _says("added to the running variances, inside the root", 1e-8)
    hidden: tuple[int, ...] = _says("sizes of the hidden layers, of policy and values each; none is a table", (64, 64))
    shared_trunk: bool = _says("policy and values share their hidden layers", False)
    activation: str = _says("tanh, relu or elu", "tanh")
    initialization: str = _says("orthogonal matrices and biases 0; uniform: both within 1/sqrt(inputs), as PyTorch;"
                                " lecun_uniform: matrices within sqrt(3/inputs), biases 0", "orthogonal")
    hidden_gain: float = _says("of orthogonal hidden layers", 2.0**0.5)
    policy_gain: float = _says("of the policy's last orthogonal layer", 0.01)
    value_gain: float = _says("of the values' last orthogonal layer", 1.0)
    head: str = _says("of real actions: gaussian (auto too; the environment clips), tanh_gaussian (within its bounds)",
                      "auto")
    log_std: float = _says("where the log standard deviation of real actions starts", 0.0)
    log_std_from: str = _says("parameter (one for all states) or state (an output of the network)", "parameter")
    log_std_min: float = _says("an output is clipped to no less, without gradient beyond", -20.0)
    log_std_max: float = _says("an output is clipped to no more, without gradient beyond", 2.0)
    entropy_estimate: str = _says("closed_form (of the Gaussian underneath for tanh_gaussian), or log_prob: minus that"
                                  " of the action played, single sample", "closed_form")
    noise_hold: int = _says("steps that a draw of the noise of real actions is kept", 1)
    dtype: str = _says("of parameters: float32 or float64", "float32")
    seed: int = _says("of everything random", 0)

    def __post_init__(self) -> None:
        door = Doorman("train")
        if not isinstance(self.env, str) or not self.env:
            raise door.refusal("env", f"is {self.env!r}", "it must be the id of an environment")
        for name, options in OPTIONS.items():
            door.option(name, getattr(self, name), options)
        std_eps_of(self.std_eps)
        for name in ("total_steps", "num_envs", "num_steps", "num_epochs", "num_minibatches", "noise_hold"):
            door.whole(name, getattr(self, name), 1)
        door.whole("seed", self.seed, 0)
        for name, interval in (
            ("learning_rate", "(0, inf)"), ("desired_kl", "(0, inf)"),
            ("adam_eps", "(0, inf)"), ("gamma", "[0, 1]"), ("gae_lambda", "[0, 1]"),
            ("clip_eps", "[0, 1]"), ("kl_coef", "[0, inf)"), ("target_kl", "[0, inf)"), ("stop_kl", "[0, inf)"),
            ("stop_factor", "(0, inf)"), ("hidden_gain", "[0, inf)"), ("policy_gain", "[0, inf)"),
            ("value_gain", "[0, inf)"),
            ("vf_coef", "[0, inf)"), ("value_clip_eps", "[0, inf)"), ("ent_coef", "(-inf, inf)"),
            ("observation_clip", "(0, inf)"), ("reward_clip", "(0, inf)"), ("normalize_eps", "(0, inf)"),
            ("max_grad_norm", "[0, inf)"), ("grad_norm_eps", "[0, inf)"), ("log_std", "[-20, 5]"),
            ("log_std_min", "[-20, 5]"), ("log_std_max", "[-20, 5]"),
        ):
            door.number(name, getattr(self, name), interval)
        object.__setattr__(self, "hidden", tuple(
            door.whole(f"hidden[{index}]", size, 1) for index, size in enumerate(self.hidden)))
        if self.value_loss == "huber" and self.value_clip_eps > 0:
            raise door.refusal("value_clip_eps", f"is {self.value_clip_eps}", "the Huber loss is not clipped: it must"
                               " be 0")  # fmt: skip
        if self.shared_trunk and not self.hidden:
            raise door.refusal("shared_trunk", "is True", "hidden must have at least one layer to share")
        if self.shared_trunk and self.grad_norm_over == "networks":
            raise door.refusal("grad_norm_over", "is 'networks'", "with a shared trunk there is one: it must be all")
        if is_compiled(self.env):
            # Of others the spaces are known once they are made.
            self.require_fitting_head(spec_of(self.env))
        self._require_whole_minibatches(door)

    def require_fitting_head(self, spec: Spec) -> None:
        """ValueError where the actions of an environment do not allow the head."""
        door = Doorman("train")
        if self.head != "auto" and not spec.continuous:
            raise door.refusal("head", f"is {self.head!r}", f"actions of {spec.id} are choices: it must be 'auto'")
        bounds = np.hstack([np.ravel(bound) for bound in spec.action_bounds])
        if self.head == "tanh_gaussian" and not np.isfinite(bounds).all():
            raise door.refusal("head", "is 'tanh_gaussian'", f"actions of {spec.id} have no bounds: it must be"
                               " 'gaussian'")  # fmt: skip
        if self.log_std_from == "state" and not self.log_std_min <= self.log_std <= self.log_std_max:
            raise door.refusal("log_std", f"is {self.log_std}", "log_std of a state must start within"
                               f" {self.log_std_min} and {self.log_std_max}, log_std_min and log_std_max")  # fmt: skip

    def _require_whole_minibatches(self, door: Doorman) -> None:
        if self.algo == "on-policy" and (self.num_epochs, self.num_minibatches) != (1, 1):
            found = f"are {self.num_epochs} and {self.num_minibatches}"
            raise door.refusal("num_epochs and num_minibatches", found,
                               "on-policy training uses a batch once, whole: both must be 1")
        if self.num_minibatches > self.batch_size:
            raise door.refusal("num_minibatches", f"is {self.num_minibatches}",
                               f"it must be at most the batch of {self.batch_size} steps")
        if self.batch_size % self.num_minibatches:
            raise door.refusal("num_minibatches", f"is {self.num_minibatches}",
                               f"it must divide the batch of {self.num_envs} x {self.num_steps} steps")
        parts = self.num_minibatches if self.normalize_over == "minibatch" else 1
        if self.normalize_advantages and self.batch_size // parts < 2:
            raise door.refusal("normalize_advantages", "is True", f"a {self.normalize_over} must have at least 2 steps"
                               " for it")  # fmt: skip

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Config:
        """The conventions and published settings of a library (`ppocore presets` lists them); `changes` win.

        Examples
        --------
        >>> Config.preset("cleanrl", ent_coef=0.0).truncation
        'terminal'
        """
        return cls(**{**presets.settings_of(name), **changes})

    @property
    def batch_size(self) -> int:
        """Steps of a batch."""
        return self.num_envs * self.num_steps

    @property
    def num_updates(self) -> int:
        """Batches in all."""
        return -(-self.total_steps // self.batch_size)

    def as_dict(self) -> dict[str, Any]:
        """For config.json."""
        return dataclasses.asdict(self) | {"hidden": list(self.hidden)}


def config_from(found: dict[str, Any]) -> Config:
    """The configuration written by `Config.as_dict`; unknown names are refused."""
    known = {item.name for item in dataclasses.fields(Config)}
    unknown = sorted(set(found) - known)
    if unknown:
        raise Doorman("train").refusal(unknown[0], "is no setting", f"the settings are {', '.join(sorted(known))}")
    return Config(**{**found, "hidden": tuple(found.get("hidden", Config.hidden))})
