"""Advantages within the group of a prompt, and the rewards of tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proofs.definitions.advantages import STD_EPS, variance_by_pairs
from proofs.definitions.numbers import ZERO, Nested, Number, ball, mean, rational, sqrt, total, variance

Row = list[Any]


def _grpo(spread: Callable[[Row], Number]) -> Callable[[Nested], dict[str, Nested]]:
    def grpo_advantages(rewards: Nested) -> dict[str, Nested]:
        """(r - mean) / (std + 1e-8) of every row, std with ddof 0 (arXiv:2402.03300, section 4.1.2)."""
        return {"advantages": [grpo_row(row, spread) for row in rational(rewards)]}

    return grpo_advantages


def grpo_row(row: Row, spread: Callable[[Row], Number]) -> Row:
    centre, scale = mean(row), sqrt(spread(row)) + ball(STD_EPS)
    return [ball(reward - centre) / scale for reward in row]


grpo_advantages, grpo_advantages_by_pairs = _grpo(variance), _grpo(variance_by_pairs)


def rloo_advantages(rewards: Nested) -> dict[str, Nested]:
    """r_i minus the mean of the others of its row (arXiv:2402.14740)."""
    return {"advantages": [
        [reward - mean(row[:i] + row[i + 1:]) for i, reward in enumerate(row)] for row in rational(rewards)
    ]}


def rloo_advantages_by_pairs(rewards: Nested) -> dict[str, Nested]:
    r"""(1 / (G - 1)) sum_j (r_i - r_j)."""
    return {"advantages": [
        [total([reward - other for other in row]) / (len(row) - 1) for reward in row] for row in rational(rewards)
    ]}


def dr_grpo_advantages(rewards: Nested) -> dict[str, Nested]:
    """r minus the mean of its row (arXiv:2503.20783)."""
    return {"advantages": [[reward - mean(row) for reward in row] for row in rational(rewards)]}


def dr_grpo_advantages_by_pairs(rewards: Nested) -> dict[str, Nested]:
    r"""(1 / G) sum_j (r_i - r_j)."""
    return {"advantages": [
        [mean([reward - other for other in row]) for reward in row] for row in rational(rewards)
    ]}


def kl_reward(
    scores: Row, log_prob: Nested, ref_log_prob: Nested, mask: Nested, *, kl_coef: Number
) -> dict[str, Nested]:
    """-beta (log_prob - ref_log_prob) at valid tokens, plus the score at the last one of the row; 0 at masked slots.

    (arXiv:1909.08593, eq. 2.)
    """
    beta = rational(kl_coef)

    def row(score: Number, new: Row, ref: Row, valid: Row) -> Row:
        last = max(t for t, use in enumerate(valid) if use)
        return [
            -beta * (rational(new[t]) - rational(ref[t])) + (score if t == last else 0) if use else ZERO
            for t, use in enumerate(valid)
        ]

    rows = zip(rational(scores), log_prob, ref_log_prob, mask, strict=True)
    return {"rewards": [row(*line) for line in rows]}


def kl_reward_by_returns(
    scores: Row, log_prob: Nested, ref_log_prob: Nested, mask: Nested, *, kl_coef: Number
) -> dict[str, Nested]:
    """Differences of what is still to come: the score minus beta times the log-ratio of the rest of the answer."""
    beta = rational(kl_coef)

    def row(score: Number, new: Row, ref: Row, valid: Row) -> Row:
        tokens = [t for t, use in enumerate(valid) if use]
        ahead = [
            score - beta * total([rational(new[t]) - rational(ref[t]) for t in tokens[i:]]) for i in range(len(tokens))
        ]
        steps = [now - later for now, later in zip(ahead, [*ahead[1:], ZERO], strict=True)]
        places = dict(zip(tokens, steps, strict=True))
        return [places.get(t, ZERO) for t in range(len(valid))]

    rows = zip(rational(scores), log_prob, ref_log_prob, mask, strict=True)
    return {"rewards": [row(*line) for line in rows]}
