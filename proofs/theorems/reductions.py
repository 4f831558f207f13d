"""The means in use: their weights, what masked slots do to them, and how they convert."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from ppocore import reductions
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.polynomials import Ring, same
from proofs.methods.solver import forall
from proofs.methods.symbolic import reals

ROOM = "ppocore.reductions:"
KERNEL_PATH = [ROOM + "reduce_samples"]
Mask = Sequence[Sequence[bool]]
Batch = Sequence[Sequence[Any]]

# -- the definitions: sums over any numbers ---------------------------------------------------------


def kept(x: Batch, mask: Mask) -> list[list[Any]]:
    """The valid entries of every row."""
    return [[entry for entry, use in zip(*row, strict=True) if use] for row in zip(x, mask, strict=True)]


def token_mean(x: Batch, mask: Mask) -> Any:
    rows = kept(x, mask)
    return sum(map(sum, rows)) / sum(map(len, rows))


def row_mean(x: Batch, mask: Mask) -> Any:
    rows = kept(x, mask)
    return sum(sum(row) / len(row) for row in rows) / len(rows)


def row_sum(x: Batch, mask: Mask) -> Any:
    rows = kept(x, mask)
    return sum(map(sum, rows)) / len(rows)


DEFINITIONS = {"masked_mean": token_mean, "sequence_mean": row_mean, "sequence_sum_mean": row_sum}
Definition = Callable[[Batch, Mask], Any]


def weights(definition: Definition, mask: Mask) -> list[list[Fraction]]:
    """The definition on the batch that is 1 in one slot and 0 elsewhere, for every slot."""
    places = [[(b, t) for t in range(len(row))] for b, row in enumerate(mask)]

    def unit(place: tuple[int, int]) -> Batch:
        return [[Fraction(int(other == place)) for other in row] for row in places]

    return [[Fraction(definition(unit(place), mask)) for place in row] for row in places]


def masks(rows: int, length: int) -> Iterator[Mask]:
    """All masks without an empty row."""
    return product([row for row in product((False, True), repeat=length) if any(row)], repeat=rows)


def lengths(mask: Mask) -> list[int]:
    return [sum(row) for row in mask]


# -- what is checked of each --------------------------------------------------------------------------

SHAPES = ((1, 6), (2, 4), (3, 3))
EXACT_SHAPES = ((1, 8), (2, 4), (4, 2), (8, 1))


def batch_of(ring: Ring, rows: int, length: int) -> Batch:
    return [[ring[f"x{b}{t}"] for t in range(length)] for b in range(rows)]


def ring_of(rows: int, length: int, more: str = "") -> Ring:
    return Ring(" ".join(f"x{b}{t}" for b in range(rows) for t in range(length)) + f" {more}")


def given(numbers: dict[str, Fraction], rows: int, length: int) -> Batch:
    """The batch of a witness."""
    return [[numbers[f"x{b}{t}"] for t in range(length)] for b in range(rows)]


def linear(name: str, total: Callable[[Mask], Fraction]) -> Outcome:
    """The definition is the sum of weight times entry; the weights add up to `total`, and masked slots have none."""

    def pairs():
        for rows, length in SHAPES:
            ring = ring_of(rows, length)
            x = batch_of(ring, rows, length)
            for mask in masks(rows, length):
                slopes = weights(DEFINITIONS[name], mask)
                terms = zip(sum(x, []), sum(slopes, []), strict=True)
                yield DEFINITIONS[name](x, mask), sum(p * w.numerator / w.denominator for p, w in terms)
                yield ring.number(sum(map(sum, slopes))), ring.number(total(mask))
                yield ring.number(sum(w for _, w in masked(slopes, mask))), ring.number(0)

    return same(pairs(), f"all masks of shapes {', '.join(map(str, SHAPES))}")


def masked(slopes: list[list[Fraction]], mask: Mask) -> list[tuple[bool, Fraction]]:
    """The masked slots, with the sizes of their weights."""
    pairs = [pair for row in zip(mask, slopes, strict=True) for pair in zip(*row, strict=True)]
    return [(use, abs(weight)) for use, weight in pairs if not use]


def computes_exactly(name: str, mask: Mask) -> bool:
    """Whether every division is by a power of two, so that float64 does not round."""
    counts = lengths(mask)
    divisors = {"masked_mean": [sum(counts)], "sequence_mean": [*counts, len(mask)], "sequence_sum_mean": [len(mask)]}
    return all(count & (count - 1) == 0 for count in divisors[name])


def shipped(name: str, mask: Mask) -> tuple[Batch, Any]:
    """A chosen dyadic batch, and the public function on it with NaN in masked slots."""
    numbers = (np.arange(len(mask) * len(mask[0])) ** 2 - 7.0).reshape(len(mask), -1) / 2
    out = getattr(reductions, name)(np.where(mask, numbers, np.nan), np.array(mask))
    return [[Fraction(float(x)) for x in row] for row in numbers], out


def agrees(name: str, mask: Mask) -> bool:
    """Whether mean and gradient are those of the definition."""
    x, out = shipped(name, mask)
    gradient = [[Fraction(float(slope)) for slope in row] for row in out.grad_x]
    return Fraction(float(out.mean)) == DEFINITIONS[name](x, mask) and gradient == weights(DEFINITIONS[name], mask)


def computed(name: str) -> Outcome:
    """The public function is the definition, bit for bit, wherever float64 does not round."""
    found = [mask for shape in EXACT_SHAPES for mask in masks(*shape) if computes_exactly(name, mask)]
    assert found
    wrong = next((mask for mask in found if not agrees(name, mask)), None)
    return refuted(f"mask {wrong}") if wrong else proved(f"{len(found)} masks of shapes {EXACT_SHAPES}")


ONE_IN_ROW = ((True, True), (True, False))
"""Two valid slots in the first row, one in the second."""


def sibling(definition: Definition, wrong: Definition) -> Outcome:
    """Whether another definition gives the same on a row of 2 and a row of 1 valid slots."""
    x = batch_of(ring_of(2, 2), 2, 2)
    return same([(definition(x, ONE_IN_ROW), wrong(x, ONE_IN_ROW))])


def claims(definition: Definition, wrong: Definition) -> Callable[..., bool]:
    """Its replay on numbers."""
    return lambda **numbers: definition(x := given(numbers, 2, 2), ONE_IN_ROW) == wrong(x, ONE_IN_ROW)


# -- RED-01 ... RED-04 --------------------------------------------------------------------------------


@proof("RED-01", "flint", "definition = weights times entries, weights add up to 1", code=[ROOM + "masked_mean"])
def _() -> Outcome:
    return linear("masked_mean", lambda mask: Fraction(1))


@proof("RED-01", "float64", "masked_mean(), mean and gradient, NaN in masked slots", code=KERNEL_PATH)
def _() -> Outcome:
    return computed("masked_mean")


def over_all_slots(x: Batch, mask: Mask) -> Any:
    return sum(map(sum, kept(x, mask))) / sum(map(len, x))


@refutation("RED-01", "flint", "divided by the number of all slots", claim=claims(token_mean, over_all_slots))
def _() -> Outcome:
    return sibling(token_mean, over_all_slots)


@proof("RED-02", "flint", "definition = weights times entries, weights add up to 1", code=[ROOM + "sequence_mean"])
def _() -> Outcome:
    return linear("sequence_mean", lambda mask: Fraction(1))


@proof("RED-02", "float64", "sequence_mean(), mean and gradient, NaN in masked slots", code=KERNEL_PATH)
def _() -> Outcome:
    return computed("sequence_mean")


@refutation("RED-02", "flint", "= the mean over all valid slots", claim=claims(row_mean, token_mean))
def _() -> Outcome:
    return sibling(row_mean, token_mean)


@proof("RED-03", "flint", "definition = weights times entries, weights add up to the mean number of valid slots",
       code=[ROOM + "sequence_sum_mean"])
def _() -> Outcome:
    return linear("sequence_sum_mean", lambda mask: Fraction(sum(lengths(mask)), len(mask)))


@proof("RED-03", "float64", "sequence_sum_mean(), mean and gradient, NaN in masked slots", code=KERNEL_PATH)
def _() -> Outcome:
    return computed("sequence_sum_mean")


@refutation("RED-03", "flint", "= the mean over the rows of each row's mean", claim=claims(row_sum, row_mean))
def _() -> Outcome:
    return sibling(row_sum, row_mean)


@proof("RED-04", "float64", "trajectory_mean() of the valid steps end to end = sequence_sum_mean() of the padded batch",
       code=[ROOM + "trajectory_mean", ROOM + "sequence_sum_mean"])
def _() -> Outcome:
    found = [mask for shape in EXACT_SHAPES for mask in masks(*shape)]
    for mask in found:
        x, padded = shipped("sequence_sum_mean", mask)
        steps = [float(entry) for row in kept(x, mask) for entry in row]
        out = reductions.trajectory_mean(steps, lengths(mask))
        exact = row_sum(x, mask)
        if not out.mean == padded.mean == exact or set(out.grad_x) != {1 / len(mask)}:
            return refuted(f"mask {mask}")
    return proved(f"{len(found)} masks of shapes {EXACT_SHAPES}")


def _divides_by_steps(steps, trajectory_lengths) -> bool:
    return reductions.trajectory_mean(steps, trajectory_lengths).mean == sum(steps) / sum(trajectory_lengths)


@refutation("RED-04", "float64", "divided by the number of steps", claim=_divides_by_steps)
def _() -> Outcome:
    point = {"steps": (1.0, 2.0, 6.0), "trajectory_lengths": (2, 1)}
    return proved() if _divides_by_steps(**point) else refuted(**point)


# -- RED-05 ... RED-07: conversions ---------------------------------------------------------------------


def objective(reduction: Definition, x: Batch, mask: Mask, beta: Any, penalty: Any) -> Any:
    """Minus the reduced first term, plus the weighted penalty."""
    return beta * penalty - reduction(x, mask)


@proof("RED-05", "flint", "all masks of three shapes, entries, beta and KL symbolic",
       code=[ROOM + name for name in ("sequence_sum_mean", "masked_mean", "sequence_mean")])
def _() -> Outcome:
    def pairs():
        for rows, length in SHAPES:
            ring = ring_of(rows, length, "beta kl")
            x, beta, kl = batch_of(ring, rows, length), ring["beta"], ring["kl"]
            for mask in masks(rows, length):
                steps = sum(lengths(mask))
                yield row_sum(x, mask), token_mean(x, mask) * steps / rows
                source = objective(row_sum, x, mask, beta, kl)
                yield source, objective(token_mean, x, mask, beta * rows / steps, kl) * steps / rows
                if len(set(lengths(mask))) == 1:
                    yield row_sum(x, mask), row_mean(x, mask) * lengths(mask)[0]

    return same(pairs())


@proof("RED-05", "float64", "the public functions obey the conversions on all masks on which nothing is rounded")
def _() -> Outcome:
    found = [mask for mask in masks(4, 2) if sum(lengths(mask)) in (4, 8)]
    for mask in found:
        summed, tokens = (shipped(name, mask)[1] for name in ("sequence_sum_mean", "masked_mean"))
        factor = sum(lengths(mask)) / 4
        if summed.mean != tokens.mean * factor or not np.array_equal(summed.grad_x, tokens.grad_x * factor):
            return refuted(f"mask {mask}")
    assert len(found) >= 2
    return proved(f"{len(found)} masks of shape (4, 2)")


@proof("RED-05", "z3",
       "for every N, T and beta: the same optimum exactly if the per-step beta is beta N / (sum of T_n)")
def _() -> Outcome:
    count, steps, beta, per_step, theta, slope = reals("N steps beta per_step theta slope")
    # First-order condition of beta theta^2 / 2 - trajectory(theta slope), and of the per-step form.
    given = [count > 0, steps > 0, beta > 0, per_step > 0, slope != 0, beta * theta == slope / count]
    same_optimum = per_step * theta == slope / steps
    return forall(
        [count, steps, beta, per_step, theta, slope], given, same_optimum == (per_step == beta * count / steps)
    )


def minimiser(reduction: Definition, beta: Fraction) -> Fraction:
    """argmin over theta of beta theta^2 / 2 - reduction(theta), the same theta in every slot of `ONE_IN_ROW`."""
    ones = [[Fraction(1)] * 2] * 2
    return reduction(ones, ONE_IN_ROW) / beta


def _same_beta(beta) -> bool:
    return minimiser(row_sum, beta) == minimiser(token_mean, beta)


@refutation("RED-05", "exact", "beta kept when the trajectory mean becomes a mean over steps: the same optimum",
            claim=_same_beta, kept=lambda beta: beta > 0)
def _() -> Outcome:
    return proved() if _same_beta(Fraction(1)) else refuted(beta=Fraction(1))


def equal_weights(left: Definition, right: Definition, mask: Mask) -> bool:
    return weights(left, mask) == weights(right, mask)


@proof("RED-06", "exact",
       "all masks of shapes (2, 4), (3, 3) and (4, 2): equal weights exactly where lengths are equal",
       code=[ROOM + "masked_mean", ROOM + "sequence_mean"])
def _() -> Outcome:
    found = [mask for shape in ((2, 4), (3, 3), (4, 2)) for mask in masks(*shape)]
    wrong = [m for m in found if equal_weights(row_mean, token_mean, m) != (len(set(lengths(m))) == 1)]
    return refuted(f"mask {wrong[0]}") if wrong else proved(f"{len(found)} masks")


@proof("RED-06", "float64", "the gradients that masked_mean() and sequence_mean() return, the same masks")
def _() -> Outcome:
    found = [mask for shape in ((2, 4), (4, 2)) for mask in masks(*shape)]
    for mask in found:
        rows, tokens = (shipped(name, mask)[1].grad_x for name in ("sequence_mean", "masked_mean"))
        if np.array_equal(rows, tokens) != (len(set(lengths(mask))) == 1):
            return refuted(f"mask {mask}")
    return proved(f"{len(found)} masks of shapes (2, 4), (4, 2)")


def _equal_for_every_mask(x, mask) -> bool:
    means = (getattr(reductions, name)(x, mask).mean for name in ("masked_mean", "sequence_mean"))
    return len(set(map(float, means))) == 1


@refutation("RED-06", "float64", "for rows of unequal lengths", claim=_equal_for_every_mask)
def _() -> Outcome:
    point = {"x": ((1.0, 3.0), (8.0, 0.0)), "mask": ONE_IN_ROW}
    return proved() if _equal_for_every_mask(**point) else refuted(**point)


def mean_of(numbers: Sequence[Any]) -> Any:
    return sum(numbers) / len(numbers)


def split(numbers: Sequence[Any], sizes: Sequence[int]) -> list[Sequence[Any]]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [numbers[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def sizes_of(total: int) -> Iterator[tuple[int, ...]]:
    """All ways to cut so many samples into micro-batches."""
    for first in range(1, total):
        yield from ((first, *rest) for rest in sizes_of(total - first))
    yield (total,)


@proof("RED-07", "flint",
       "up to 8 samples, every way to cut them, samples symbolic: weighted by size always; plain mean of means "
       "exactly if the sizes are equal", code=[ROOM + "masked_mean"])
def _() -> Outcome:
    def pairs():
        for total in range(1, 9):
            ring = Ring(" ".join(f"x{i}" for i in range(total)))
            x = ring.row("x", total)
            for sizes in sizes_of(total):
                parts = [mean_of(part) for part in split(x, sizes)]
                yield mean_of(x), sum(part * size for part, size in zip(parts, sizes, strict=True)) / total
                equal = mean_of(parts) == mean_of(x)
                yield ring.number(int(equal)), ring.number(int(len(set(sizes)) == 1))

    return same(pairs())


def _mean_of_means(x, sizes) -> bool:
    def mean(part: Sequence[float]) -> float:
        return float(reductions.masked_mean(part, [True] * len(part)).mean)

    return mean([mean(part) for part in split(x, sizes)]) == mean(x)


@proof("RED-07", "float64", "masked_mean() of 8 samples, all cuts into 1, 2, 4 or 8 equal parts")
def _() -> Outcome:
    x = (1.0, -3.5, 2.0, 7.0, 0.5, -4.0, 6.0, 11.0)
    counts = (1, 2, 4, 8)
    held = [_mean_of_means(x, (8 // count,) * count) for count in counts]
    return proved(f"{len(counts)} cuts") if all(held) else refuted(f"{counts[held.index(False)]} parts")


@refutation("RED-07", "float64", "micro-batches of unequal sizes", claim=_mean_of_means)
def _() -> Outcome:
    point = {"x": (1.0, 3.0, 8.0), "sizes": (2, 1)}
    return proved() if _mean_of_means(**point) else refuted(**point)
