"""Bounds of `ppocore.distributions` and `ppocore.squashed`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from flint import arb

from proofs.bounds import terms
from proofs.bounds.book import Balls, bound, where
from proofs.bounds.rollouts import where_used
from proofs.bounds.trees import height
from proofs.methods.rounding import LIBM_UNITS as LIBM


class LogSoftmax(NamedTuple):
    """Rows of log-probabilities: exact probabilities and -log pi (0 where illegal), and the error of each."""

    probs: Balls
    surprise: Balls
    error: Balls


def log_softmax_rows(logits: Balls, action_mask: Any = None) -> LogSoftmax:
    """3 s_j + sum over the others than the top of pi_i (s_i + A), s = -log pi, A legal actions."""
    legal = np.ones(logits.shape, dtype=bool) if action_mask is None else action_mask
    rows = [_log_softmax(row, mask) for row, mask in zip(logits, legal, strict=True)]
    return LogSoftmax(*(np.array(part, dtype=object) for part in zip(*rows, strict=True)))


def _log_softmax(logits: Balls, legal: Any) -> tuple[Balls, Balls, Balls]:
    top = max((j for j in range(len(logits)) if legal[j]), key=lambda j: float(logits[j]))
    weights = where_used(np.exp(logits - logits[top]), legal)
    weights[~legal] = arb(0)
    others = weights.sum() - weights[top]
    probs = weights / (1 + others)
    surprise = where_used(logits[top] - logits + others.log1p(), legal) + arb(0)
    rest = probs * (surprise + int(legal.sum()))
    return probs, surprise, where_used(3 * surprise + rest.sum() - rest[top], legal)


@bound(
    "categorical_log_prob", "ACC-06",
    log_prob="E_a = 3 s_a + Σ_{i ≠ top} π_i (s_i + A), s = -log π",
    grad_logits="π_j (E_j + 2), at j = a π_a E_a + 2(1 - π_a)",
)
def categorical_log_prob(true: Any, logits: Balls, actions: Any, action_mask: Any = None) -> dict[str, Balls]:
    row = log_softmax_rows(logits, action_mask)
    error, slope = chosen(row, actions)
    return {"log_prob": error, "grad_logits": slope}


def chosen(rows: LogSoftmax, actions: Any) -> tuple[Balls, Balls]:
    """The error of log pi_a, and of its derivative in the logits."""
    at = np.arange(len(actions)), actions
    slopes = rows.probs * (rows.error + LIBM)
    slopes[at] = rows.probs[at] * rows.error[at] + LIBM * (1 - rows.probs[at])
    return rows.error[at], slopes


@bound(
    "categorical_entropy", "ACC-06",
    entropy="E_H = Σ π_j (s_j (E_j + h + 3) + E_j), h = h(A)",
    grad_logits="π_j (E_j + E_H + |s_j - H| (E_j + 4))",
)
def categorical_entropy(true: Any, logits: Balls, action_mask: Any = None) -> dict[str, Balls]:
    probs, surprise, error = log_softmax_rows(logits, action_mask)
    h = height(logits.shape[1])
    entropy = (probs * (surprise * (error + LIBM + 1 + h) + error)).sum(axis=1)
    gap = abs(surprise - (probs * surprise).sum(axis=1)[:, None])
    return {"entropy": entropy, "grad_logits": probs * (error + entropy[:, None] + gap * (error + LIBM + 2))}


@bound(
    "categorical_log_prob_and_entropy", "ACC-06",
    log_prob="as categorical_log_prob", entropy="as categorical_entropy",
    log_prob_grad_logits="as categorical_log_prob", entropy_grad_logits="as categorical_entropy",
)
def categorical_log_prob_and_entropy(
    true: Any, logits: Balls, actions: Any, action_mask: Any = None
) -> dict[str, Balls]:
    log_prob = categorical_log_prob(true, logits, actions, action_mask)
    entropy = categorical_entropy(true, logits, action_mask)
    return {
        "log_prob": log_prob["log_prob"], "entropy": entropy["entropy"],
        "log_prob_grad_logits": log_prob["grad_logits"], "entropy_grad_logits": entropy["grad_logits"],
    }  # fmt: skip


def half_log_two_pi() -> arb:
    return (2 * arb.pi()).log() / 2


@bound(
    "gaussian_log_prob", "ACC-09",
    log_prob="Σ_d ((D + 10) z²/2 + (D + 1)(|log s| + 0.92))",
    grad_mean="7 |z|/s",
    grad_log_std="10 z² + 1",
    grad_actions="7 |z|/s",
)
def gaussian_log_prob(true: Any, mean: Balls, log_std: Balls, actions: Balls) -> dict[str, Balls]:
    inverse = np.exp(-log_std)
    z = abs(actions - mean) * inverse
    error, curve = terms.gaussian_log_prob(z, abs(log_std), half_log_two_pi())
    size = z * z / 2 + abs(log_std) + half_log_two_pi()
    slope = terms.gaussian_slope(z, inverse)
    total = (error + (z.shape[1] - 1) * size).sum(axis=1)
    return {"log_prob": total, "grad_mean": slope, "grad_log_std": curve, "grad_actions": slope}


@bound(
    "gaussian_entropy", "ACC-09",
    entropy="Σ_d ((h + 1)|log s + 1.42| + 2.84), h = h(D)",
    grad_mean="0",
    grad_log_std="0",
)
def gaussian_entropy(true: Any, mean: Balls, log_std: Balls) -> dict[str, Balls]:
    constant = half_log_two_pi() + 0.5
    parts = (height(log_std.shape[1]) + 1) * abs(log_std + constant) + 2 * constant
    return {"entropy": parts.sum(axis=1), "grad_mean": mean * 0, "grad_log_std": mean * 0}


@bound(
    "squashed_gaussian_log_prob", "ACC-10",
    log_prob="Σ_d ((D + 11) z²/2 + v + (D + 2)(|log s| + 0.92) + (h + 1)|log(1 - a²)| + 6|u|),"
             " v = 3|u||z|/s + 9u (u/s)², u = artanh a",
    grad_mean="E = 7|z|/s + 3|u|/s²",
    grad_log_std="10 z² + 1 + 2v",
    grad_actions="(E + 5|2a - z/s|)/(1 - a²)",
)
def squashed_gaussian_log_prob(true: Any, mean: Balls, log_std: Balls, actions: Balls) -> dict[str, Balls]:
    inverse, dims = np.exp(-log_std), mean.shape[1]
    up, down = np.log1p(actions), np.log1p(-actions)
    u, slope_size = abs(up - down) / 2, abs(up + down)
    z = abs((up - down) / 2 - mean) * inverse
    more, more_curve = terms.gaussian_from_action_error(z, 3 * u, inverse)
    rows = (dims + 11) * z * z / 2 + more + (dims + 2) * (abs(log_std) + half_log_two_pi())
    rows = rows + (height(dims) + 1) * slope_size + 6 * u
    by_mean = terms.gaussian_slope(z, inverse) + 3 * u * inverse * inverse
    numerator = abs(2 * actions - true["grad_mean"])
    return {
        "log_prob": rows.sum(axis=1),
        "grad_mean": by_mean,
        "grad_log_std": 10 * z * z + 1 + more_curve,
        "grad_actions": (by_mean + 5 * numerator) / ((1 - actions) * (1 + actions)),
    }


@bound(
    "squashed_gaussian_entropy", "ACC-10",
    entropy="Σ_d (1200 + 2D)(1 + |m| + s) + (D + 3)|log s|, for log s ≤ 2",
    grad_mean="1200 + 8|m|",
    grad_log_std="1200 (1 + s) + 8 s|m|",
)
def squashed_gaussian_entropy(true: Any, mean: Balls, log_std: Balls) -> dict[str, Balls]:
    std = np.exp(log_std)
    admitted = where(log_std <= 2, 1, arb("inf"))
    dims = mean.shape[1]
    entropy = (1200 + 2 * dims) * (1 + abs(mean) + std) + (dims + 3) * abs(log_std)
    return {
        "entropy": (entropy * admitted).sum(axis=1),
        "grad_mean": (1200 + 8 * abs(mean)) * admitted,
        "grad_log_std": (1200 * (1 + std) + 8 * std * abs(mean)) * admitted,
    }

