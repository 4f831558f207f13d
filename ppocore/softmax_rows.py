"""Softmax over many rows, quickly: what log-probabilities and entropies of categorical policies are made of.

Rows are worked on in chunks that stay in the cache, large batches in threads.  exp, log1p and expm1 run over a whole
chunk in NumPy's vector loops; what lies between them are loops without branches.  As in `log_softmax_kernel` the
largest logit is left out of the sum, so that log1p keeps the small rest.  Nothing here is checked but finiteness.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Bools, Floats, Ints
from ppocore._kernels import kernel
from ppocore._threads import THREADS, WORTH_IT, pieces, spread
from ppocore.reductions import fold

CHUNK = 1 << 14
"""Logits that are worked on together: few enough to stay in the cache."""


class _Chunk(NamedTuple):
    """Some rows: logits minus the largest of the row (-inf where illegal), their exp, and two numbers a row."""

    gaps: Floats
    weights: Floats
    totals: Floats
    log_totals: Floats


def chosen_rows(logits: Any, legal: Any, actions: Ints, log_prob: Any, grad_logits: Any) -> bool:
    """Write log pi of the actions and its derivative; False where a legal logit is not finite or a row has none."""

    def finish(chunk: _Chunk, rows: slice) -> None:
        taken = chunk.log_totals
        _take(chunk.gaps, actions[rows], taken)
        log_prob[rows] = taken
        # 1 - pi_a as an expm1 keeps its digits where the policy is nearly sure of the action.
        _chosen_slopes(chunk.weights, chunk.totals, actions[rows], np.expm1(taken), grad_logits[rows])

    return _in_chunks(logits, legal, finish)


def entropy_rows(logits: Any, legal: Any, entropy: Any, grad_logits: Any) -> bool:
    """Write the entropy of every row and its derivative; False where a legal logit is not finite or a row has none."""

    def finish(chunk: _Chunk, rows: slice) -> None:
        _entropies(*chunk, np.empty(logits.shape[1]), entropy[rows], grad_logits[rows])

    return _in_chunks(logits, legal, finish)


def _in_chunks(logits: Any, legal: Any, finish: Callable[[_Chunk, slice], None]) -> bool:
    """Hand every chunk of rows to `finish`; False as soon as a legal logit is not finite or a row has none."""
    length, width = logits.shape
    size = min(length, max(1, CHUNK // width))
    everything = np.ones((size, width), dtype=bool) if legal is None else None

    def work(part: range) -> bool:
        room = _Chunk(np.empty((size, width)), np.empty((size, width)), np.empty(size), np.empty(size))
        for first in part:
            rows = slice(first, min(first + size, part.stop))
            count = rows.stop - first
            chunk = room if count == size else _Chunk(*(x[:count] for x in room))
            allowed = legal[rows] if everything is None else everything[:count]
            if not _gaps(logits[rows], allowed, chunk.gaps):
                return False
            with np.errstate(all="ignore"):
                np.exp(chunk.gaps, chunk.weights)
                _totals(chunk.gaps, chunk.weights, chunk.totals)
                np.log1p(chunk.totals, chunk.log_totals)
                finish(chunk, rows)
        return True

    if length == size:
        return work(range(0, length, size))
    threads = THREADS if logits.size >= WORTH_IT else 1
    return all(spread(work, pieces(length, size, threads), threads))


@kernel
def _gaps(logits: Floats, legal: Bools, gaps: Floats) -> bool:
    """Logits minus the largest legal one of their row; whether all legal ones are finite and every row has one."""
    wrong = False
    for b in range(gaps.shape[0]):
        row, allowed, gap = logits[b], legal[b], gaps[b]
        top = -np.inf
        for j in range(len(row)):
            z = np.float64(row[j])
            top = z if allowed[j] & (z > top) else top
        wrong = wrong | (top - top != 0)
        for j in range(len(row)):
            z = np.float64(row[j])
            wrong = wrong | (allowed[j] & (z - z != 0))
            gap[j] = z - top if allowed[j] else -np.inf
    return not wrong


@kernel
def _totals(gaps: Floats, weights: Floats, totals: Floats) -> None:
    """The sum of the weights of each row without one of the largest logits, whose weight is 1."""
    for b in range(gaps.shape[0]):
        gap, weight = gaps[b], weights[b]
        rest, largest = 0.0, 0.0
        for j in range(len(gap)):
            rest = rest + (weight[j] if gap[j] < 0 else 0.0)
            largest = largest + (0.0 if gap[j] < 0 else 1.0)
        totals[b] = rest + (largest - 1)


@kernel
def _take(gaps: Floats, actions: Ints, log_totals: Floats) -> None:
    """log_totals becomes the log-probability of the action of each row."""
    for b in range(len(actions)):
        log_totals[b] = gaps[b, actions[b]] - log_totals[b]


@kernel
def _chosen_slopes(weights: Floats, totals: Floats, actions: Ints, rests: Floats, grad_logits: Floats) -> None:
    """1[j = a] - pi_j, where `rests` holds pi_a - 1 of each row."""
    for b in range(len(actions)):
        weight, slope = weights[b], grad_logits[b]
        share = 1 / (1 + totals[b])
        for j in range(len(weight)):
            slope[j] = 0.0 - weight[j] * share
        slope[actions[b]] = 0.0 - rests[b]


@kernel
def _entropies(
    gaps: Floats,
    weights: Floats,
    totals: Floats,
    log_totals: Floats,
    terms: Floats,
    entropy: Floats,
    grad_logits: Floats,
) -> None:
    """-sum pi log pi of each row, and its derivative."""
    for b in range(gaps.shape[0]):
        gap, weight, slope = gaps[b], weights[b], grad_logits[b]
        share = 1 / (1 + totals[b])
        for j in range(len(gap)):
            weight[j] = weight[j] * share
            # Where the probability is 0, so is the term, however large the surprise.
            gap[j] = log_totals[b] - gap[j] if weight[j] > 0 else 0.0
        for j in range(len(gap)):
            terms[j] = weight[j] * gap[j]
        total = fold(terms)
        entropy[b] = total + 0.0
        for j in range(len(gap)):
            slope[j] = weight[j] * (gap[j] - total) + 0.0
