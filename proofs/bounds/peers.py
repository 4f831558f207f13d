"""What frameworks make of the same inputs: their usual expressions, and derivatives by their autograd.

`peers_torch` and `peers_jax` hold one function for each of ours, written the way people write it, over that
framework's arrays: ``name(**inputs) -> outputs by name``.
"""

from __future__ import annotations

from typing import Any

POLICY_LOSS = {"grad_log_prob": ("loss", "log_prob")}
GAUSSIAN = {"grad_mean": ("log_prob", "mean"), "grad_log_std": ("log_prob", "log_std"),
            "grad_actions": ("log_prob", "actions")}
ESTIMATE = {"grad_fx": ("estimate", "fx"), "grad_log_p": ("estimate", "log_p")}

GRADIENTS: dict[str, dict[str, tuple[str, str]]] = {
    "bernoulli_entropy": {"grad_logits": ("entropy", "logits")},
    "bernoulli_kl": {"grad_logits": ("kl", "logits"), "grad_other_logits": ("kl", "other_logits")},
    "bernoulli_log_prob": {"grad_logits": ("log_prob", "logits")},
    "beta_entropy": {"grad_alpha": ("entropy", "alpha"), "grad_beta": ("entropy", "beta")},
    "beta_kl": {
        "grad_alpha": ("kl", "alpha"), "grad_beta": ("kl", "beta"), "grad_other_alpha": ("kl", "other_alpha"),
        "grad_other_beta": ("kl", "other_beta"),
    },
    "beta_log_prob": {
        "grad_alpha": ("log_prob", "alpha"), "grad_beta": ("log_prob", "beta"), "grad_actions": ("log_prob", "actions"),
    },
    "categorical_entropy": {"grad_logits": ("entropy", "logits")},
    "categorical_kl": {"grad_logits": ("kl", "logits"), "grad_other_logits": ("kl", "other_logits")},
    "categorical_log_prob": {"grad_logits": ("log_prob", "logits")},
    "categorical_log_prob_and_entropy": {
        "log_prob_grad_logits": ("log_prob", "logits"), "entropy_grad_logits": ("entropy", "logits"),
    },
    "cispo_loss": POLICY_LOSS,
    "clip_loss": POLICY_LOSS,
    "gspo_loss": POLICY_LOSS,
    "truncated_is_loss": POLICY_LOSS,
    "clipped_value_loss": {"grad_values": ("loss", "values")},
    "gaussian_kl": {
        "grad_mean": ("kl", "mean"), "grad_log_std": ("kl", "log_std"), "grad_other_mean": ("kl", "other_mean"),
        "grad_other_log_std": ("kl", "other_log_std"),
    },
    "gaussian_log_prob": GAUSSIAN,
    "huber_value_loss": {"grad_values": ("loss", "values")},
    "importance_estimate": ESTIMATE,
    "kl_k1": {"grad_log_prob": ("kl", "log_prob")},
    "kl_k2": {"grad_log_prob": ("kl", "log_prob")},
    "kl_k3": {"grad_log_prob": ("kl", "log_prob")},
    "kl_penalty_loss": {"grad_logits": ("loss", "logits")},
    "masked_mean": {"grad_x": ("mean", "x")},
    "multidiscrete_entropy": {"grad_logits": ("entropy", "logits")},
    "multidiscrete_kl": {"grad_logits": ("kl", "logits"), "grad_other_logits": ("kl", "other_logits")},
    "multidiscrete_log_prob": {"grad_logits": ("log_prob", "logits")},
    "per_decision_importance_estimate": {"grad_log_prob": ("estimate", "log_prob")},
    "policy_gradient_loss": POLICY_LOSS,
    "ppo_loss": {**POLICY_LOSS, "grad_values": ("loss", "values"), "grad_entropy": ("loss", "entropy")},
    "ratio": {"grad_log_prob": ("ratio", "log_prob")},
    "self_normalized_estimate": ESTIMATE,
    "sequence_mean": {"grad_x": ("mean", "x")},
    "sequence_sum_mean": {"grad_x": ("mean", "x")},
    "squashed_gaussian_log_prob": GAUSSIAN,
    "surrogate_loss": POLICY_LOSS,
    "trajectory_mean": {"grad_x": ("mean", "x")},
    "truncated_importance_estimate": ESTIMATE,
    "value_loss": {"grad_values": ("loss", "values")},
}
"""By function and output: the value whose derivative it is, and in what."""

NONE = {"adapt_kl_coef": "compares one number", "adapt_kl_coef_proportional": "one number, no array",
        "squashed_gaussian_entropy": "no usual expression but sampling"}
"""Functions that have no usual expression to compare with."""


def outputs(module: Any, function: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What a peer returns, as NumPy arrays in the dtype that it computed in."""
    return {} if function in NONE else module.run(getattr(module, function), GRADIENTS.get(function, {}), inputs)
