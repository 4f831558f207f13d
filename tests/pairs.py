"""Second-order mutants: two named mistakes in one function.

Two formulas cannot be put together in general.  They can where one of the mistakes sits in what the function reads or
in what it returns: then the other formula is evaluated on inputs that are changed first, or its result is changed
last, and that is what code with both mistakes computes.  `tests/test_pairs.py` shows that each change by itself is the
mistake that it is named after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ppocore.conformance import mistakes
from ppocore.conformance.mistakes.catalogue import Mistake
from ppocore.conformance.oracle import Formula
from ppocore.conformance.oracle.advantages import Outputs, moments
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, constant, each, lift, maximum, mean, measured, stop

Before = Callable[[Inputs], Inputs]
After = Callable[[Any], Any]

ONE, TWO, LN2 = constant("1"), constant("2"), lift(2).log()
FLAGS = ("terminated", "truncated")


def _set(name: str, change: Callable[[Inputs], Any]) -> Before:
    return lambda x: x.but(**{name: change(x)})


def _exchange(first: str, second: str) -> Before:
    return lambda x: x.but(**{first: getattr(x, second), second: getattr(x, first)})


def _everywhere(name: str, shape_of: str) -> Before:
    return _set(name, lambda x: np.ones(getattr(x, shape_of).shape, dtype=bool))


def _inverted(x: Inputs) -> Inputs:
    return x if x.get("mask") is None else x.but(mask=~x.mask)


def _no_ends(x: Inputs) -> Inputs:
    return x.but(**{flag: np.zeros_like(getattr(x, flag)) for flag in FLAGS})


def _last(row: Callable[[Inputs], Any]) -> Before:
    """Another value after the last step."""
    return lambda x: x.but(next_values=np.concatenate([x.next_values[:-1], row(x)[None]]))


def _seen(x: Inputs) -> Any:
    """The advantages that count; a KL-penalty loss has no mask."""
    return x.advantages if x.get("mask") is None else x.advantages[x.mask]


def _centred(x: Inputs) -> Inputs:
    return x.but(advantages=x.advantages - mean(_seen(x)))


def _whitened(x: Inputs) -> Inputs:
    centre, variance = moments(_seen(x))
    return x.but(advantages=(x.advantages - centre) / (variance.sqrt() + constant("1e-8")))


def _current(x: Inputs) -> Inputs:
    return x.but(old_log_prob=each(stop, x.log_prob))


_ADVANTAGES: dict[str, Before] = {
    "advantages-normalised": _whitened,
    "advantages-centred": _centred,
    "advantages-without-sign": _set("advantages", lambda x: each(abs, x.advantages)),
    "negative-advantages-dropped": _set("advantages", lambda x: maximum(x.advantages, ZERO)),
}
_MASK: dict[str, Before] = {"mask-ignored": _everywhere("mask", "x"), "mask-inverted": _inverted}
_SUCCESSOR: dict[str, Before] = {
    "no-bootstrap-at-the-end": _last(lambda x: x.next_values[-1] * 0),
    "truncation-overrides-termination": _set("terminated", lambda x: x.terminated & ~x.truncated),
}
_GAUSSIAN: dict[str, Before] = {
    "log-std-as-log-variance": _set("log_std", lambda x: x.log_std / TWO),
    "log-std-as-std": _set("log_std", lambda x: each(lambda v: v.log(), x.log_std)),
}

BEFORE: dict[str, dict[str, Before]] = {
    "td_errors": _SUCCESSOR | {
        "bootstraps-from-last-acted-observation": _last(lambda x: x.values[-1]),
        "gamma-on-the-reward": _set("rewards", lambda x: x.rewards * x.gamma)},
    "gae": _SUCCESSOR | {
        "bootstraps-from-last-acted-observation": _last(lambda x: x.values[-1]),
        "no-lambda": _set("gae_lambda", lambda x: ONE),
        "lambda-complement": _set("gae_lambda", lambda x: 1 - x.gae_lambda),
        "one-step-only": _set("gae_lambda", lambda x: ZERO),
        "gamma-on-the-reward": _set("rewards", lambda x: x.rewards * x.gamma)},
    "discounted_returns": _SUCCESSOR | {
        "undiscounted": _set("gamma", lambda x: ONE), "ends-ignored": _no_ends},
    "vtrace": {
        "no-lambda": _set("gae_lambda", lambda x: ONE), "ratios-inverted": _exchange("log_prob", "old_log_prob"),
        "clips-exchanged": _exchange("rho_clip", "c_clip"),
        "c-clipped-with-rho-clip": _set("c_clip", lambda x: x.rho_clip),
        "rho-clip-fixed-at-one": _set("rho_clip", lambda x: ONE),
        "no-bootstrap-at-the-end": _SUCCESSOR["no-bootstrap-at-the-end"]},
    "token_gae": {
        "mask-ignored": _everywhere("mask", "rewards"), "no-lambda": _set("gae_lambda", lambda x: ONE),
        "one-step-only": _set("gae_lambda", lambda x: ZERO)},
    "normalize_advantages": {"mask-ignored": _everywhere("mask", "advantages")},
    "kl_reward": {"kl-added": _exchange("log_prob", "ref_log_prob"),
                  "penalty-missing": _set("kl_coef", lambda x: ZERO),
                  "coefficient-missing": _set("kl_coef", lambda x: ONE),
                  "scores-centred": _set("scores", lambda x: x.scores - mean(x.scores)),
                  "score-missing": _set("scores", lambda x: x.scores * 0)},
    "adapt_kl_coef_proportional": {"batch-ignored": _set("batch_steps", lambda x: 1),
                                   "horizon-ignored": lambda x: x.but(batch_steps=1, horizon=1),
                                   "share-inverted": _exchange("batch_steps", "horizon")},
    "ratio": {"inverted": _exchange("log_prob", "old_log_prob")},
    "importance_estimate": {
        "weights-inverted": _exchange("log_p", "log_q"), "weights-forgotten": _set("log_q", lambda x: x.log_p)},
    "self_normalized_estimate": {
        "weights-inverted": _exchange("log_p", "log_q"), "weights-forgotten": _set("log_q", lambda x: x.log_p)},
    "effective_sample_size": {"weights-squared": _set("log_weights", lambda x: x.log_weights * TWO)},
    "truncated_importance_estimate": {
        "weights-inverted": _exchange("log_p", "log_q"), "cap-is-one": _set("max_weight", lambda x: ONE)},
    "per_decision_importance_estimate": {
        "ratios-inverted": _exchange("log_prob", "old_log_prob"), "mask-ignored": _everywhere("mask", "log_prob"),
        "undiscounted": _set("gamma", lambda x: ONE)},
    "kl_k1": {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted},
    "kl_k2": {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted},
    "kl_k3": {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted,
              "sign-flipped": _exchange("log_prob", "old_log_prob")},
    "categorical_kl": {"arguments-swapped": _exchange("logits", "other_logits")},
    "gaussian_kl": {"arguments-swapped": lambda x: _exchange("mean", "other_mean")(
        _exchange("log_std", "other_log_std")(x))},
    "categorical_log_prob": {"mask-ignored": _everywhere("action_mask", "logits")},
    "categorical_entropy": {"mask-ignored": _everywhere("action_mask", "logits")},
    "bernoulli_log_prob": {"sides-exchanged": _set("actions", lambda x: 1 - x.actions),
                           "all-scored-as-taken": _everywhere("actions", "logits")},
    "bernoulli_kl": {"arguments-swapped": _exchange("logits", "other_logits")},
    "multidiscrete_log_prob": {"mask-ignored": _set("action_mask", lambda x: None)},
    "multidiscrete_entropy": {"mask-ignored": _set("action_mask", lambda x: None)},
    "multidiscrete_kl": {"arguments-swapped": _exchange("logits", "other_logits")},
    "beta_log_prob": {"parameters-exchanged": _exchange("alpha", "beta"),
                      "concentrations-shifted": lambda x: x.but(alpha=x.alpha + 1, beta=x.beta + 1)},
    "beta_entropy": {"concentrations-shifted": lambda x: x.but(alpha=x.alpha + 1, beta=x.beta + 1)},
    "beta_kl": {"arguments-swapped": lambda x: _exchange("alpha", "other_alpha")(_exchange("beta", "other_beta")(x)),
                "sides-exchanged": _exchange("other_alpha", "other_beta")},
    "gaussian_log_prob": _GAUSSIAN,
    "squashed_gaussian_log_prob": _GAUSSIAN,
    "gaussian_entropy": {"log-std-halved": _set("log_std", lambda x: x.log_std / TWO),
                         "log-std-doubled": _set("log_std", lambda x: x.log_std * TWO)},
    "policy_gradient_loss": _ADVANTAGES | {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted},
    "huber_value_loss": {"mask-ignored": _everywhere("mask", "values"), "delta-ignored": _set("delta", lambda x: ONE)},
    "surrogate_loss": _ADVANTAGES | {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted,
                                     "old-policy-is-the-current-one": _current},
    "clip_loss": _ADVANTAGES | {"mask-ignored": _everywhere("mask", "log_prob"), "mask-inverted": _inverted,
                                "old-policy-is-the-current-one": _current,
                                "low-and-high-exchanged": _exchange("clip_eps_low", "clip_eps_high")},
    "gspo_loss": {"mask-ignored": _everywhere("mask", "log_prob"),
                  "low-and-high-exchanged": _exchange("clip_eps_low", "clip_eps_high"),
                  "ratio-inverted": _exchange("log_prob", "old_log_prob")},
    "cispo_loss": {"advantages-normalised": _whitened, "mask-ignored": _everywhere("mask", "log_prob"),
                   "low-and-high-exchanged": _exchange("clip_eps_low", "clip_eps_high")},
    "truncated_is_loss": {"advantages-normalised": _whitened, "mask-ignored": _everywhere("mask", "log_prob"),
                          "low-and-high-exchanged": _exchange("clip_eps_low", "clip_eps_high"),
                          "weight-inverted": _set(
                              "rollout_log_prob", lambda x: x.old_log_prob + x.old_log_prob - x.rollout_log_prob)},
    "kl_penalty_loss": _ADVANTAGES | {"kl-coef-squared": _set("kl_coef", lambda x: x.kl_coef * x.kl_coef)},
    "value_loss": {"mask-ignored": _everywhere("mask", "values")},
    "clipped_value_loss": {"mask-ignored": _everywhere("mask", "values"), "mask-inverted": _inverted,
                           "returns-and-old-values-exchanged": _exchange("returns", "old_values")},
    "ppo_loss": _ADVANTAGES | {"old-policy-is-the-current-one": _current,
                               "coefficients-exchanged": _exchange("vf_coef", "ent_coef"),
                               "entropy-missing": _set("ent_coef", lambda x: ZERO)},
    "masked_mean": _MASK, "sequence_mean": _MASK, "sequence_sum_mean": _MASK,
    "clip_fraction": {"ratio-inverted": _exchange("log_prob", "old_log_prob"),
                      "twice-the-band": _set("clip_eps", lambda x: x.clip_eps * TWO)},
    "explained_variance": {"arguments-exchanged": _exchange("values", "returns")},
    "adam_step": {"step-one-ahead": _set("step", lambda x: x.step + 1),
                  "betas-swapped": _exchange("beta1", "beta2")},
    "running_moments": {"last-batch-only": _set("batches", lambda x: x.batches[-1:])},
}
"""Operation, mistake -> what it does to the inputs."""


def _negated(v: Any) -> Any:
    return -v


def _in_bits(v: Any) -> Any:
    return v / LN2


def _halved(v: Any) -> Any:
    return v / TWO


def _flat(v: Any) -> Any:
    return np.squeeze(np.asarray(v, dtype=object))


def _positive(v: Any) -> Any:
    return maximum(v, ZERO)


def _by_width(v: Any) -> Any:
    return v / v.shape[-1]


def _shrunk_twice(v: Any) -> Any:
    """From G / (G - 1) to (G - 1) / G."""
    group = v.shape[-1]
    return v * (group - 1) * (group - 1) / (group * group)


def _batch_mean(v: Any) -> Any:
    return mean(v)


AFTER: dict[str, dict[str, After]] = {
    "td_errors": {"sign-flipped": _negated, "axis-of-one-lost": _flat},
    "ratio": {"one-subtracted": lambda v: v - ONE, "axis-of-one-lost": _flat},
    "discounted_returns": {"axis-of-one-lost": _flat},
    "token_gae": {"sign-flipped": _negated, "axis-of-one-lost": _flat},
    "normalize_advantages": {"sign-flipped": _negated},
    "grpo_advantages": {"sign-flipped": _negated, "axis-of-one-lost": _flat,
                        "negative-advantages-dropped": _positive},
    "rloo_advantages": {"sign-flipped": _negated, "axis-of-one-lost": _flat,
                        "negative-advantages-dropped": _positive, "correction-inverted": _shrunk_twice},
    "dr_grpo_advantages": {"sign-flipped": _negated, "axis-of-one-lost": _flat,
                           "negative-advantages-dropped": _positive, "divided-by-the-group-size": _by_width},
    "kl_reward": {"axis-of-one-lost": _flat},
    "effective_sample_size": {"logarithm-returned": lambda v: v.log()},
    "kl_k1": {"sign-flipped": _negated, "in-bits": _in_bits, "halved": _halved},
    "kl_k2": {"halved-twice": _halved, "half-missing": lambda v: v * TWO},
    "kl_k3": {"negated": _negated, "halved": _halved},
    "categorical_kl": {"negated": _negated, "in-bits": _in_bits, "reduced-over-batch": _batch_mean},
    "gaussian_kl": {"negated": _negated, "in-bits": _in_bits, "reduced-over-batch": _batch_mean},
    "categorical_log_prob": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "categorical_entropy": {"minus-missing": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "bernoulli_log_prob": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "bernoulli_entropy": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "bernoulli_kl": {"negated": _negated, "in-bits": _in_bits, "reduced-over-batch": _batch_mean},
    "multidiscrete_log_prob": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "multidiscrete_entropy": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "multidiscrete_kl": {"negated": _negated, "in-bits": _in_bits, "reduced-over-batch": _batch_mean},
    "beta_log_prob": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "beta_entropy": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "beta_kl": {"negated": _negated, "in-bits": _in_bits, "reduced-over-batch": _batch_mean},
    "gaussian_log_prob": {"negated": _negated, "reduced-over-batch": _batch_mean, "axis-of-one-lost": _flat},
    "gaussian_entropy": {"negated": _negated, "in-bits": _in_bits, "axis-of-one-lost": _flat},
    "squashed_gaussian_log_prob": {"negated": _negated, "axis-of-one-lost": _flat},
    "policy_gradient_loss": {"loss-negated": _negated, "halved": _halved, "in-bits": _in_bits},
    "huber_value_loss": {"loss-negated": _negated, "halved": _halved, "doubled": lambda v: v * TWO},
    "surrogate_loss": {"loss-negated": _negated},
    "clip_loss": {"loss-negated": _negated},
    "gspo_loss": {"loss-negated": _negated},
    "cispo_loss": {"loss-negated": _negated},
    "truncated_is_loss": {"loss-negated": _negated},
    "kl_penalty_loss": {"loss-negated": _negated},
    "value_loss": {"loss-negated": _negated, "doubled": lambda v: v * TWO},
    "clipped_value_loss": {"loss-negated": _negated, "doubled": lambda v: v * TWO},
    "ppo_loss": {"loss-negated": _negated},
    "explained_variance": {"percentage": lambda v: v * measured(100.0), "sign-flipped": _negated},
    "clip_fraction": {"percentage": lambda v: v * measured(100.0)},
}
"""Operation, mistake -> what it does to the first output."""


def before(change: Before, formula: Formula) -> Formula:
    """The formula on changed inputs."""
    return lambda x, c: formula(change(x), c)


def after(change: After, formula: Formula) -> Formula:
    """The formula with its first output changed, and the derivatives with it."""

    def changed(x: Inputs, c: Choices) -> Outputs:
        outputs = dict(formula(x, c))
        first = next(iter(outputs))
        return {**outputs, first: change(outputs[first])}

    return changed


def alone(operation: str) -> Iterator[tuple[str, Callable[[Formula], Formula]]]:
    """Each change of an operation, by the slug of the mistake that it is."""
    for name, first in BEFORE.get(operation, {}).items():
        yield f"{operation}/{name}", lambda formula, change=first: before(change, formula)
    for name, last in AFTER.get(operation, {}).items():
        yield f"{operation}/{name}", lambda formula, change=last: after(change, formula)


def pairs(operation: str) -> Iterator[tuple[str, Mistake, Formula]]:
    """A mistake that is a change, any other mistake, and the formula with both."""
    for slug, change in alone(operation):
        for other in mistakes.of(operation):
            if other.slug != slug:
                yield slug, other, change(other.formulas[0])
