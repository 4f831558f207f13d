"""Importance sampling, exactly on finite spaces, and the shipped float64 estimators against the exact numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import z3

from ppocore import expectations, importance
from proofs.ledger import mutant, proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.exact import Q, Row, at, everywhere, is_near, mean, row
from proofs.methods.finite import (
    are_distributions,
    chi_square,
    covered,
    covered_pairs,
    distributions,
    logs,
    weight_units,
    weights,
)
from proofs.methods.solver import forall
from proofs.methods.symbolic import reals
from proofs.methods.worlds import MIXED, NEW, OLD, flat, likelihood, policy_of, two_actions

ESTIMATE = "ppocore.importance:importance_estimate"
EXACT = "ppocore.expectations:exact_importance_expectation"
VARIANCE = "ppocore.expectations:exact_importance_variance"

S5 = {"f": row(1, 5), "p": row("7/10", "3/10"), "q": row("1/5", "4/5")}
"""The numbers of mission row S5."""
MISSING = {"f": row(1, 5), "p": row("1/2", "1/2"), "q": row(1, 0)}
"""Samples of q never see the second point."""


def weighted(f: Row, p: Row, q: Row) -> Q:
    """E_q[f p/q], the literal sum over the points that q can draw."""
    return sum((b * (v * a / b) for v, a, b in zip(f, p, q, strict=True) if b), Q(0))


def supported(f: Row, p: Row, q: Row) -> bool:
    return all(b > 0 or v * a == 0 for v, a, b in zip(f, p, q, strict=True))


def refused(function: Callable[..., object], *arguments: Row) -> bool:
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


def expected_over_samples(estimator: Callable[..., tuple], f: Row, p: Row, q: Row, size: int) -> Q:
    """Exact expectation of a float64 estimator over all samples of that size that q can draw."""
    whole = Q(0)
    for sample in product([x for x in range(len(q)) if q[x]], repeat=size):
        fx, at_p, at_q = ([values[x] for x in sample] for values in (f, p, q))
        whole += math.prod(at_q) * Q(estimator([float(v) for v in fx], logs(at_p), logs(at_q))[0])
    return whole


def is_unbiased(f: Row, p: Row, q: Row, size: int) -> bool:
    """Whether the shipped estimator's expectation is E_p[f], up to the rounding of its inputs and its own."""
    got = expected_over_samples(importance.importance_estimate, f, p, q, size)
    return is_near(got, mean(f, p), units=weight_units([*p, *q], size), scale=mean(map(abs, f), p))


@proof("IS-01", "exact", "3 points, probabilities in thirds, f in {-1, 0, 2}^3: equality exactly where the support "
       "condition holds, else refusal, and the defect is the missing mass", code=[EXACT])
def _() -> Outcome:
    def claims():
        for f, p, q in product(product(row(-1, 0, 2), repeat=3), distributions(3, 3), distributions(3, 3)):
            defect = sum((v * a for v, a, b in zip(f, p, q, strict=True) if not b), Q(0))
            arguments = (f, p, q)
            if supported(*arguments):
                holds = expectations.exact_importance_expectation(*arguments) == weighted(*arguments) == mean(f, p)
            else:
                holds = refused(expectations.exact_importance_expectation, *arguments)
            yield holds and mean(f, p) - weighted(*arguments) == defect, {"f": f, "p": p, "q": q}

    return everywhere("triples (f, p, q)", claims())


def _unconditional(f: Row, p: Row, q: Row) -> bool:
    return weighted(f, p, q) == mean(f, p)


@refutation("IS-01", "exact", "the support condition dropped", claim=_unconditional, kept=are_distributions)
def _() -> Outcome:
    return at(_unconditional, **MISSING)


@proof("IS-02", "exact", "3 points, probabilities in fourths", code=[EXACT])
def _() -> Outcome:
    one = row(1, 1, 1)
    return everywhere(
        "pairs (p, q)",
        (
            (expectations.exact_importance_expectation(one, p, q) == mean(weights(p, q), q) == 1, {"p": p, "q": q})
            for p, q in covered_pairs()
        ),
    )


def _mean_one(p: Row, q: Row) -> bool:
    return mean(weights(p, q), q) == 1


@refutation("IS-02", "exact", "q misses a point of p", claim=_mean_one, kept=are_distributions)
def _() -> Outcome:
    return at(_mean_one, p=MISSING["p"], q=MISSING["q"])


@proof("IS-03", "exact", "3 points, probabilities in fourths, three functions", code=[VARIANCE])
def _() -> Outcome:
    def claims():
        for f, (p, q) in product((row(1, 5, 2), row(-3, 0, 1), row("1/2", "-7/3", 0)), covered_pairs()):
            second = sum((a * a * v * v / b for v, a, b in zip(f, p, q, strict=True) if b), Q(0))
            expected = mean([(w * v - mean(f, p)) ** 2 for w, v in zip(weights(p, q), f, strict=True)], q)
            got = expectations.exact_importance_variance(f, p, q)
            yield got == expected == second - mean(f, p) ** 2, {"f": f, "p": p, "q": q}

    return everywhere("triples (f, p, q)", claims())


def _as_under_p(f: Row, p: Row, q: Row) -> bool:
    return expectations.exact_importance_variance(f, p, q) == mean([v * v for v in f], p) - mean(f, p) ** 2


@refutation("IS-03", "exact", "p f^2 in place of p^2 f^2 / q", claim=_as_under_p, kept=covered)
def _() -> Outcome:
    return at(_as_under_p, **S5)


@proof("IS-04", "exact", "3 points, probabilities in fourths; without support off by twice the missing mass",
       code=[VARIANCE])
def _() -> Outcome:
    def claims():
        for p, q in product(distributions(3, 4), repeat=2):
            lost = sum((a for a, b in zip(p, q, strict=True) if not b), Q(0))
            excess = mean([w * w for w in weights(p, q)], q) - 1
            holds = excess == chi_square(p, q) - 2 * lost
            if not lost:
                holds = holds and expectations.exact_importance_variance(row(1, 1, 1), p, q) == excess
            yield holds, {"p": p, "q": q}

    return everywhere("pairs (p, q)", claims())


def _divided_by_p(p: Row, q: Row) -> bool:
    divided = sum(((a - b) ** 2 / a for a, b in zip(p, q, strict=True)), Q(0))
    return mean([w * w for w in weights(p, q)], q) - 1 == divided


@refutation("IS-04", "exact", "divided by p in place of q", claim=_divided_by_p, kept=covered)
def _() -> Outcome:
    return at(_divided_by_p, p=S5["p"], q=S5["q"])


def ratio_of(new, old, path) -> Q:
    return likelihood(new, path) / likelihood(old, path)


def per_decision(new, old, path) -> Q:
    return sum(
        MIXED.gamma**t * ratio_of(new, old, path[: t + 1]) * MIXED.rewards[s][a] for t, (s, a) in enumerate(path)
    )


def world_batch(policy, numbers: Callable[[tuple], Row]) -> list[list[float]]:
    """`numbers` of every trajectory once, times N times its probability: its plain mean is the expectation."""
    found = list(MIXED.trajectories(policy))
    return [[float(len(found) * chance * number) for number in numbers(path)] for chance, path in found]


def rewards_of(path) -> Row:
    return tuple(MIXED.rewards[s][a] for s, a in path)


def logs_of(policy) -> list[list[float]]:
    return [logs([policy[s][a] for s, a in path]) for _, path in MIXED.paths]


def path_units(new, old) -> float:
    entries = [entry for entries in (*new, *old) for entry in entries]
    return weight_units(entries * MIXED.horizon, MIXED.horizon * len(MIXED.paths))


def return_size(new) -> Q:
    """E[sum gamma^t |r_t|] under the new policy: the scale of the rounding errors."""
    return MIXED.expected(new, lambda path: sum(MIXED.gamma**t * abs(r) for t, r in enumerate(rewards_of(path))))


@proof("IS-05", "exact", "2 states, 2 actions, horizon 3, 64 trajectories; and the shipped estimator on all of them",
       code=["ppocore.importance:per_decision_importance_estimate"])
def _() -> Outcome:
    old, new = policy_of(OLD), policy_of(NEW)
    exact = MIXED.expected(old, lambda path: per_decision(new, old, path))
    rewards, everything = world_batch(old, rewards_of), np.ones((len(MIXED.paths), MIXED.horizon), bool)
    got = importance.per_decision_importance_estimate(
        rewards, logs_of(new), logs_of(old), everything, gamma=float(MIXED.gamma)
    )
    near = is_near(got.estimate, exact, units=path_units(new, old), scale=return_size(new))
    instance = {"old": flat(OLD), "new": flat(NEW)}
    return everywhere("estimators", [(exact == MIXED.objective(new), instance), (near, instance)])


def positive(**parameters: Row) -> bool:
    return all(entry > 0 for entries in parameters.values() for entry in entries)


def _per_step(old: Row, new: Row) -> bool:
    """Whether the ratio of the last step alone is enough."""
    at_old, at_new = policy_of(two_actions(*old)), policy_of(two_actions(*new))

    def weighed(path) -> Q:
        return sum(
            MIXED.gamma**t * ratio_of(at_new, at_old, (step,)) * MIXED.rewards[step[0]][step[1]]
            for t, step in enumerate(path)
        )

    return MIXED.expected(at_old, weighed) == MIXED.objective(at_new)


@refutation("IS-05", "exact", "the ratio of each step without the product", claim=_per_step, kept=positive)
def _() -> Outcome:
    return at(_per_step, old=flat(OLD), new=flat(NEW))


@proof("IS-06", "exact", "2 states, 2 actions, horizon 3, 64 trajectories; and the shipped estimator on all of them",
       code=[ESTIMATE])
def _() -> Outcome:
    old, new = policy_of(OLD), policy_of(NEW)
    exact = MIXED.expected(old, lambda path: ratio_of(new, old, path) * MIXED.discounted(path))
    returns = world_batch(old, lambda path: (MIXED.discounted(path),))
    log_p, log_q = ([sum(steps) for steps in logs_of(policy)] for policy in (new, old))
    got = importance.importance_estimate([value for (value,) in returns], log_p, log_q).estimate
    near = is_near(got, exact, units=path_units(new, old), scale=return_size(new))
    instance = {"old": flat(OLD), "new": flat(NEW)}
    return everywhere("estimators", [(exact == MIXED.objective(new), instance), (near, instance)])


def _one_short(old: Row, new: Row) -> bool:
    at_old, at_new = policy_of(two_actions(*old)), policy_of(two_actions(*new))
    weighed = MIXED.expected(at_old, lambda path: ratio_of(at_new, at_old, path[:-1]) * MIXED.discounted(path))
    return weighed == MIXED.objective(at_new)


@refutation("IS-06", "exact", "a product that is one step short", claim=_one_short, kept=positive)
def _() -> Outcome:
    return at(_one_short, old=flat(OLD), new=flat(NEW))


def self_normalized_mean(f: Row, p: Row, q: Row) -> Q:
    """Exact expectation of the weighted mean of two samples."""
    whole, w = Q(0), weights(p, q)
    for i, j in product(range(len(f)), repeat=2):
        whole += q[i] * q[j] * (w[i] * f[i] + w[j] * f[j]) / (w[i] + w[j])
    return whole


@proof("IS-07", "z3", "3 samples, all f and weights: between the least and the largest f",
       code=["ppocore.importance:self_normalized_estimate"])
def _() -> Outcome:
    f, w, (low, high) = reals("f0 f1 f2"), reals("w0 w1 w2"), reals("low high")
    given = [*(x >= 0 for x in w), sum(w) > 0, *(low <= x for x in f), *(x <= high for x in f)]
    estimate = sum(a * b for a, b in zip(w, f, strict=True)) / sum(w)
    return forall([*f, *w, low, high], given, z3.And(low <= estimate, estimate <= high))


@proof("IS-07", "exact", "the bias of S5's numbers at n = 2 is 571/155 - 11/5, in the shipped estimator too",
       code=["ppocore.importance:self_normalized_estimate"])
def _() -> Outcome:
    exact = self_normalized_mean(**S5)
    got = expected_over_samples(importance.self_normalized_estimate, **S5, size=2)
    # The weights enter above and below the fraction bar: twice the error of a mean.
    near = is_near(got, exact, units=2 * weight_units([*S5["p"], *S5["q"]], 2), scale=max(S5["f"]))
    return everywhere("facts", [(exact == Q(571, 155) != mean(S5["f"], S5["p"]), S5), (near, S5)])


def _self_normalized_unbiased(f: Row, p: Row, q: Row) -> bool:
    return self_normalized_mean(f, p, q) == mean(f, p)


@refutation("IS-07", "exact", "unbiased at n = 2", claim=_self_normalized_unbiased, kept=covered)
def _() -> Outcome:
    return at(_self_normalized_unbiased, **S5)


def truncated_mean(f: Row, p: Row, q: Row, most: Q) -> Q:
    return mean([min(w, most) * v for w, v in zip(weights(p, q), f, strict=True)], q)


@proof("IS-08", "exact", "3 points, probabilities in fourths, two functions, c in {1/2, 1, 2}, f p = 0 where q = 0",
       code=["ppocore.expectations:exact_truncation_bias"])
def _() -> Outcome:
    def claims():
        for f, most, (p, q) in product((row(1, 5, 2), row(-3, 0, 1)), row("1/2", 1, 2), covered_pairs()):
            bias = truncated_mean(f, p, q, most) - mean(f, p)
            above = mean([v * max(w - most, Q(0)) for w, v in zip(weights(p, q), f, strict=True)], q)
            got = expectations.exact_truncation_bias(f, p, q, max_weight=most)
            yield got == bias == -above, {"f": f, "p": p, "q": q, "most": most}

    return everywhere("instances (f, p, q, c)", claims())


@proof("IS-08", "exact", "the shipped estimator over all pairs of samples of S5's numbers, c = 1",
       code=["ppocore.importance:truncated_importance_estimate"])
def _() -> Outcome:
    def estimator(*arguments):
        return importance.truncated_importance_estimate(*arguments, max_weight=1.0)

    got = expected_over_samples(estimator, **S5, size=2)
    units, exact = weight_units([*S5["p"], *S5["q"]], 2), truncated_mean(**S5, most=Q(1))
    return everywhere("expectation", [(is_near(got, exact, units=units, scale=exact), S5)])


def _truncated_unbiased(f: Row, p: Row, q: Row, most: Q) -> bool:
    return truncated_mean(f, p, q, most) == mean(f, p)


@refutation("IS-08", "exact", "unbiased", claim=_truncated_unbiased, kept=lambda p, q, **_: covered(p, q))
def _() -> Outcome:
    return at(_truncated_unbiased, **S5, most=Q(1))


@proof("IS-13", "exact", "means 11/5 and 11/5; variances of one draw 84/25 (plain) and 169/400 (weighted)",
       code=["ppocore.expectations:exact_variance", VARIANCE])
def _() -> Outcome:
    f, p, q = S5.values()
    means = expectations.exact_expectation(f, p) == expectations.exact_importance_expectation(f, p, q) == Q(11, 5)
    plainly = expectations.exact_variance(f, p) == Q(84, 25)
    weighing = expectations.exact_importance_variance(f, p, q) == Q(169, 400)
    draws = {w * v for w, v in zip(weights(p, q), f, strict=True)}
    return everywhere("facts", [(means, S5), (plainly, S5), (weighing, S5), (draws == {Q(7, 2), Q(15, 8)}, S5)])


def _same_variance(f: Row, p: Row, q: Row) -> bool:
    return expectations.exact_variance(f, p) == expectations.exact_importance_variance(f, p, q)


@refutation("IS-13", "exact", "the source's '=': the two means have the same variance", claim=_same_variance,
            kept=covered)
def _() -> Outcome:
    return at(_same_variance, **S5)


@proof("IS-14", "exact", "all samples of size 1 to 3 on three points: expectation E_p f, also with q = p",
       code=[ESTIMATE, "ppocore.expectations:exact_expectation"])
def _() -> Outcome:
    f, p, q = row(1, 5, -2), row("1/2", "1/3", "1/6"), row("1/6", "1/3", "1/2")
    sizes = product((1, 2, 3), (q, p))
    return everywhere(
        "sample sizes and samplers", ((is_unbiased(f, p, b, n), {"f": f, "p": p, "q": b, "n": n}) for n, b in sizes)
    )


@proof("IS-14", "exact", "log_p = log_q: the plain mean of 729 samples of f, bit for bit", code=[ESTIMATE])
def _() -> Outcome:
    def claims():
        for sample in product((-2, 1, 5), repeat=6):
            at_both = [-0.1 * (k + 1) for k in range(6)]
            got = importance.importance_estimate([float(x) for x in sample], at_both, at_both)
            yield got.estimate == sum(sample) / 6, {"sample": sample}

    return everywhere("samples", claims())


def _unbiased_always(f: Row, p: Row, q: Row, n: int) -> bool:
    return is_unbiased(f, p, q, n)


@refutation("IS-14", "exact", "the shipped estimator's expectation where q misses a point", claim=_unbiased_always,
            kept=lambda p, q, **_: are_distributions(p, q))
def _() -> Outcome:
    return at(_unbiased_always, **MISSING, n=2)


for _id, _where, _name in (
    ("IS-01", "any finite space", "ImportanceSampling.weighted_mean_is_the_mean"),
    ("IS-01", "any finite space, no hypothesis", "ImportanceSampling.without_support_exactly_the_missing_mass_is_lost"),
    ("IS-02", "any finite space", "ImportanceSampling.weights_average_to_one"),
    ("IS-03", "any finite space", "ImportanceSampling.variance_of_the_weighted_value"),
    ("IS-04", "any finite space", "ImportanceSampling.weight_variance_is_chi_square"),
    ("IS-05", "every finite MDP and horizon", "Trajectories.per_decision_importance_sampling"),
    ("IS-06", "every finite MDP and horizon", "Trajectories.trajectory_importance_sampling"),
    ("IS-07", "any number of samples", "ImportanceSampling.self_normalised_is_bounded"),
    ("IS-08", "any finite space", "ImportanceSampling.truncation_bias_is_exact"),
    ("IS-13", "S5's numbers", "ImportanceSampling.equal_means_different_variances"),
):
    proof(_id, "coq", f"{_where}: {_name.split('.')[1]}")(partial(coq.theorem, _name))


def _negated(id: str, says: str, name: str, claim: Callable[..., bool], **witness: object) -> None:
    """A sibling that Coq refutes at these numbers."""
    refutation(id, "coq", f"{says} (negation)", claim=claim, kept=are_distributions)(
        partial(coq.negation, f"ImportanceSampling.{name}", **witness)
    )


HIGH, LOW, FIRST = row("3/4", "1/4"), row("1/4", "3/4"), row(1, 0)
_negated("IS-01", "the support condition dropped", "support_is_needed", _unconditional,
         f=row(0, 1), p=row("1/2", "1/2"), q=FIRST)
_negated("IS-03", "the variance under p", "weighted_variance_is_not_the_variance_under_p", _as_under_p, **S5)
_negated("IS-04", "divided by p in place of q", "chi_square_divides_by_q", _divided_by_p, p=S5["p"], q=S5["q"])
_negated("IS-07", "unbiased at n = 2", "self_normalised_is_biased", _self_normalized_unbiased, f=FIRST, p=HIGH, q=LOW)
_negated("IS-08", "unbiased for c = 2", "truncated_weights_are_biased", _truncated_unbiased,
         f=FIRST, p=HIGH, q=LOW, most=Q(2))


@mutant("IS-05", "coq", "the product of ratios is dropped")
def _() -> Outcome:
    return coq.mutant("Trajectories", "w * step_ratio mu pi s a * c n s a", "step_ratio mu pi s a * c n s a")
