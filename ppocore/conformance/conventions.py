"""The closed list of conventions: which values there are, which are free, and how an adapter declares them."""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ppocore.conformance.operations import OPERATIONS

ROLLOUT = ("td_errors", "gae", "discounted_returns", "vtrace")
RATIOS = ("ratio", "kl_k1", "kl_k2", "kl_k3", "surrogate_loss", "clip_loss", "kl_penalty_loss", "ppo_loss",
          "gspo_loss", "truncated_is_loss")
LOSSES = ("policy_gradient_loss", "surrogate_loss", "clip_loss", "kl_penalty_loss", "value_loss", "clipped_value_loss",
          "huber_value_loss", "ppo_loss", "cispo_loss", "truncated_is_loss")
NORMALISED = ("normalize_advantages", "grpo_advantages")
NUMBER = r"[0-9.]+(?:e[-+]?[0-9]+)?"


@dataclass(frozen=True)
class Convention:
    """One question on which published code differs."""

    name: str
    values: tuple[str, ...]
    """The default first; an E or C stands for a number."""
    operations: tuple[str, ...]
    says: str
    free: tuple[str, ...] = ()
    """Values that are green without being declared: the paper is silent and nothing breaks."""

    @property
    def default(self) -> str:
        return self.values[0]

    def is_free(self, value: str) -> bool:
        """True if the value needs no declaration."""
        return value == self.default or kind(value) in {kind(v) for v in self.free}


def _list() -> tuple[Convention, ...]:
    eps = ("outside:E", "inside:E", "floor:E")
    return (
        Convention("advantage_std", ("ddof0", "ddof1"), NORMALISED,
                   "Divide the variance by n, or by n - 1.", ("ddof0", "ddof1")),
        Convention("std_eps", ("outside:1e-8", *eps, "none"), NORMALISED,
                   "Where the small number stands: std + E, sqrt(var + E), max(std, E), nowhere.", eps),
        Convention("value_loss_scale", ("one", "half"), ("value_loss", "clipped_value_loss", "ppo_loss"),
                   "(v - R)^2, or half of it.", ("one", "half")),
        Convention("grad_norm_eps", ("0", "1e-6"), ("clip_grad_norm",),
                   "max_norm / norm, or max_norm / (norm + 1e-6).", ("0", "1e-6")),
        Convention("clip_fraction", ("all", "binding", "log_space"), ("clip_fraction",),
                   "Count |r - 1| > eps, only where the clip takes effect, or |log r| > eps (or log(1 + eps)).",
                   ("all", "binding", "log_space")),
        Convention("explained_variance", ("var", "var+E", "floor:E"), ("explained_variance",),
                   "Divide by Var(R), Var(R) + E, or max(Var(R), E).", ("var", "var+E", "floor:E")),
        Convention("truncation", ("bootstrap", "terminal", "leak", "leak_bootstrap", "mask"), ROLLOUT,
                   "At a truncated step: bootstrap and cut; treat as terminal; run on into the next episode;"
                   " add the bootstrap to the reward and run on; leave the step out."),
        Convention("timeout_value", ("last_observation", "current_observation"), ("td_errors", "gae", "vtrace"),
                   "What a truncated step bootstraps from: V of the final observation, or V(s_t)."),
        Convention("gae_recursion", ("gae", "brax"), ("gae",),
                   "GAE, or delta_t + gamma A_{t+1}: one lambda short."),
        Convention("value_clip", ("max", "clipped_only", "error_clamp"), ("clipped_value_loss",),
                   "Larger of both squared errors, the clipped one alone, or min((v - R)^2, value_clip_eps)."),
        Convention("reduction", ("mean", "sum", "mean_over_all_slots", "trajectory"), LOSSES,
                   "Mean over valid entries, their sum, their sum over all slots, or the sum over steps"
                   " averaged over trajectories."),
        Convention("kl_direction", ("old_new", "new_old"), ("kl_penalty_loss",), "KL(old, new) or KL(new, old)."),
        Convention("token_mask", ("skip", "multiply", "boundary"), ("token_gae",),
                   "Masked tokens do not exist; are steps of reward and value 0; end the stretch before them."),
        Convention("kl_rule", ("paper", "rllib", "tf_agents"), ("adapt_kl_coef",),
                   "x2 above 1.5 target, /2 below target / 1.5; x1.5 above 2, x0.5 below 0.5;"
                   " x1.5 and /1.5 outside target (1 +- 0.3)."),
        Convention("clip_band", ("linear", "log_symmetric"),
                   ("clip_loss", "ppo_loss", "truncated_is_loss"),
                   "[1 - eps, 1 + eps] or [1 / (1 + eps), 1 + eps]."),
        Convention("log_ratio_clamp", ("none", "C"), RATIOS, "Log-ratios clamped to [-C, C] before exp."),
        Convention("dual_clip", ("none", "C"), ("clip_loss", "ppo_loss", "truncated_is_loss"),
                   "A hidden lower bound C A where A < 0."),
    )


CONVENTIONS: dict[str, Convention] = {convention.name: convention for convention in _list()}


def of(operation: str) -> tuple[Convention, ...]:
    """The conventions that an operation can differ in."""
    return tuple(c for c in CONVENTIONS.values() if operation in c.operations)


def kind(value: str) -> str:
    """The word of a value without its number: `inside:1e-5` is of kind `inside`, `3` of kind `C`."""
    if re.fullmatch(NUMBER, value):
        return "C"
    return re.sub(rf"({NUMBER}|E)$", "", value)


def number_text(x: float) -> str:
    """Shortest usual text of a number: 1e-8 rather than 1e-08 or 0.00000001, 3 rather than 3.0."""
    if not math.isfinite(x):
        return repr(x)
    if x == int(x) and x < 1e16:
        return str(int(x))
    if 0 < abs(x) < 0.01:
        mantissa, exponent = f"{Decimal(repr(x)):e}".split("e")
        digits = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{digits}e{int(exponent)}"
    return repr(x)


class Declared(Mapping[str, "str | Mapping[str, str]"]):
    """What an adapter declares: convention to canonical value, for all its operations or for one of them."""

    def __init__(self, values: Mapping[str, str | Mapping[str, str]]) -> None:
        self._values = dict(values)

    def of(self, operation: str) -> dict[str, str]:
        """What holds for one operation: its own declarations before the general ones."""
        general = {name: value for name, value in self._values.items() if isinstance(value, str)}
        own = self._values.get(operation, {})
        return general | (dict(own) if isinstance(own, Mapping) else {})

    def __getitem__(self, name: str) -> str | Mapping[str, str]:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def parse(raw: object) -> Declared:
    """Read an adapter's CONVENTIONS; ValueError with the nearest right name for anything not on the list."""
    if not isinstance(raw, Mapping):
        raise ValueError(f"CONVENTIONS is a {type(raw).__name__}; it must be a dict of names and values.")
    return Declared({str(name): _entry(str(name), value) for name, value in raw.items()})


def _entry(name: str, value: object) -> str | Mapping[str, str]:
    """One line of CONVENTIONS: a convention and its value, or an operation and its own conventions."""
    if name in CONVENTIONS and not isinstance(value, Mapping) or name not in OPERATIONS:
        return _canonical(name, value)
    if not isinstance(value, Mapping):
        raise ValueError(f"CONVENTIONS[{name!r}] is {value!r}; for an operation it must be a dict of conventions.")
    return {str(own): _canonical(str(own), chosen) for own, chosen in value.items()}


def _canonical(name: str, value: object) -> str:
    convention = CONVENTIONS.get(name)
    if convention is None:
        nearest = _nearest(name, {**CONVENTIONS, **OPERATIONS})
        raise ValueError(f"CONVENTIONS names {name!r}, which is neither a convention nor an operation{nearest}")
    if value is None and "none" in convention.values:
        return "none"
    text = str(value).strip().replace(" ", "")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < sys.float_info.max:
        text = number_text(float(value))
    text = re.sub(rf"{NUMBER}$", lambda m: number_text(float(m[0])) if _is_number(m[0]) else m[0], text)
    if text in convention.values and not text.endswith(("E", "C")):
        return text
    if kind(text) in {kind(v) for v in convention.values if v[-1] in "EC"} and text[-1].isdigit():
        return _in_range(convention, text, value)
    options = ", ".join(convention.values)
    raise ValueError(f"CONVENTIONS[{name!r}] is {value!r}; it must be one of: {options}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _in_range(convention: Convention, text: str, value: object) -> str:
    match = re.search(rf"{NUMBER}$", text)
    x = float(match[0]) if match else 0.0
    limit = 1e-3 if "E" in "".join(convention.values) else float("inf")
    if not 0 < x <= limit:
        bounds = "in (0, 1e-3]" if limit < 1 else "positive"
        raise ValueError(f"CONVENTIONS[{convention.name!r}] is {value!r}; its number must be {bounds}.")
    return text


def _nearest(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(CONVENTIONS)}."
