"""Advantages within a group: what GRPO pays, how RLOO and Dr. GRPO convert, and which of them is unbiased."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from ppocore import groups, normalization
from proofs.definitions.groups import dr_grpo_advantages, rloo_advantages
from proofs.ledger import proof, proved, refutation, refuted
from proofs.ledger.outcome import Outcome
from proofs.methods.exact import everywhere
from proofs.methods.polynomials import Ring, rows, same
from proofs.methods.solver import every, forall
from proofs.methods.symbolic import reals

HOME = "ppocore.groups:"
GRPO, RLOO, DR_GRPO = (f"{HOME}{name}_advantages" for name in ("grpo", "rloo", "dr_grpo"))


# GRP-01


@proof("GRP-01", "float64", "each row of grpo_advantages() is normalize_advantages() of that row, bit for bit",
       code=[GRPO])
def _() -> Outcome:
    draw = np.random.default_rng(0)

    def claims():
        for size in (2, 3, 4, 8, 16, 100):
            for scale in (1e-9, 1.0, 1e4):
                batch = draw.normal(size=(5, size)) * scale
                batch[1] = batch[1, 0]
                alone = np.array([normalization.normalize_advantages(row) for row in batch])
                yield np.array_equal(groups.grpo_advantages(batch), alone), {"size": size, "scale": scale}

    return everywhere("batches", claims())


@proof("GRP-01", "z3", "rewards of 0 and 1, a share p of ones: both advantages, squared", code=[GRPO])
def _() -> Outcome:
    p, sigma = reals("p sigma")
    given = [p > 0, p < 1, sigma > 0, sigma * sigma == p * (1 - p)]
    up, down = (1 - p) / sigma, p / sigma
    return every([
        forall([p, sigma], given, up * up == (1 - p) / p), forall([p, sigma], given, down * down == p / (1 - p)),
    ])


def _worth_the_same(p, sigma, q, other):
    """A right answer is worth the same whatever the share of right answers."""
    return (1 - p) / sigma == (1 - q) / other


@refutation("GRP-01", "z3", "a success is worth the same on every prompt", claim=_worth_the_same,
            kept=lambda p, sigma, q, other: 0 < p < 1 and 0 < q < 1 and sigma**2 == p * (1 - p)
            and other**2 == q * (1 - q) and min(sigma, other) > 0)
def _() -> Outcome:
    p, sigma, q, other = reals("p sigma q other")
    # Rational roots, so that the witness is exact.
    given = [p == Fraction(1, 5), q == Fraction(1, 2), sigma > 0, other > 0, sigma * sigma == p * (1 - p),
             other * other == q * (1 - q)]
    return forall([p, sigma, q, other], given, (1 - p) / sigma == (1 - q) / other)


# GRP-02


def _numbers(ring: Ring, size: int) -> list[Any]:
    return ring.row("r", size)


@proof("GRP-02", "flint", "G = 2 ... 8, all rewards symbolic: the conversion, the sums, a common constant",
       code=[RLOO, DR_GRPO])
def _() -> Outcome:
    def pairs():
        for size in range(2, 9):
            ring = Ring(f"{rows('r', size)} b")
            r = _numbers(ring, size)
            for rule, factor in ((rloo_advantages, Fraction(size, size - 1)), (dr_grpo_advantages, Fraction(1))):
                found, = rule([r])["advantages"]
                moved, = rule([[x + ring["b"] for x in r]])["advantages"]
                mean = sum(r) / size
                yield from ((a, (x - mean) * ring.number(factor)) for a, x in zip(found, r, strict=True))
                yield from zip(moved, found, strict=True)
                yield sum(found), ring.number(0)

    return same(pairs())


@proof("GRP-02", "float64", "rloo_advantages() and dr_grpo_advantages() on whole numbers that float64 does not round",
       code=[RLOO, DR_GRPO])
def _() -> Outcome:
    def claims():
        for size in (2, 3, 5):
            for rest in product(range(-3, 4), repeat=size - 1):
                # The sum is a multiple of G, and G - 1 is a power of two.
                row = [*(2 * size * x for x in rest), -size]
                exact = {name: rule([[Fraction(x) for x in row]])["advantages"][0]
                         for name, rule in (("rloo", rloo_advantages), ("dr_grpo", dr_grpo_advantages))}
                got = {"rloo": groups.rloo_advantages([row])[0], "dr_grpo": groups.dr_grpo_advantages([row])[0]}
                yield _holds(got["dr_grpo"], exact["dr_grpo"]) and _holds(got["rloo"], exact["rloo"]), {"row": row}

    return everywhere("rows", claims())


def _holds(got: Any, exact: list[Fraction]) -> bool:
    return [Fraction(float(x)) for x in got] == exact


def _no_difference(rewards):
    return bool(np.array_equal(groups.rloo_advantages([rewards]), groups.dr_grpo_advantages([rewards])))


@refutation("GRP-02", "float64", "RLOO and Dr. GRPO are the same", claim=_no_difference)
def _() -> Outcome:
    return proved() if _no_difference((1, 3)) else refuted(rewards=(1, 3))


# GRP-03

Rule = Callable[[list[list[Any]]], dict[str, Any]]


def _expected(rule: Rule, p: list[Any], rewards: list[Any], size: int, j: int) -> Any:
    """E over groups of the mean of A_i (1[a_i = j] - p_j), the literal sum over all groups."""
    whole = 0
    for answers in product(range(len(p)), repeat=size):
        found, = rule([[rewards[a] for a in answers]])["advantages"]
        chance = 1
        for a in answers:
            chance = chance * p[a]
        score = sum(advantage * (int(a == j) - p[j]) for a, advantage in zip(answers, found, strict=True))
        whole = whole + chance * score / size
    return whole


def _slope(p: list[Any], rewards: list[Any], j: int) -> Any:
    """dJ / dz_j."""
    pairs = enumerate(zip(p, rewards, strict=True))
    return sum(weight * reward * (int(a == j) - p[j]) for a, (weight, reward) in pairs)


@proof("GRP-03", "flint", "2 and 3 answers, groups of 2 and 3, every probability and reward symbolic",
       code=[RLOO, DR_GRPO])
def _() -> Outcome:
    def pairs():
        for count, size in ((2, 2), (2, 3), (2, 4), (3, 2), (3, 3)):
            ring = Ring(f"{rows('p', count - 1)} {rows('r', count)}")
            free = ring.row("p", count - 1)
            p, r = [*free, 1 - sum(free)], ring.row("r", count)
            for j in range(count):
                slope = _slope(p, r, j)
                yield _expected(rloo_advantages, p, r, size, j), slope
                yield _expected(dr_grpo_advantages, p, r, size, j), slope * ring.number(Fraction(size - 1, size))

    return same(pairs())


def _unbiased(p, rewards, size):
    """Dr. GRPO has the gradient as its expectation."""
    return _expected(dr_grpo_advantages, list(p), list(rewards), size, 0) == _slope(list(p), list(rewards), 0)


@refutation("GRP-03", "exact", "Dr. GRPO is unbiased as it stands", claim=_unbiased,
            kept=lambda p, rewards, size: sum(p) == 1 and min(p) > 0 and size >= 2)
def _() -> Outcome:
    half = Fraction(1, 2)
    witness: dict[str, Any] = {"p": (half, half), "rewards": (Fraction(1), Fraction(0)), "size": 2}
    return proved() if _unbiased(**witness) else refuted(**witness)
