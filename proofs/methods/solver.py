"""Proofs for all real numbers by z3, with hypotheses that must be satisfiable and witnesses as fractions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import z3

from proofs.ledger.outcome import Outcome, proved, refuted, unknown
from proofs.methods.symbolic import Engine

TIMEOUT_MS = 15_000


class Vacuous(Exception):
    """The hypotheses of a theorem contradict each other, or nobody can tell that they do not."""


def forall(variables: Sequence[Any], hypotheses: Sequence[Any], claim: Any) -> Outcome:
    """Whether `claim` holds for all values of the variables that satisfy the hypotheses."""
    _satisfiable(hypotheses)
    return _decide(variables, list(hypotheses), claim)


def on_every_path(
    variables: Sequence[Any],
    hypotheses: Sequence[Any],
    run: Callable[[], Any],
    claim: Callable[[Any], Any],
    lemmas: Sequence[Any] = (),
) -> Outcome:
    """Whether ``claim(run())`` holds on every path that the body takes under the hypotheses.

    `lemmas` are true statements about uninterpreted functions, joined to the hypotheses.
    """
    given = [*hypotheses, *lemmas]
    _satisfiable(given)
    count = 0
    for result, path in Engine(given).paths(run):
        count += 1
        outcome = _decide(variables, [*given, *path], claim(result))
        if outcome.verdict != "proved":
            return outcome
    return proved(f"{count} path{'s' if count > 1 else ''}")


def every(outcomes: Sequence[Outcome]) -> Outcome:
    """Proved if all are; otherwise the first that is not."""
    if not outcomes:
        raise Vacuous("no statement at all was checked")
    failed = next((outcome for outcome in outcomes if outcome.verdict != "proved"), None)
    return failed or proved("; ".join(dict.fromkeys(outcome.says for outcome in outcomes if outcome.says)))


def _satisfiable(hypotheses: Sequence[Any]) -> None:
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT_MS)
    solver.add(*hypotheses)
    answer = solver.check()
    if answer != z3.sat:
        raise Vacuous(f"the hypotheses are {'contradictory' if answer == z3.unsat else 'not known to be satisfiable'}")


def _decide(variables: Sequence[Any], given: list[Any], claim: Any) -> Outcome:
    solver = z3.Solver()
    solver.set("timeout", TIMEOUT_MS)
    solver.add(*given, z3.Not(claim))
    answer = solver.check()
    if answer == z3.unsat:
        return proved()
    if answer == z3.unknown:
        return unknown(solver.reason_unknown())
    model = solver.model()
    return refuted(**{str(v): _number(model.eval(v, model_completion=True)) for v in variables})


def _number(value: Any) -> Fraction | bool:
    if z3.is_bool(value):
        return bool(z3.is_true(value))
    if z3.is_algebraic_value(value):
        value = value.approx(40)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())
