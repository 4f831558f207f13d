"""Softmax over many rows, quickly: what log-probabilities and entropies of categorical policies are made of.

Rows are worked on in chunks that stay in the cache, large batches in threads.  exp, log1p and expm1 run over a whole
chunk in NumPy's vector loops; what lies between them are loops without branches, sums in four parts side by side.  As
in `log_softmax_kernel` the largest logit is left out of the sum, so that log1p keeps the small rest.  Nothing here is
checked but finiteness.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ppocore._arrays import Bools, Floats, Ints
from ppocore._kernels import bare, inner
from ppocore._threads import THREADS, WORTH_IT, own_room, pieces, spread
from ppocore.reductions import fold

CHUNK = 1 << 15
"""Logits that are worked on together: few enough to stay in the cache."""
RUN = 4
"""Chunks that a thread takes at a time."""
SHORT = 64
"""Terms that are added in four parts, which takes no more additions in a row than adding them in pairs may."""


class _Chunk(NamedTuple):
    """Some rows: logits minus the largest of the row (-inf where illegal), their exp, and three numbers a row."""

    gaps: Floats
    weights: Floats
    totals: Floats
    log_totals: Floats
    taken: Floats
    terms: Floats
    """Room for the terms of one row."""


def chosen_rows(logits: Any, legal: Any, actions: Ints, log_prob: Any, grad_logits: Any) -> bool:
    """Write log pi of the actions and its derivative; False where a legal logit is not finite or a row has none."""

    def finish(chunk: _Chunk, rows: slice) -> None:
        _choose(chunk, actions[rows], log_prob[rows], grad_logits[rows])

    return _in_chunks(logits, legal, finish)


def entropy_rows(logits: Any, legal: Any, entropy: Any, grad_logits: Any) -> bool:
    """Write the entropy of every row and its derivative; False where a legal logit is not finite or a row has none."""

    def finish(chunk: _Chunk, rows: slice) -> None:
        _entropies(*chunk[:4], chunk.terms, entropy[rows], grad_logits[rows])

    return _in_chunks(logits, legal, finish)


def chosen_and_entropy_rows(
    logits: Any, legal: Any, actions: Ints, log_prob: Any, entropy: Any, by_log_prob: Any, by_entropy: Any
) -> bool:
    """What `chosen_rows` and `entropy_rows` write, the same bits, from one softmax."""

    def finish(chunk: _Chunk, rows: slice) -> None:
        _choose(chunk, actions[rows], log_prob[rows], by_log_prob[rows])
        _entropies(*chunk[:4], chunk.terms, entropy[rows], by_entropy[rows])

    return _in_chunks(logits, legal, finish)


def log_prob_rows(logits: Any, legal: Any, log_probs: Floats) -> bool:
    """Write log pi of every action, -inf where illegal; False where a legal logit is not finite or a row has none."""
    weights, totals = np.empty(logits.shape), np.empty(len(logits))
    if not _gaps(logits, legal, log_probs):
        return False
    with np.errstate(all="ignore"):
        np.exp(log_probs, weights)
        _totals(log_probs, weights, totals)
        np.subtract(log_probs, np.log1p(totals, totals)[:, None], log_probs)
    return True


def _in_chunks(logits: Any, legal: Any, finish: Callable[[_Chunk, slice], None]) -> bool:
    """Hand every chunk of rows to `finish`; False as soon as a legal logit is not finite or a row has none."""
    length, width = logits.shape
    size = min(length, max(1, CHUNK // width))

    def work(part: range) -> bool:
        room = own_room(size * (2 * width + 3) + width)
        with np.errstate(all="ignore"):
            for first in part:
                rows = slice(first, min(first + size, part.stop))
                chunk = _cut(room, rows.stop - first, width)
                if not _gaps(logits[rows], None if legal is None else legal[rows], chunk.gaps):
                    return False
                np.exp(chunk.gaps, chunk.weights)
                _totals(chunk.gaps, chunk.weights, chunk.totals)
                np.log1p(chunk.totals, chunk.log_totals)
                finish(chunk, rows)
        return True

    if length == size:
        return work(range(0, length, size))
    threads = THREADS if logits.size >= WORTH_IT else 1
    return all(spread(work, pieces(length, size, threads, RUN), threads))


def _cut(room: Floats, count: int, width: int) -> _Chunk:
    """A chunk of so many rows in a room."""
    entries = count * width
    gaps, weights = room[: 2 * entries].reshape(2, count, width)
    totals, log_totals, taken = room[2 * entries : 2 * entries + 3 * count].reshape(3, count)
    return _Chunk(gaps, weights, totals, log_totals, taken, room[-width:])


def _choose(chunk: _Chunk, actions: Ints, log_prob: Any, grad_logits: Any) -> None:
    _take(chunk.gaps, chunk.log_totals, actions, chunk.taken, log_prob)
    # 1 - pi_a as an expm1 keeps its digits where the policy is nearly sure of the action.
    np.expm1(chunk.taken, chunk.taken)
    _chosen_slopes(chunk.weights, chunk.totals, actions, chunk.taken, grad_logits)


@bare
def _gaps(logits: Floats, legal: Bools | None, gaps: Floats) -> bool:
    """Logits minus the largest legal one of their row; whether all legal ones are finite and every row has one."""
    if legal is None:
        return _open_gaps(logits, gaps)
    return _legal_gaps(logits, legal, gaps)


@inner
def _open_gaps(logits: Floats, gaps: Floats) -> bool:
    """`_gaps` where every action is legal."""
    wrong = False
    for b in range(gaps.shape[0]):
        row, gap = logits[b], gaps[b]
        a = c = d = e = row[0]
        whole = len(row) & -4
        for j in range(0, whole, 4):
            a = row[j] if row[j] > a else a
            c = row[j + 1] if row[j + 1] > c else c
            d = row[j + 2] if row[j + 2] > d else d
            e = row[j + 3] if row[j + 3] > e else e
        for j in range(whole, len(row)):
            a = row[j] if row[j] > a else a
        a, d = (c if c > a else a), (e if e > d else d)
        top = np.float64(d if d > a else a)
        for j in range(len(row)):
            wrong = wrong | (row[j] - row[j] != 0)
            gap[j] = np.float64(row[j]) - top
    return not wrong


@inner
def _legal_gaps(logits: Floats, legal: Bools, gaps: Floats) -> bool:
    """`_gaps` under a mask."""
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


@bare
def _totals(gaps: Floats, weights: Floats, totals: Floats) -> None:
    """The sum of the weights of each row without one of the largest logits, whose weight is 1."""
    for b in range(len(totals)):
        gap, weight = gaps[b], weights[b]
        p = q = r = s = 0.0
        largest = 0
        whole = len(gap) & -4
        for j in range(0, whole, 4):
            p = p + (weight[j] if gap[j] < 0 else 0.0)
            q = q + (weight[j + 1] if gap[j + 1] < 0 else 0.0)
            r = r + (weight[j + 2] if gap[j + 2] < 0 else 0.0)
            s = s + (weight[j + 3] if gap[j + 3] < 0 else 0.0)
        for j in range(whole, len(gap)):
            p = p + (weight[j] if gap[j] < 0 else 0.0)
        for j in range(len(gap)):
            largest = largest + (0 if gap[j] < 0 else 1)
        rest = (p + q) + (r + s)
        totals[b] = rest + (largest - 1)


@bare
def _take(gaps: Floats, log_totals: Floats, actions: Ints, taken: Floats, log_prob: Floats) -> None:
    """The log-probability of the action of each row, in float64 and as it is handed out."""
    for b in range(len(actions)):
        taken[b] = gaps[b, actions[b]] - log_totals[b]
        log_prob[b] = taken[b]


@bare
def _chosen_slopes(weights: Floats, totals: Floats, actions: Ints, rests: Floats, grad_logits: Floats) -> None:
    """1[j = a] - pi_j, where `rests` holds pi_a - 1 of each row."""
    for b in range(len(actions)):
        weight, slope = weights[b], grad_logits[b]
        share = 1 / (1 + totals[b])
        for j in range(len(weight)):
            slope[j] = 0.0 - weight[j] * share
        slope[actions[b]] = 0.0 - rests[b]


@bare
def _entropies(
    gaps: Floats,
    weights: Floats,
    totals: Floats,
    log_totals: Floats,
    terms: Floats,
    entropy: Floats,
    grad_logits: Floats,
) -> None:
    """-sum pi log pi of each row, and its derivative; pi and -log pi are written over what was there."""
    for b in range(gaps.shape[0]):
        gap, weight, slope = gaps[b], weights[b], grad_logits[b]
        share, log_total = 1 / (1 + totals[b]), log_totals[b]
        for j in range(len(gap)):
            weight[j] = weight[j] * share
            # Where the probability is 0, so is the term, however large the surprise.
            gap[j] = log_total - gap[j] if weight[j] > 0 else 0.0
            terms[j] = weight[j] * gap[j]
        total = sum_of_row(terms)
        entropy[b] = total + 0.0
        for j in range(len(gap)):
            slope[j] = weight[j] * (gap[j] - total) + 0.0


@inner
def sum_of_row(terms: Floats) -> float:
    """The sum of a row, over which a long one is written."""
    if len(terms) > SHORT:
        return fold(terms)
    p = q = r = s = 0.0
    whole = len(terms) & -4
    for j in range(0, whole, 4):
        p, q, r, s = p + terms[j], q + terms[j + 1], r + terms[j + 2], s + terms[j + 3]
    for j in range(whole, len(terms)):
        p = p + terms[j]
    return (p + q) + (r + s)
