"""Bounds of `ppocore.bernoulli`."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.bounds.book import Balls, bound
from proofs.bounds.divergences import k3, kl_of
from proofs.bounds.policies import LogSoftmax

SIDE = 5
"""log sigmoid, relatively (ACC-31)."""


@bound("bernoulli_log_prob", "ACC-31", log_prob="(D + 4)|exact|", grad_logits="6|exact|")
def bernoulli_log_prob(true: Any, logits: Balls, actions: Any) -> dict[str, Balls]:
    dims = logits.shape[1]
    return {"log_prob": (dims + SIDE - 1) * abs(true["log_prob"]), "grad_logits": 6 * abs(true["grad_logits"])}


@bound("bernoulli_entropy", "ACC-31", entropy="(D + 7) exact", grad_logits="11|exact|")
def bernoulli_entropy(true: Any, logits: Balls) -> dict[str, Balls]:
    return {"entropy": (logits.shape[1] + 7) * abs(true["entropy"]), "grad_logits": 11 * abs(true["grad_logits"])}


def _sides(logits: Balls) -> LogSoftmax:
    """Both sides of every dimension as a row of two actions."""
    z = logits.reshape(-1)
    probs, surprise = (np.stack(both, axis=1) for both in (
        (1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))), (np.log1p(np.exp(-z)), np.log1p(np.exp(z)))))
    return LogSoftmax(probs, surprise, SIDE * surprise)


@bound(
    "bernoulli_kl", "ACC-31",
    kl="Σ_d E_KL of categorical_kl with E = 5|log p| and A = 2, + (D - 1) exact",
    grad_logits="15|exact|",
    grad_other_logits="17|exact|",
)
def bernoulli_kl(true: Any, logits: Balls, other_logits: Balls) -> dict[str, Balls]:
    rows = kl_of(_sides(logits), _sides(other_logits))
    size = (rows.p.probs * k3(rows.difference)).sum(axis=1)
    parts = (rows.error + (logits.shape[1] - 1) * size).reshape(logits.shape)
    return {
        "kl": parts.sum(axis=1),
        "grad_logits": 15 * abs(true["grad_logits"]),
        "grad_other_logits": 17 * abs(true["grad_other_logits"]),
    }
