"""True statements about exp and log that z3 may be given: it knows these functions by name only.

A lemma is called with the numbers at which a proof needs it, and returns its statement there.  Every one is a
theorem of Coq's standard library, named beside it; a test has Coq check the statement that z3 is given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import z3

from proofs.methods.symbolic import Exp, Log, term


@dataclass(frozen=True)
class Lemma:
    """A statement for all real numbers."""

    coq: str
    """The theorem of Coq's standard library that it is."""
    says: Callable[..., Any]

    def __call__(self, *numbers: Any) -> Any:
        return self.says(*(term(number) for number in numbers))

    def in_coq(self) -> str:
        """The same statement as Coq reads it, with its proof."""
        names = list(inspect.signature(self.says).parameters)
        bound = f"forall {' '.join(names)} : R, " if names else ""
        return f"Goal {bound}{_coq(self.says(*map(z3.Real, names)))}.\nProof. exact {self.coq}. Qed.\n"


exp_positive = Lemma("exp_pos", lambda x: Exp(x) > 0)
exp_zero = Lemma("exp_0", lambda: Exp(z3.RealVal(0)) == 1)
exp_sum = Lemma("exp_plus", lambda x, y: Exp(x + y) == Exp(x) * Exp(y))
exp_increasing = Lemma("exp_increasing", lambda x, y: z3.Implies(x < y, Exp(x) < Exp(y)))
exp_tangent = Lemma("exp_ineq1_le", lambda x: 1 + x <= Exp(x))
exp_tangent_strict = Lemma("exp_ineq1", lambda x: z3.Implies(x != 0, 1 + x < Exp(x)))
exp_log = Lemma("exp_ln", lambda x: z3.Implies(x > 0, Exp(Log(x)) == x))
log_one = Lemma("ln_1", lambda: Log(z3.RealVal(1)) == 0)
log_increasing = Lemma("ln_increasing", lambda x, y: z3.Implies(x > 0, z3.Implies(x < y, Log(x) < Log(y))))

LEMMAS = [value for value in vars().values() if isinstance(value, Lemma)]

_INFIX = {
    z3.Z3_OP_ADD: "+", z3.Z3_OP_SUB: "-", z3.Z3_OP_MUL: "*", z3.Z3_OP_LT: "<", z3.Z3_OP_LE: "<=",
    z3.Z3_OP_EQ: "=", z3.Z3_OP_DISTINCT: "<>", z3.Z3_OP_IMPLIES: "->",
}
_TURNED = {z3.Z3_OP_GT: "<", z3.Z3_OP_GE: "<="}
"""z3 writes 0 <= x as x >= 0; for Coq these are two statements."""
_FUNCTIONS = {"Exp": "exp", "Log": "ln"}


def _coq(expression: Any) -> str:
    """A z3 term in Coq's notation for real numbers."""
    arguments = [_coq(child) for child in expression.children()]
    kind, name = expression.decl().kind(), expression.decl().name()
    if kind in _INFIX:
        return f"({f' {_INFIX[kind]} '.join(arguments)})"
    if kind in _TURNED:
        return f"({f' {_TURNED[kind]} '.join(reversed(arguments))})"
    if name in _FUNCTIONS:
        return f"({_FUNCTIONS[name]} {arguments[0]})"
    return str(expression)


def coq_file() -> str:
    """A file that Coq accepts exactly if every lemma is true."""
    return "From Coq Require Import Reals.\nLocal Open Scope R_scope.\n" + "".join(x.in_coq() for x in LEMMAS)
