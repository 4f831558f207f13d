"""What a function declares: its parameters by name, whatever kind of callable it is."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from ppocore.conformance.forms import Parameter
from ppocore.conformance.operations import Operation

ALIASES = {
    "gamma": "discount discount_factor",
    "gae_lambda": "lam lambda lambda_ lmbda lamda gae_lam tau",
    "clip_eps": "clip_range clip_coef clip_epsilon clip_param clip_ratio cliprange eps_clip epsilon e_clip"
                " eps clip clipping_epsilon",
    "clip_eps_low": "clip_low eps_low epsilon_low",
    "clip_eps_high": "clip_high eps_high epsilon_high",
    "value_clip_eps": "clip_range_vf cliprange_value vf_clip_coef value_clip vf_clip",
    "old_log_prob": "old_logp old_logprob old_logprobs old_log_probs logp_old log_prob_old behavior_log_prob",
    "log_prob": "logp logprob logprobs log_probs new_log_prob new_logprob newlogprob neglogpac",
    "next_values": "next_value next_state_value bootstrap_values v_next",
    "last_values": "last_value bootstrap_value final_value",
    "terminated": "termination terminations terminal terminals",
    "truncated": "truncation truncations time_outs timeouts",
    "dones": "done",
    "episode_starts": "episode_start starts",
    "last_dones": "last_done next_done",
    "rewards": "reward rew r",
    "values": "value vals v baseline",
    "old_values": "old_value values_old",
    "returns": "ret value_targets targets return_",
    "advantages": "adv advs advantage",
    "mask": "masks loss_mask response_mask padding_mask valid",
    "action_mask": "legal legal_actions mask",
    "ent_coef": "entropy_coef entropy_coeff entropy_cost",
    "vf_coef": "value_coef critic_coeff value_loss_coef",
    "kl_coef": "beta kl_beta kl_penalty",
    "target_kl": "desired_kl kl_target",
    "max_norm": "max_grad_norm clip_norm",
    "learning_rate": "lr alpha",
    "grads": "grad gradients gradient",
    "step": "t steps count",
    "first_moment": "m mu exp_avg",
    "second_moment": "v nu exp_avg_sq",
    "fx": "f x values",
    "log_weights": "log_ratio log_w",
}
"""What other codes call our inputs, so that an unknown name is answered with the right one."""


DEPTH = 20
"""More decorators than anybody puts on a function; a chain may bite its own tail."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant, or None."""
    candidates = list(names)
    for candidate in candidates:
        if name.lower() in ALIASES.get(candidate, "").split():
            return candidate
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    similar = difflib.get_close_matches(text, candidates, n=1, cutoff=0.8)
    inside = sorted((candidate for candidate in candidates if f"_{candidate}_" in f"_{text}_"), key=len)
    loose = difflib.get_close_matches(text, candidates, n=1)
    return next(iter([*similar, *reversed(inside), *loose]), None)


def parameters(operation: Operation, function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The declared parameters; ValueError (one line) for a signature that cannot be called by our names."""
    declared, opaque = [], False
    bound = _bound(function)
    for name, kind, optional in _signature(operation, function):
        if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            opaque = True
        elif name in operation.inputs:
            if kind is inspect.Parameter.POSITIONAL_ONLY:
                raise ValueError(f"{operation.name}: parameter {name!r} is positional-only; inputs are passed"
                                 " by keyword, so remove the `/` from its signature.")
            declared.append(Parameter(name, optional))
        elif name not in bound:
            raise ValueError(unknown_input(operation, name))
    if opaque and not declared:
        raise ValueError(f"{operation.name}: its signature is only *args/**kwargs; name the inputs it needs,"
                         f" from: {', '.join(operation.inputs)}.")
    return tuple(declared)


def unknown_input(operation: Operation, name: str) -> str:
    """What to say of a parameter that the operation does not have."""
    close = nearest(name, operation.inputs)
    hint = f"; did you mean {close!r}?" if close else "."
    return (f"{operation.name}: {name!r} is no input of this operation{hint}"
            f" It may declare: {', '.join(operation.inputs)}.")


def _bound(function: Any) -> set[str]:
    """Keywords that functools.partial has filled in, also below a decorator such as jax.jit or torch.compile."""
    names: set[str] = set()
    for _ in range(DEPTH):
        if isinstance(function, functools.partial):
            names |= set(function.keywords)
            function = function.func
        else:
            function = getattr(function, "__wrapped__", None)
    return names


def _signature(operation: Operation, function: Any) -> list[tuple[str, Any, bool]]:
    """Name, kind, and whether it has a default, of each parameter."""
    try:
        forward = _forward(function)
        schema = getattr(forward, "schema", None)
        if schema is not None and hasattr(schema, "arguments"):
            return [(argument.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, bool(argument.has_default_value()))
                    for argument in schema.arguments if argument.name != "self"]
        signature = inspect.signature(forward)
    except Exception:
        # Not only TypeError and ValueError: objects may run code of their own here.
        raise ValueError(f"{operation.name}: the signature of this {type(function).__name__} cannot be read;"
                         " wrap it in a `def` that names its inputs.") from None
    empty = inspect.Parameter.empty
    return [(parameter.name, parameter.kind, parameter.default is not empty)
            for parameter in signature.parameters.values()]


def _forward(function: Any) -> Any:
    """A torch module is called through `forward`, which has the names that `__call__` hides."""
    is_module = hasattr(function, "forward") and hasattr(function, "named_parameters")
    return function.forward if is_module and not isinstance(function, type) else function
