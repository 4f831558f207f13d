"""Gradient clipping by norm, Adam, and moments that are merged."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, product
from typing import Any

import numpy as np
import z3

from ppocore import optimizers
from ppocore._kernels import plain
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.balls import examined
from proofs.methods.exact import everywhere
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.rounding import Desk
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Sqrt, Sym, reals, term

ROOM = "ppocore.optimizers:"
ADAM = [ROOM + "adam_kernel", ROOM + "adam_step"]
PLAIN = [ROOM + "sgd_kernel", ROOM + "sgd_step"]
MOMENTS = [ROOM + "running_moments", ROOM + "update_moments"]

# -- OPT-01 ----------------------------------------------------------------------------------------


@proof("OPT-01", "z3", "any number of entries (only their sum of squares enters): norm, direction, twice is once",
       code=[ROOM + "clip_grad_norm"])
def _() -> Outcome:
    norm, bound, squares, again = reals("norm bound squares again")
    given = [norm >= 0, bound > 0, squares == norm * norm]
    factor = z3.If(norm > bound, bound / norm, 1)
    after = z3.If(norm > bound, bound, norm)
    return every([
        forall([norm, bound, squares], given, factor * factor * squares == after * after),
        forall([norm, bound, squares], given, z3.And(factor > 0, factor <= 1)),
        forall([norm, bound, again], [*given, again >= 0, again * again == factor * factor * squares],
               z3.If(again > bound, bound / again, 1) == 1),
    ])


PYTHAGOREAN = (
    (5, ((3,), (4,))), (3, ((1, 2), (2,))), (7, ((2, 3, 6),)), (9, ((1,), (4,), (8,))), (2, ((1, -1), (1, -1))),
    (11, ((-2, 6), (9,))), (0, ((0, 0), (0,))),
)
"""Whole norms of lists of arrays."""


@proof("OPT-01", "float64", "clip_grad_norm() on whole norms, times powers of two from 2^-600 to 2^600, bounds from a "
       "quarter of the norm to four times: bit for bit, and once more changes nothing")
def _() -> Outcome:
    count = 0
    for (norm, arrays), power, share in product(PYTHAGOREAN, (-600, -3, 0, 600), (0.25, 0.5, 1.0, 4.0)):
        scale = 2.0**power
        grads = [np.array(array) * scale for array in arrays]
        bound = norm * scale * share or 1.0
        out = optimizers.clip_grad_norm(grads, max_norm=bound)
        twice = optimizers.clip_grad_norm(out.grads, max_norm=bound)
        clipped = zip(out.grads, grads, twice.grads, strict=True)
        kept = all(np.array_equal(x, g * min(1.0, share)) and np.array_equal(x, y) for x, g, y in clipped)
        if not kept or out.norm != norm * scale or twice.norm != norm * scale * min(1.0, share):
            return refuted(f"{arrays} times 2^{power}, bound {bound}")
        count += 1
    return proved(f"{count} lists of arrays")


def _one_by_one(grads, max_norm) -> bool:
    """Whether clipping each array by its own norm gives the same."""
    together = optimizers.clip_grad_norm(list(grads), max_norm=max_norm).grads
    apart = [optimizers.clip_grad_norm([grad], max_norm=max_norm).grads[0] for grad in grads]
    return all(np.array_equal(x, y) for x, y in zip(together, apart, strict=True))


@refutation("OPT-01", "float64", "every array by its own norm", claim=_one_by_one)
def _() -> Outcome:
    point = {"grads": ((3.0,), (4.0,)), "max_norm": 2.5}
    return proved() if _one_by_one(**point) else refuted(**point)


def _norm_after(norm, bound) -> Any:
    """The norm after scaling with 1e-6 added to the norm, as PyTorch does."""
    return norm * bound / (norm + Fraction(1, 10**6))


@refutation("OPT-01", "z3", "1e-6 added to the norm before the division: the norm after is the bound",
            claim=lambda norm, bound: _norm_after(norm, bound) == bound, kept=lambda norm, bound: norm > bound > 0)
def _() -> Outcome:
    norm, bound = reals("norm bound")
    return forall([norm, bound], [norm > bound, bound > 0], norm * bound / (norm + z3.Q(1, 10**6)) == bound)


# -- OPT-02 ----------------------------------------------------------------------------------------

g, beta1, beta2, lr, eps, param = reals("g beta1 beta2 lr eps param")
HYPER = [beta1 >= 0, beta1 < 1, beta2 >= 0, beta2 < 1, lr >= 0, eps > 0]


def adam(first: Any, second: Any, correction1: Any, correction2: Any, grad: Any = g) -> Any:
    """The shipped kernel on symbols."""
    numbers = (param, grad, first, second, correction1, correction2, lr, beta1, beta2, eps)
    return plain(optimizers.adam_kernel)(*map(Sym, numbers))


def weighted(beta: Any, terms: Sequence[Any]) -> Any:
    """(1 - beta) times the sum of beta^(t - i) x_i, i = 1 ... t."""
    power = 1
    total = 0 * beta
    for x in reversed(terms):
        total, power = total + (1 - beta) * power * x, power * beta
    return total


@proof("OPT-02", "z3",
       "kernel, six steps in a row, every number symbolic: both moments are the weighted sums", code=ADAM)
def _() -> Outcome:
    grads = reals("g1 g2 g3 g4 g5 g6")

    def run() -> list[Any]:
        moments = [(0, 0)]
        for grad in grads:
            moments.append(adam(*moments[-1], 1, 1, grad)[1:])
        return moments[1:]

    def claim(moments: list[Any]) -> Any:
        firsts = (term(first) == weighted(beta1, grads[:t]) for t, (first, _) in enumerate(moments, 1))
        squares = [grad * grad for grad in grads]
        seconds = (term(second) == weighted(beta2, squares[:t]) for t, (_, second) in enumerate(moments, 1))
        return z3.And(*firsts, *seconds)

    return on_every_path([*grads, beta1, beta2], HYPER, run, claim)


@proof("OPT-02", "z3",
       "kernel, the induction step for every t: from moments (1 - p) g and (1 - q) g^2 to (1 - beta p) g and (1 "
       "- beta q) g^2, so that the corrected ones stay g and g^2")
def _() -> Outcome:
    p, q = reals("p q")
    given = [*HYPER, p > 0, p <= 1, q > 0, q <= 1]
    after1, after2 = 1 - beta1 * p, 1 - beta2 * q
    return on_every_path(
        [g, p, q, beta1, beta2], given, lambda: adam((1 - p) * g, (1 - q) * g * g, after1, after2),
        lambda out: z3.And(term(out[1]) / after1 == g, term(out[2]) / after2 == g * g),
    )


@proof("OPT-02", "z3",
       "kernel, the first step: learning_rate g / (|g| + eps), given that a root squares to its argument")
def _() -> Outcome:
    corrected = (beta2 * 0 + (1 - beta2) * g * g) / (1 - beta2)
    root = Sqrt(corrected)
    size = z3.If(g >= 0, g, -g)
    return on_every_path(
        [g, param, beta1, beta2, lr, eps], HYPER, lambda: adam(0, 0, 1 - beta1, 1 - beta2),
        lambda out: term(out[0]) == param - lr * g / (size + eps),
        lemmas=[root >= 0, root * root == corrected],
    )


GRADIENTS = (3, -5, 7, 2, -1, 6)


@proof("OPT-02", "float64",
       "adam_step(), six steps with beta1 = 1/2, beta2 = 3/4: moments are the exact sums bit for bit; a constant "
       "gradient is found again by the corrections; the first step")
def _() -> Outcome:
    first = second = np.zeros(2)
    half, three = Fraction(1, 2), Fraction(3, 4)
    for t in range(1, 7):
        out = optimizers.adam_step([0.0, 0.0], [GRADIENTS[t - 1], 3.0], first, second, step=t, learning_rate=0.5,
                                   beta1=0.5, beta2=0.75, eps=1.0)
        first, second = out.first_moment, out.second_moment
        seen = [Fraction(x) for x in GRADIENTS[:t]]
        exact = weighted(half, seen), weighted(three, [x * x for x in seen])
        constant = 3 * (1 - half**t), 9 * (1 - three**t)
        if (first[0], second[0]) != exact or (first[1], second[1]) != constant:
            return refuted(f"step {t}: {first}, {second}")
        if t == 1 and out.params.tolist() != [-0.375, -0.375]:
            return refuted(f"first step {out.params}")
    return proved("6 steps")


def _unbiased_without_correction(g, beta1) -> bool:
    return plain(optimizers.adam_kernel)(0.0, float(g), 0.0, 0.0, 1.0, 1.0, 1.0, float(beta1), 0.5, 1.0)[1] == g


@refutation("OPT-02", "z3", "the first moment is the constant gradient already without the correction",
            claim=_unbiased_without_correction, kept=lambda g, beta1: 0 <= beta1 < 1)
def _() -> Outcome:
    return on_every_path([g, beta1], HYPER, lambda: adam(0, 0, 1, 1), lambda out: term(out[1]) == g)


def _first_step_is_the_rate(grads, eps) -> bool:
    zeros = [0.0] * len(grads)
    moved = optimizers.adam_step(zeros, grads, zeros, zeros, step=1, learning_rate=1.0, beta1=0.5, beta2=0.5, eps=eps)
    return set(np.abs(moved.params)) == {1.0}


@refutation("OPT-02", "float64", "the first step is exactly the learning rate", claim=_first_step_is_the_rate,
            kept=lambda grads, eps: all(grads) and eps > 0)
def _() -> Outcome:
    point = {"grads": (3.0, -1.0), "eps": 1.0}
    return proved() if _first_step_is_the_rate(**point) else refuted(**point)


# -- OPT-03 ----------------------------------------------------------------------------------------


def mean_and_variance(numbers: Sequence[Any]) -> tuple[Any, Any]:
    mean = sum(numbers) / len(numbers)
    return mean, sum((x - mean) * (x - mean) for x in numbers) / len(numbers)


def merged(before: Sequence[Any], batch: Sequence[Any]) -> tuple[Any, Any]:
    """The formula of `update_moments`."""
    (mean1, var1), (mean2, var2) = mean_and_variance(before), mean_and_variance(batch)
    n1, n2 = len(before), len(batch)
    n = n1 + n2
    gap = mean2 - mean1
    return mean1 + gap * n2 / n, (n1 * var1 + n2 * var2) / n + gap * gap * n1 * n2 / (n * n)


@proof("OPT-03", "flint",
       "formula = moments of the concatenation: 1 to 6 rows and 1 to 6 more, all symbolic", code=MOMENTS)
def _() -> Outcome:
    def pairs():
        for n1, n2 in product(range(1, 7), repeat=2):
            ring = Ring(f"{rows('x', n1)} {rows('y', n2)}")
            x, y = ring.row("x", n1), ring.row("y", n2)
            yield from zip(merged(x, y), mean_and_variance([*x, *y]), strict=True)

    return same(pairs())


@proof("OPT-03", "z3", "for batches of any sizes, from their sums and sums of squares")
def _() -> Outcome:
    n1, n2, s1, s2, q1, q2 = reals("n1 n2 s1 s2 q1 q2")
    n, mean1, mean2 = n1 + n2, s1 / n1, s2 / n2
    mean = (s1 + s2) / n
    gap = mean2 - mean1
    spread = (n1 * (q1 / n1 - mean1 * mean1) + n2 * (q2 / n2 - mean2 * mean2)) / n
    variables, given = [n1, n2, s1, s2, q1, q2], [n1 > 0, n2 > 0]
    return every([
        forall(variables, given, mean1 + gap * n2 / n == mean),
        forall(variables, given, spread + gap * gap * n1 * n2 / (n * n) == (q1 + q2) / n - mean * mean),
    ])


ROWS = ((1, 0), (4, -6), (7, 6), (12, -8), (0, -8), (9, 1), (-6, 5), (2, 3))
CUTS = ((2, 2), (4, 4), (2, 2, 4), (1, 1, 2, 4), (3, 1), (3, 1, 4))
"""Cuts of the first rows into batches with which nothing is rounded: counts are powers of two, or the first three rows,
whose sums and sums of squared deviations divide by three."""


@proof("OPT-03", "float64",
       "running_moments() and chains of update_moments() on dyadic rows, six ways to cut them: the exact "
       "moments, bit for bit")
def _() -> Outcome:
    for sizes in CUTS:
        ends = list(accumulate(sizes))
        batches = [np.array(ROWS[end - size : end], dtype=float) for end, size in zip(ends, sizes, strict=True)]
        whole = optimizers.running_moments(batches)
        chained = optimizers.running_moments(batches[:1])
        for batch in batches[1:]:
            chained = optimizers.update_moments(chained, batch)
        exact = [mean_and_variance([Fraction(row[d]) for row in ROWS[: ends[-1]]]) for d in (0, 1)]
        for found in (whole, chained):
            if list(zip(found.mean, found.var, strict=True)) != exact or found.num_rows != ends[-1]:
                return refuted(f"sizes {sizes}")
    return proved(f"{len(CUTS)} cuts")


def _no_gap(before, batch) -> bool:
    """Whether the merged variance is the weighted mean of the two."""
    moments = optimizers.update_moments(optimizers.running_moments([before]), batch)
    parts = [(len(part), mean_and_variance([row[0] for row in part])[1]) for part in (before, batch)]
    return moments.var[0] == sum(n * v for n, v in parts) / sum(n for n, _ in parts)


@refutation("OPT-03", "float64", "the variance is the weighted mean of the variances", claim=_no_gap)
def _() -> Outcome:
    point = {"before": ((1.0,), (3.0,)), "batch": ((5.0,), (7.0,))}
    return proved() if _no_gap(**point) else refuted(**point)


def _mean_of_means(before, batch) -> bool:
    moments = optimizers.update_moments(optimizers.running_moments([before]), batch)
    return moments.mean[0] == sum(mean_and_variance([row[0] for row in part])[0] for part in (before, batch)) / 2


@refutation("OPT-03", "float64", "the mean is the mean of the means", claim=_mean_of_means)
def _() -> Outcome:
    point = {"before": ((1.0,),), "batch": ((5.0,), (7.0,), (9.0,))}
    return proved() if _mean_of_means(**point) else refuted(**point)


# -- OPT-04 ----------------------------------------------------------------------------------------

x, a = reals("x a")


def stepped() -> Any:
    """The shipped kernel on the gradient of a x^2 / 2."""
    return plain(optimizers.sgd_kernel)(Sym(x), Sym(a * x), Sym(lr))


@proof("OPT-04", "z3", "kernel: x' = (1 - lr a) x; k^2 x^2 <= x^2 exactly if -1 <= k <= 1, k = 1 - lr a",
       code=PLAIN)
def _() -> Outcome:
    k = z3.Real("k")
    return every([
        on_every_path([x, a, lr], [a > 0, x != 0], stepped, lambda out: term(out) == (1 - lr * a) * x),
        forall([x, k], [x != 0], (k * k * x * x <= x * x) == z3.And(k >= -1, k <= 1)),
        forall([a, lr, k], [k == 1 - lr * a], z3.And(k >= -1, k <= 1) == z3.And(lr * a >= 0, lr * a <= 2)),
    ])


def _never_up(x, a, lr) -> bool:
    after = plain(optimizers.sgd_kernel)(x, a * x, lr)
    return a * after * after <= a * x * x


@refutation("OPT-04", "z3", "a step down the gradient never goes up, whatever the learning rate", claim=_never_up,
            kept=lambda x, a, lr: a > 0 and lr >= 0)
def _() -> Outcome:
    return on_every_path([x, a, lr], [a > 0, lr >= 0], stepped, lambda out: a * term(out) * term(out) <= a * x * x)


# -- ACC-34 ----------------------------------------------------------------------------------------

@proof("ACC-34", "flint", "kernel: one rounding of the product, one of the difference", code=PLAIN)
def _() -> Outcome:
    desk = Desk()
    p, g, rate = desk.number(), desk.number(), desk.number(signed=False)
    after = plain(optimizers.sgd_kernel)(p, g, rate)
    return everywhere("outputs", [(after.within(p.size + 2 * rate.size * g.size), {"output": "params"})])


def _one_rounding_of_the_result(param, grad, learning_rate):
    got = Fraction(float(optimizers.sgd_step([param], [grad], learning_rate=learning_rate)[0]))
    exact = Fraction(param) - Fraction(learning_rate) * Fraction(grad)
    return abs(got - exact) <= Fraction(2, 2**53) * abs(exact)


@refutation("ACC-34", "float64", "the result is right to 2 u of itself: the product may cancel the parameter",
            claim=_one_rounding_of_the_result)
def _() -> Outcome:
    return examined(_one_rounding_of_the_result, param=0.03, grad=0.3, learning_rate=0.1)
