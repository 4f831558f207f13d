"""Bounds of `ppocore.divergences` and `ppocore.kl_penalty`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from flint import arb

from proofs.bounds import terms
from proofs.bounds.book import Balls, bound, larger, where
from proofs.bounds.policies import LogSoftmax, chosen, log_softmax_rows
from proofs.bounds.reductions import reduced
from proofs.bounds.rollouts import where_used
from proofs.bounds.terms import K3
from proofs.bounds.trees import height
from proofs.methods.rounding import LIBM_UNITS as LIBM

U = arb(2) ** -53
SERIES = arb(2) ** -1
"""k3 is a series below this |d|; a difference this near to it may take either branch."""


def k3(d: Balls) -> Balls:
    """e^d - 1 - d."""
    return np.expm1(d) - d


def _mean(terms_error: Balls, sizes: Balls, valid: Any) -> Balls:
    """The error of a mean over valid slots of terms with these errors."""
    return (terms_error + (height(valid.size) + 1) * sizes).sum() / int(valid.sum())


def _samples(log_prob: Balls, old_log_prob: Balls, mask: Any) -> tuple[Balls, Any]:
    valid = np.ones(log_prob.shape, dtype=bool) if mask is None else mask
    difference = np.where(valid, log_prob, arb(0)) - np.where(valid, old_log_prob, arb(0))
    return difference, valid


@bound("kl_k1", "ACC-07", kl="(h + 2) mean|d|", grad_log_prob="|exact|")
def kl_k1(true: Any, log_prob: Balls, old_log_prob: Balls, mask: Any = None) -> dict[str, Balls]:
    d, valid = _samples(log_prob, old_log_prob, mask)
    return {"kl": _mean(abs(d), abs(d), valid), "grad_log_prob": abs(true["grad_log_prob"])}


@bound("kl_k2", "ACC-07", kl="(h + 4) mean(d²/2)", grad_log_prob="2|exact|")
def kl_k2(true: Any, log_prob: Balls, old_log_prob: Balls, mask: Any = None) -> dict[str, Balls]:
    d, valid = _samples(log_prob, old_log_prob, mask)
    return {"kl": _mean(3 * d * d / 2, d * d / 2, valid), "grad_log_prob": 2 * abs(true["grad_log_prob"])}


@bound(
    "kl_k3", "ACC-07",
    kl="mean((|d| + h + 13) k3(d)), h = h(n)",
    grad_log_prob="(|d| e^d + 3|e^d - 1|)/n",
)
def kl_k3(true: Any, log_prob: Balls, old_log_prob: Balls, mask: Any = None) -> dict[str, Balls]:
    d, valid = _samples(log_prob, old_log_prob, mask)
    sizes = k3(d)
    slopes = abs(d) * np.exp(d) + (LIBM + 1) * abs(np.expm1(d))
    return {
        "kl": _mean((abs(d) + K3 + 2) * sizes, sizes, valid),
        "grad_log_prob": where_used(slopes, valid) / int(valid.sum()),
    }


class RowKL(NamedTuple):
    """Both policies row by row, log q - log p and its error, and the error of KL(p, q)."""

    p: LogSoftmax
    q: LogSoftmax
    difference: Balls
    difference_error: Balls
    error: Balls

    @property
    def gap_error(self) -> Balls:
        """q - p."""
        most = larger(self.p.probs, self.q.probs)
        size = abs(self.q.probs - self.p.probs)
        return most * self.difference_error + size * (larger(self.p.error, self.q.error) + 2 * LIBM + 1)


def kl_rows(logits: Balls, other_logits: Balls, action_mask: Any = None) -> RowKL:
    """What the errors of log-probabilities make of a KL divergence."""
    return kl_of(log_softmax_rows(logits, action_mask), log_softmax_rows(other_logits, action_mask), action_mask)


def kl_of(p: LogSoftmax, q: LogSoftmax, action_mask: Any = None) -> RowKL:
    """The same for log-probabilities that come from elsewhere."""
    d = p.surprise - q.surprise
    d_error = p.error + q.error + abs(d)
    legal = np.ones(d.shape, dtype=bool) if action_mask is None else action_mask
    curve = U / 2 * d_error * d_error * larger(p.probs, q.probs)
    moved = p.probs * abs(np.expm1(d)) * d_error + curve
    below = terms.kl_term_below(p.error, p.probs, k3(d), moved)
    above = terms.kl_term_above(p.error, q.error, d_error, p.probs, q.probs, abs(d))
    either = where(abs(d - SERIES) < arb(2) ** -20, larger(below, above), where(d < SERIES, below, above))
    parts = where_used(either, legal)
    size = (p.probs * k3(d)).sum(axis=1)
    return RowKL(p, q, d, where_used(d_error, legal), parts.sum(axis=1) + (d.shape[1] - 1) * size)


@bound(
    "categorical_kl", "ACC-08",
    kl="E_KL = Σ p (k3(d)(E_p + A + 12) + |e^d - 1| E_d) + u E_d² max(p, q)/2, d = log q - log p,"
       " E_d = E_p + E_q + |d|; where d ≥ 1/2: Σ q (E_q + 3) + p (1 + d)(E_p + 5) + p E_d + (A - 1) p k3(d)",
    grad_logits="p (E_d + E_KL + |d + KL|(E_p + 4))",
    grad_other_logits="max(p, q) E_d + |q - p|(max(E_p, E_q) + 5)",
)
def categorical_kl(true: Any, logits: Balls, other_logits: Balls, action_mask: Any = None) -> dict[str, Balls]:
    rows = kl_rows(logits, other_logits, action_mask)
    kl = true["kl"][:, None]
    spread = abs(rows.difference + kl) * (rows.p.error + LIBM + 2)
    return {
        "kl": rows.error,
        "grad_logits": rows.p.probs * (rows.difference_error + rows.error[:, None] + spread),
        "grad_other_logits": rows.gap_error,
    }


@bound(
    "gaussian_kl", "ACC-09",
    kl="Σ_d ((D + 12 + 2|g|) k3(2g) + (D + 9) z²)/2, g = log s - log s', z = (m - m')/s'",
    grad_mean="7 |z|/s'",
    grad_log_std="2|e^2g - 1| + 2|g| e^2g",
    grad_other_mean="7 |z|/s'",
    grad_other_log_std="3|e^2g - 1| + 2|g| e^2g + 10 z²",
)
def gaussian_kl(
    true: Any, mean: Balls, log_std: Balls, other_mean: Balls, other_log_std: Balls
) -> dict[str, Balls]:
    dims, inverse, gap = mean.shape[1], np.exp(-other_log_std), log_std - other_log_std
    z, growth = abs(mean - other_mean) * inverse, abs(np.expm1(2 * gap))
    parts = ((dims + 2 + K3 + 2 * abs(gap)) * k3(2 * gap) + (dims + 9) * z * z) / 2
    slope, grown = terms.gaussian_slope(z, inverse), LIBM * growth + 2 * abs(gap) * np.exp(2 * gap)
    return {
        "kl": parts.sum(axis=1),
        "grad_mean": slope,
        "grad_log_std": grown,
        "grad_other_mean": slope,
        "grad_other_log_std": grown + growth + 10 * z * z,
    }


@bound(
    "kl_penalty_loss", "ACC-08",
    loss="the errors of both parts + 2β KL + |surrogate| + ...",
    grad_logits="w |rA| (|1[a] - π|(E_d + 6) + E_score) + β w' (max E_d + |q - p|(max E + 8)) + |exact|",
    surrogate_loss="mean(|rA|(E_d + H + 3)), E_d of log π_a - log π_old,a",
    kl="mean E_KL + (h + 1) KL",
)
def kl_penalty_loss(
    true: Any, logits: Balls, old_logits: Balls, actions: Any, advantages: Balls, kl_coef: Any,
    action_mask: Any = None, mask: Any = None, reduction: str = "mean",
) -> dict[str, Balls]:
    valid = np.ones(advantages.shape, dtype=bool) if mask is None else mask
    flat, a = (-1, logits.shape[-1]), np.where(valid, advantages, arb(0)).reshape(-1)
    masks = None if action_mask is None else action_mask.reshape(flat)
    rows = kl_rows(old_logits.reshape(flat), logits.reshape(flat), masks)
    at = np.arange(len(a)), actions.reshape(-1)
    _, score_error = chosen(rows.q, at[1])
    score = -rows.q.probs
    score[at] = 1 + score[at]
    d_error = rows.difference_error[at]
    sizes = abs(np.exp(rows.difference[at]) * a)
    objective, weights = reduced(sizes * (d_error + LIBM + 1), sizes, valid, reduction)
    weights = weights.reshape(-1)
    size = (rows.p.probs * k3(rows.difference)).sum(axis=1)
    kl = _mean(where_used(rows.error, valid.reshape(-1)), where_used(size, valid.reshape(-1)), valid)
    push = (weights * sizes)[:, None] * (abs(score) * (d_error[:, None] + LIBM + 4) + score_error)
    pull = rows.gap_error + 3 * abs(rows.q.probs - rows.p.probs)
    pull = kl_coef * where_used(pull, valid.reshape(-1)[:, None]) / int(valid.sum())
    loss = kl_coef * (kl + abs(true["kl"])) + objective + abs(true["loss"])
    return {
        "loss": loss,
        "grad_logits": (push + pull).reshape(logits.shape) + abs(true["grad_logits"]),
        "surrogate_loss": objective,
        "kl": kl,
    }
