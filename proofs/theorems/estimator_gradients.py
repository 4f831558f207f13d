"""What KL terms follow in expectation: the auditor's own `evaluate`, on numbers that carry derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import sympy as sp

from ppocore.conformance.estimators.language import Arithmetic, evaluate, parse
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, unknown
from proofs.methods.balls import Ball, Dual, equal, examined
from proofs.methods.closed_forms import Formula
from proofs.methods.policies import Row, are_policies

CODE = ["ppocore.conformance.estimators.language:evaluate", "ppocore.conformance:audit_estimator"]
F = Fraction
LOGS = sp.symbols("p q r", real=True)
"""Logarithms of the current, the old and the reference policy's probability of one action."""
Summand = Callable[[Any, Any, Any], Any]
Parts = tuple[tuple[int, Summand], ...]


# What a divergence sums over the actions, from the three logarithms.


def reverse(p, q, r):
    return p.exp() * (p - r)


def forward(p, q, r):
    return r.exp() * (r - p)


def from_old(p, q, r):
    return q.exp() * (q - p)


def to_old(p, q, r):
    return p.exp() * (p - q)


def squared(p, q, r):
    return p.exp() * ((p - r) * (p - r) / 2)


def old_squared(p, q, r):
    return q.exp() * ((p - r) * (p - r) / 2)


def old_k3(p, q, r):
    return q.exp() * ((r - p).exp() - 1 + p - r)


def variation(p, q, r):
    return size(p.exp() - r.exp()) / 2


def size(x):
    return x if x > -x else -x


NOTHING: Parts = ()


# A term's push of one action, and what is left of it beside a divergence's slope.


def value_of(term, p, q, r):
    """The term at one action as a dual number: what the auditor evaluates."""
    kind = type(p)
    one = Formula(1, p.at) if kind is Formula else Ball(1)
    names = {"log_prob": Dual(p, {"log_prob": one}), "old_log_prob": Dual(q), "ref_log_prob": Dual(r)}
    return evaluate(parse(term), names, Arithmetic(
        constant=lambda text: Dual(one * F(text)), stop=lambda x: Dual(x.value),
        lesser=lambda x, y: x if x < y else y, greater=lambda x, y: x if x > y else y,
    ))


def push(term, place, p, q, r):
    out = value_of(term, p, q, r)
    return q.exp() * out.partial("log_prob") if place == "loss" else p.exp() * out.value


def slope(parts: Parts, p, q, r):
    """Of the weighted sum of divergences, in log current."""
    one = p * 0 + 1
    rows = [weight * f(Dual(p, {"log_prob": one}), Dual(q), Dual(r)).partial("log_prob") for weight, f in parts]
    return sum(rows, p * 0)


REGIONS = ({LOGS[0]: F(-1), LOGS[1]: F(-2), LOGS[2]: F(-3)}, {LOGS[0]: F(-3), LOGS[1]: F(-2), LOGS[2]: F(-1)})
"""Points that decide comparisons: the current policy likelier than the reference, and less likely."""


def left_over(term: str, place: str, parts: Parts, on_policy: bool) -> set[Any]:
    """(push - slope) / current, simplified, in both regions: the same number in all of them, or no theorem."""
    found = set()
    for region in REGIONS:
        at = {symbol: sp.Rational(x) for symbol, x in region.items()}
        numbers = [Formula(symbol, at) for symbol in LOGS]
        rest = (push(term, place, *numbers) - slope(parts, *numbers)) / numbers[0].exp()
        expression = rest.expression.subs(LOGS[1], LOGS[0]) if on_policy else rest.expression
        found.add(sp.simplify(sp.expand(expression)))
    return found


def all_follow(claims: Iterable[tuple[str, str, Parts, bool]]) -> Outcome:
    """Whether every term follows what is claimed, for any number of actions."""
    claims = list(claims)
    for term, place, parts, on_policy in claims:
        found = left_over(term, place, parts, on_policy)
        if len(found) != 1 or not next(iter(found)).is_Rational:
            return unknown(f"{term} in the {place}, {'on' if on_policy else 'off'}-policy: {found} is no one number")
    return proved(f"{len(claims)} claims")


def both(term: str, place: str, parts: Parts) -> list[tuple[str, str, Parts, bool]]:
    return [(term, place, parts, regime) for regime in (True, False)]


# The same at one point, in balls, for false siblings.


def follows(term: str, place: str, parts: Parts, current: Row, old: Row, ref: Row) -> bool:
    """Whether the expected gradient is that of the divergences, in every logit, at this point."""
    def weights(kind: Callable[..., Any]) -> list[Any]:
        return [kind(*(Ball(policy[a]).log() for policy in (current, old, ref))) for a in range(len(current))]

    def gradient(kind: Callable[..., Any], j: int) -> Any:
        return sum((c * Ball((a == j) - current[j]) for a, c in enumerate(weights(kind))), Ball(0))

    return all(
        equal(lambda j=j: gradient(lambda *x: push(term, place, *x), j),
              lambda j=j: gradient(lambda *x: slope(parts, *x), j))
        for j in range(len(current))
    )


def on_policy(term: str, place: str, parts: Parts) -> Callable[..., bool]:
    return lambda current, ref: follows(term, place, parts, current, current, ref)


def off_policy(term: str, place: str, parts: Parts) -> Callable[..., bool]:
    return lambda current, old, ref: follows(term, place, parts, current, old, ref)


ON = {"current": (F(1, 4), F(3, 4)), "ref": (F(1, 2), F(1, 2))}
OFF = {"current": (F(1, 4), F(3, 4)), "old": (F(2, 3), F(1, 3)), "ref": (F(1, 2), F(1, 2))}


def sibling(id: str, says: str, claim: Callable[..., bool], point: dict[str, Row]) -> None:
    """Register a false claim, refuted at a point that was chosen for it."""
    refutation(id, "flint", says, claim=claim, kept=lambda **rows: are_policies(*rows.values()))(
        lambda: examined(claim, **point)
    )


ANY = "any number of actions: the push less the slope of the divergence is one multiple of the current policy"


@proof("EST-01", "sympy", ANY, code=CODE)
def _() -> Outcome:
    return all_follow([("k1", "loss", NOTHING, True), ("k1", "loss", ((-1, from_old),), False)])


sibling("EST-01", "zero off-policy as well", off_policy("k1", "loss", NOTHING), OFF)
sibling("EST-01", "it follows KL(current, ref) on-policy", on_policy("k1", "loss", ((1, reverse),)), ON)


@proof("EST-02", "sympy", ANY, code=CODE)
def _() -> Outcome:
    terms = ("k2", "k2 - stop(k2) + stop(k3)", "k2 - stop(k2) + stop(k1)", "stop(k1) * log_prob")
    return all_follow(
        claim for term in terms
        for claim in ((term, "loss", ((1, reverse),), True), (term, "loss", ((1, old_squared),), False))
    )


sibling("EST-02", "k2 follows KL(current, ref) off-policy as well", off_policy("k2", "loss", ((1, reverse),)), OFF)
sibling("EST-02", "the straight-through term without its first stop", on_policy(
    "k2 - k2 + stop(k3)", "loss", ((1, reverse),)), ON)


@proof("EST-03", "sympy", ANY, code=CODE)
def _() -> Outcome:
    return all_follow([("k3", "loss", ((1, forward),), True), ("k3", "loss", ((1, old_k3),), False)])


sibling("EST-03", "it follows KL(current, ref), whose value its mean is", on_policy("k3", "loss", ((1, reverse),)), ON)
sibling("EST-03", "it follows KL(ref, current) off-policy as well", off_policy("k3", "loss", ((1, forward),)), OFF)


@proof("EST-04", "sympy", ANY, code=CODE)
def _() -> Outcome:
    terms = ("ratio * k1", "ratio * k3", "ratio * stop(k1)", "stop(ratio) * k2")
    return all_follow([*(claim for term in terms for claim in both(term, "loss", ((1, reverse),))),
                       *both("k1", "reward", ((1, reverse),))])


sibling("EST-04", "with the ratio of k1 stopped", off_policy("stop(ratio) * k1", "loss", ((1, reverse),)), OFF)
sibling("EST-04", "with the ratio of k2 not stopped", off_policy("ratio * k2", "loss", ((1, reverse),)), OFF)


@proof("EST-05", "sympy", ANY, code=CODE)
def _() -> Outcome:
    return all_follow(both("stop(ratio) * k3", "loss", ((1, forward),)))


sibling("EST-05", "with the ratio not stopped", off_policy("ratio * k3", "loss", ((1, forward),)), OFF)


@proof("EST-06", "sympy", ANY, code=CODE)
def _() -> Outcome:
    with_k1, with_k3 = (f"ratio / stop(ratio) * {k}" for k in ("k1", "k3"))
    return all_follow([
        (with_k1, "loss", ((1, reverse),), True), (with_k1, "loss", ((1, old_squared), (-1, from_old)), False),
        (with_k3, "loss", ((1, reverse),), True), (with_k3, "loss", ((1, old_squared),), False),
    ])


sibling("EST-06", "off-policy as well", off_policy("ratio / stop(ratio) * k3", "loss", ((1, reverse),)), OFF)


@proof("EST-07", "sympy", ANY, code=CODE)
def _() -> Outcome:
    recorded = "old_log_prob - ref_log_prob"
    return all_follow([
        (recorded, "reward", ((1, reverse),), True), (recorded, "reward", ((1, reverse), (-1, to_old)), False)
    ])


sibling("EST-07", "KL(current, ref) off-policy", off_policy(
    "old_log_prob - ref_log_prob", "reward", ((1, reverse),)), OFF)


@proof("EST-08", "sympy", f"either sign of the log-ratio; {ANY}", code=CODE)
def _() -> Outcome:
    return all_follow([("abs(k1)", "loss", ((2, variation),), True)])


sibling("EST-08", "KL(current, ref)", on_policy("abs(k1)", "loss", ((1, reverse),)), ON)
sibling("EST-08", "TV itself", on_policy("abs(k1)", "loss", ((1, variation),)), ON)


@proof("EST-09", "sympy", ANY, code=CODE)
def _() -> Outcome:
    return all_follow([*both("k3", "reward", ((1, reverse), (-1, forward))),
                       *both("k2", "reward", ((1, squared), (-1, reverse)))])


sibling("EST-09", "k3 in the reward follows KL(current, ref)", on_policy("k3", "reward", ((1, reverse),)), ON)
sibling("EST-09", "k2 in the reward follows E_current[k2]", on_policy("k2", "reward", ((1, squared),)), ON)


def mean_gap(term: str, on_policy: bool) -> Any:
    """old * term - current * k1, one action's share of the mean less that of KL(current, ref)."""
    numbers = [Formula(symbol, {}) for symbol in LOGS]
    gap = (numbers[1].exp() * value_of(term, *numbers).value - reverse(*numbers)).expression
    return sp.simplify(sp.expand(gap.subs(LOGS[1], LOGS[0]) if on_policy else gap))


@proof("EST-10", "sympy", "any number of actions: each share is off by nothing, or by ref - current, which sums to 0",
       code=CODE)
def _() -> Outcome:
    p, _, r = LOGS
    shares = [("ratio * k1", False, 0), ("ratio * k3", False, sp.exp(r) - sp.exp(p)), ("k1", True, 0),
              ("k3", True, sp.exp(r) - sp.exp(p))]
    for term, regime, wanted in shares:
        if sp.simplify(mean_gap(term, regime) - wanted) != 0:
            return unknown(f"{term}: {mean_gap(term, regime)}")
    return proved(f"{len(shares)} terms")


def has_mean(term: str) -> Callable[..., bool]:
    """Whether the mean of a term is KL(current, ref) at a point."""
    def total(summand: Summand, current: Row, old: Row, ref: Row) -> Any:
        logs = [[Ball(policy[a]).log() for policy in (current, old, ref)] for a in range(len(current))]
        return sum((summand(*row) for row in logs), Ball(0))

    return lambda current, old, ref: equal(
        lambda: total(lambda p, q, r: q.exp() * value_of(term, p, q, r).value, current, old, ref),
        lambda: total(reverse, current, old, ref),
    )


sibling("EST-10", "k3 without the ratio, off-policy", has_mean("k3"), OFF)
sibling("EST-10", "k2 with the ratio", has_mean("ratio * k2"), OFF)
