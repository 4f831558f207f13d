"""Everything that a training run is told, each choice by the name of its convention."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ppocore._arrays import Doorman
from ppocore.environments import spec_of

ALGOS = ("clip", "kl", "surrogate", "on-policy")


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

    env: str = _says("Gymnasium id of a compiled environment", "CartPole-v1")
    algo: str = _says("clip (S14), kl (S13), surrogate (S9, unclipped: to see it fail) or on-policy (S1)", "clip")
    total_steps: int = _says("environment steps in all, rounded up to whole batches", 100_000)
    num_envs: int = _says("environments side by side", 8)
    num_steps: int = _says("steps of each environment per batch", 128)
    num_epochs: int = _says("times that each batch is used (on-policy: 1)", 4)
    num_minibatches: int = _says("parts of a batch, one optimiser step each (on-policy: 1)", 4)
    learning_rate: float = _says("of Adam", 1e-3)
    anneal: bool = _says("let the learning rate fall linearly to 0", False)
    adam_eps: float = _says("of Adam, outside the root", 1e-5)
    gamma: float = _says("discount", 0.99)
    gae_lambda: float = _says("of GAE; 1 gives Monte Carlo advantages", 0.95)
    clip_eps: float = _says("half width of the clipped band", 0.2)
    kl_coef: float = _says("beta of the KL penalty", 1.0)
    target_kl: float = _says("double or halve beta to hold this KL(old, new); 0 keeps beta", 0.0)
    stop_kl: float = _says("end the epochs once k3 of a minibatch exceeds 1.5 times this; 0 never", 0.0)
    vf_coef: float = _says("weight of the value loss", 0.5)
    value_loss_scale: str = _says("one: mean (V - R)^2; half: half of it", "one")
    value_clip_eps: float = _says("clip values to this distance from the old ones; 0 does not", 0.0)
    ent_coef: float = _says("weight of the entropy", 0.0)
    max_grad_norm: float = _says("of all gradients together; 0 does not clip", 0.5)
    grad_norm_eps: float = _says("added to the norm: 0, or 1e-6 as PyTorch", 0.0)
    normalize_advantages: bool = _says("per minibatch", True)
    advantage_std: str = _says("ddof0 or ddof1", "ddof0")
    hidden: tuple[int, ...] = _says("sizes of the hidden layers, of policy and values each; none is a table", (64, 64))
    shared_trunk: bool = _says("policy and values share their hidden layers", False)
    activation: str = _says("tanh or relu", "tanh")
    log_std: float = _says("where the log standard deviation of real actions starts", 0.0)
    dtype: str = _says("of parameters: float32 or float64", "float32")
    seed: int = _says("of everything random", 0)

    def __post_init__(self) -> None:
        door = Doorman("train")
        spec_of(self.env)
        for name, options in (
            ("algo", ALGOS), ("value_loss_scale", ("one", "half")), ("advantage_std", ("ddof0", "ddof1")),
            ("activation", ("tanh", "relu")), ("dtype", ("float32", "float64")),
        ):
            door.option(name, getattr(self, name), options)
        for name in ("total_steps", "num_envs", "num_steps", "num_epochs", "num_minibatches"):
            door.whole(name, getattr(self, name), 1)
        door.whole("seed", self.seed, 0)
        for name, interval in (
            ("learning_rate", "(0, inf)"), ("adam_eps", "(0, inf)"), ("gamma", "[0, 1]"), ("gae_lambda", "[0, 1]"),
            ("clip_eps", "[0, 1]"), ("kl_coef", "[0, inf)"), ("target_kl", "[0, inf)"), ("stop_kl", "[0, inf)"),
            ("vf_coef", "[0, inf)"), ("value_clip_eps", "[0, inf)"), ("ent_coef", "(-inf, inf)"),
            ("max_grad_norm", "[0, inf)"), ("grad_norm_eps", "[0, inf)"), ("log_std", "[-20, 5]"),
        ):
            door.number(name, getattr(self, name), interval)
        object.__setattr__(self, "hidden", tuple(
            door.whole(f"hidden[{index}]", size, 1) for index, size in enumerate(self.hidden)))
        if self.shared_trunk and not self.hidden:
            raise door.refusal("shared_trunk", "is True", "hidden must have at least one layer to share")
        self._require_whole_minibatches(door)

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
        if self.normalize_advantages and self.batch_size // self.num_minibatches < 2:
            raise door.refusal("normalize_advantages", "is True", "a minibatch must have at least 2 steps for it")

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
