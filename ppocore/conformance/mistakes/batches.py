"""Mistakes that hide in small or well-behaved batches: splits, packed rows, many actions, zeros and equal means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.advantages import Outputs, denominator, moments, token_gae
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import log_softmax
from ppocore.conformance.oracle.reals import ZERO, Array, Real, exp, lift, mean, total, where

CATALOGUE = Catalogue()
SIZES = (2, 4, 8, 16, 32, 64)
"""Usual micro-batches; the first, which the museum shows, needs three samples."""

FLAT = ("kl_k1", "kl_k2", "kl_k3", "surrogate_loss", "clip_loss", "kl_penalty_loss", "value_loss",
        "clipped_value_loss", "ppo_loss", "clip_fraction")
"""Means over samples, of which there may be many."""


def _length(x: Inputs) -> int:
    return next(len(value) for value in x._values.values() if isinstance(value, np.ndarray))


def _rows(x: Inputs, rows: slice) -> Inputs:
    """The inputs of some samples alone."""
    return x.but(**{name: value[rows] for name, value in x._values.items() if isinstance(value, np.ndarray)})


def _parts(x: Inputs, size: int) -> Iterator[Inputs]:
    """The batch in parts of one size and a rest, those without a valid slot left out."""
    parts = (_rows(x, slice(start, start + size)) for start in range(0, _length(x), size))
    return (part for part in parts if part.valid.any())


def _first(operation: str, x: Inputs, c: Choices) -> Real:
    found: Real = next(iter(DEFINITIONS[operation](x, c).values()))
    return found


def _averaged(operation: str, size: int) -> Value:
    """The mean of the means of the parts."""
    return lambda x, c: mean([_first(operation, part, c) for part in _parts(x, size)])


def _without_rest(operation: str, size: int) -> Value:
    """As many whole parts as there are."""

    def value(x: Inputs, c: Choices) -> Real:
        whole = _rows(x, slice(0, _length(x) // size * size))
        return _first(operation, whole if _length(x) >= size and whole.valid.any() else x, c)

    return value


for _operation in (*FLAT, "importance_estimate", "self_normalized_estimate", "masked_mean"):
    _sizes = (2,) if _operation == "masked_mean" else SIZES
    _family = Family(CATALOGUE, _operation)
    _family.add("averaged-per-micro-batch", "The batch is split, and the means of its parts are averaged.",
                "mean(mean(part) for part in split(batch, 64))",
                "The last part is smaller: its samples weigh more than those of the others.",
                *(_averaged(_operation, size) for size in _sizes),
                seen=("verl #141", "verl #906", "OpenRLHF #1249", "modelscope/twinkle #292"))
    _family.add("remainder-dropped", "What does not fill a whole micro-batch is left out.",
                "batch[: n // 64 * 64]; drop_last=True", "Samples are thrown away, always the last ones.",
                *(_without_rest(_operation, size) for size in _sizes))


# Episodes and rows that stand beside each other in one array.


def _ended(x: Inputs) -> Array:
    """True after the first end of the environment."""
    ends = x.terminated | x.truncated
    return np.concatenate([np.zeros_like(ends[:1]), np.cumsum(ends, axis=0)[:-1] > 0])


def _stopped(operation: str) -> Value:
    def value(x: Inputs, c: Choices) -> Outputs:
        right = DEFINITIONS[operation](x, c)
        first, *others = right
        cut = where(_ended(x), ZERO, right[first])
        return {first: cut} | ({"returns": cut + x.values} if others else {})

    return value


for _operation in ("td_errors", "gae", "discounted_returns"):
    Family(CATALOGUE, _operation).add(
        "stops-at-the-first-end", "Rows after the first end of an environment get 0.",
        "mask = cumprod(1 - done)", "Every episode but the first is lost for learning.", _stopped(_operation))


def _as_one_row(x: Inputs, c: Choices) -> Array:
    flat = x.but(rewards=x.rewards.reshape(1, -1), values=x.values.reshape(1, -1), mask=x.mask.reshape(1, -1))
    advantages: Array = token_gae(flat, c)["advantages"].reshape(x.mask.shape)
    return advantages


def _next_row_bootstrapped(x: Inputs, c: Choices) -> Array:
    """The value of the next row's first token follows the last token of each row."""
    rewards = x.rewards.copy()
    for row in range(len(rewards) - 1):
        last, first = np.flatnonzero(x.mask[row]), np.flatnonzero(x.mask[row + 1])
        if last.size and first.size:
            rewards[row, last[-1]] = rewards[row, last[-1]] + x.gamma * x.values[row + 1, first[0]]
    advantages: Array = token_gae(x.but(rewards=rewards), c)["advantages"]
    return advantages


Family(CATALOGUE, "token_gae").add(
    "rows-run-together", "Each row bootstraps from the row after it (and carries its advantage on).",
    "gae(rewards.reshape(-1), values.reshape(-1))",
    "Packed answers are credited with the reward of the next prompt's answer.", _as_one_row, _next_row_bootstrapped)


# Many actions.

LIKELIEST = (5, 10, 20, 50)


def _likeliest(count: int, table: Array, allowed: Array) -> Array:
    """The rows of a table of log p, of which only the largest count."""
    rank = np.argsort(np.argsort([[-float(v.value) for v in row] for row in table], axis=1, kind="stable"), axis=1)
    return allowed & (rank < count)


def _entropy_of(count: int, renormalised: bool, x: Inputs, c: Choices) -> Array:
    mask = x.get("action_mask")
    allowed = np.ones(x.logits.shape, dtype=bool) if mask is None else mask
    table = log_softmax(x.logits, mask)
    kept = _likeliest(count, table, allowed)
    table = log_softmax(x.logits, kept) if renormalised else table
    return np.array([total(-(exp(row[m]) * row[m])) for row, m in zip(table, kept, strict=True)], dtype=object)


def _kl_of(count: int, renormalised: bool, x: Inputs, c: Choices) -> Array:
    p, q = log_softmax(x.logits), log_softmax(x.other_logits)
    kept = _likeliest(count, p, np.ones(p.shape, dtype=bool))
    if renormalised:
        p, q = log_softmax(x.logits, kept), log_softmax(x.other_logits, kept)
    return np.array([total(exp(a[m]) * (a[m] - b[m])) for a, b, m in zip(p, q, kept, strict=True)], dtype=object)


def _top(operation: str, of: Callable[[int, bool, Inputs, Choices], Array], matters: str) -> None:
    Family(CATALOGUE, operation).add(
        "likeliest-actions-only", "Only the most likely actions, twenty or so, enter.", "topk(log p, 20)", matters,
        *(partial(of, count, renormalised) for count in LIKELIEST for renormalised in (False, True)))


_top("categorical_entropy", _entropy_of, "Right for few actions; a flat policy over many has far more entropy.")
_top("categorical_kl", _kl_of, "What the policies disagree on among rarer actions is not seen.")


# Zeros and equal means that are taken for something else.


def _mean_of_nonzero(x: Inputs, c: Choices) -> Real:
    chosen = x.x[x.valid]
    count = sum(bool(v.value) for v in chosen)
    return total(chosen) / count if count else lift("NaN")


def _by_nonzero(x: Inputs, c: Choices) -> Array:
    chosen = x.advantages[x.valid & np.array([bool(v.value) for v in x.advantages])]
    if not len(chosen):
        return np.full(x.advantages.shape, ZERO, dtype=object)
    centre, variance = moments(chosen, 1 if c["advantage_std"] == "ddof1" else 0)
    scale = denominator(variance, c)
    return where(x.valid, (x.advantages - centre) / scale, ZERO)


def _without_equal_means(parts: list[Array]) -> tuple[Real, Real]:
    """Batch by batch; one whose mean is that of all before it is skipped."""
    centre, variance = moments(parts[0])
    n = len(parts[0])
    for part in parts[1:]:
        m, v = moments(part)
        delta, size = m - centre, len(part)
        if delta.value:
            squares = variance * n + v * size + delta * delta * n * size / (n + size)
            centre, variance, n = centre + delta * size / (n + size), squares / (n + size), n + size
    return centre, variance


def _merged(x: Inputs, c: Choices) -> Outputs:
    pairs = [_without_equal_means([batch[:, d] for batch in x.batches]) for d in range(x.batches[0].shape[1])]
    return {"mean": np.array([m for m, _ in pairs], dtype=object), "var": np.array([v for _, v in pairs], dtype=object)}


Family(CATALOGUE, "masked_mean").add(
    "zeros-not-counted", "Slots that hold 0 are taken for masked ones.", "sum(x * mask) / count_nonzero(x * mask)",
    "A loss or reward of exactly 0 is a number like any other.", _mean_of_nonzero)
Family(CATALOGUE, "normalize_advantages").add(
    "zeros-not-counted", "Advantages of 0 are taken for padding.", "A[A != 0].mean(), A[A != 0].std()",
    "An advantage of exactly 0 is a number like any other.", _by_nonzero)
Family(CATALOGUE, "running_moments").add(
    "equal-means-not-merged", "A batch whose mean is the running one is skipped.",
    "if delta == 0: return", "Its rows do not count, and its spread is lost.", _merged)
