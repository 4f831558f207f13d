"""Pairs of policies on a few actions: symbolic for z3, and by chosen fractions for balls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from types import FunctionType
from typing import Any

import z3

from proofs.methods import lemmas
from proofs.methods.balls import Ball
from proofs.methods.symbolic import Exp, reals, term

HALF = Fraction(1, 2)
Row = Sequence[Fraction]


class Pair:
    """q_i = Exp(l_i) and p_i = Exp(l_i + x_i) on n actions, each with sum 1: x is log p - log q."""

    def __init__(self, n: int) -> None:
        self.l = reals(" ".join(f"l{i}" for i in range(n)))
        self.x = reals(" ".join(f"x{i}" for i in range(n)))
        self.variables = [*self.l, *self.x]
        self.q = [Exp(a) for a in self.l]
        self.p = [Exp(a + b) for a, b in zip(self.l, self.x, strict=True)]
        self.sums = [z3.Sum(self.q) == 1, z3.Sum(self.p) == 1]
        self.lemmas = [lemmas.exp_positive(a) for a in self.l]
        self.lemmas += [lemmas.exp_sum(a, b) for a, b in zip(self.l, self.x, strict=True)]
        self.kl_q_p = mean(self.q, [-x for x in self.x])


def mean(weights: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """The z3 term of the weighted sum."""
    return z3.Sum([term(w) * term(x) for w, x in zip(weights, numbers, strict=True)])


def score(policy: Sequence[Any], a: int, j: int) -> Any:
    """d log policy_a / d logit_j of a softmax (CAT-02)."""
    return (1 if a == j else 0) - policy[j]


def ball_kl(p: Row, q: Row) -> Any:
    """sum p log(p/q), enclosed."""
    return sum((Ball(a) * Ball(Fraction(a) / b).log() for a, b in zip(p, q, strict=True)), Ball(0))


def are_policies(*rows: Row) -> bool:
    """Whether every row is positive and sums to 1."""
    return all(sum(row) == 1 and min(row) > 0 for row in rows)


def ideal(kernel: Any) -> Any:
    """The body of a kernel with e^d - 1 - d where it calls the k3 kernel: KL-11 bounds the difference."""
    body = kernel.py_func
    called = {
        name: ideal(body.__globals__[name])
        for name in body.__code__.co_names
        if hasattr(body.__globals__.get(name), "py_func")
    }
    if "k3_kernel" in called:
        called["k3_kernel"] = lambda d: d.expm1() - d
    return FunctionType(body.__code__, {**body.__globals__, **called})
