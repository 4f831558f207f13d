"""Runs a kernel body on symbolic reals, once for every path through its branches.

`Sym` is a z3 real with Python's operators.  A comparison, or the truth of a `Flag`, asks the path engine which
branch to take; the engine runs the body again for every branch that the hypotheses leave possible.
exp, log, tanh and sqrt are uninterpreted functions: a proof that needs one of their properties names a lemma
from `proofs.methods.lemmas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import z3

REAL = z3.RealSort()
Exp = z3.Function("Exp", REAL, REAL)
Log = z3.Function("Log", REAL, REAL)
Tanh = z3.Function("Tanh", REAL, REAL)
Sqrt = z3.Function("Sqrt", REAL, REAL)
MAX_PATHS = 20_000


def term(value: Any) -> Any:
    """The z3 term of a number: floats become the rational that they are."""
    if isinstance(value, Sym):
        return value.term
    if isinstance(value, z3.ExprRef):
        return value
    exact = Fraction(value)
    return z3.Q(exact.numerator, exact.denominator)


class Sym:
    """A symbolic real."""

    __slots__ = ("term",)

    def __init__(self, value: Any) -> None:
        self.term = term(value)

    def __add__(self, other: Any) -> Sym:
        return Sym(self.term + term(other))

    def __radd__(self, other: Any) -> Sym:
        return Sym(term(other) + self.term)

    def __sub__(self, other: Any) -> Sym:
        return Sym(self.term - term(other))

    def __rsub__(self, other: Any) -> Sym:
        return Sym(term(other) - self.term)

    def __mul__(self, other: Any) -> Sym:
        return Sym(self.term * term(other))

    def __rmul__(self, other: Any) -> Sym:
        return Sym(term(other) * self.term)

    def __truediv__(self, other: Any) -> Sym:
        return Sym(self.term / term(other))

    def __rtruediv__(self, other: Any) -> Sym:
        return Sym(term(other) / self.term)

    def __neg__(self) -> Sym:
        return Sym(-self.term)

    def __lt__(self, other: Any) -> bool:
        return _decide(self, other, lambda a, b: a < b)

    def __le__(self, other: Any) -> bool:
        return _decide(self, other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> bool:
        return _decide(self, other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> bool:
        return _decide(self, other, lambda a, b: a >= b)

    def __eq__(self, other: object) -> bool:
        return _decide(self, other, lambda a, b: a == b)

    def __ne__(self, other: object) -> bool:
        return _decide(self, other, lambda a, b: a != b)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("a symbolic number has no truth value: compare it")

    def __float__(self) -> float:
        raise TypeError("a symbolic number left the number tower: the kernel is not generic here")

    # What NumPy's functions call on an object.
    def exp(self) -> Sym:
        return Sym(Exp(self.term))

    def expm1(self) -> Sym:
        return Sym(Exp(self.term) - 1)

    def log(self) -> Sym:
        return Sym(Log(self.term))

    def log1p(self) -> Sym:
        return Sym(Log(1 + self.term))

    def tanh(self) -> Sym:
        return Sym(Tanh(self.term))

    def sqrt(self) -> Sym:
        return Sym(Sqrt(self.term))


class Flag:
    """A symbolic truth value; using it as a condition forks."""

    __slots__ = ("term",)

    def __init__(self, value: Any) -> None:
        self.term = value

    def __bool__(self) -> bool:
        return _engine().fork(self.term)


class Engine:
    """Enumerates the paths of a function under hypotheses."""

    active: Engine | None = None

    def __init__(self, hypotheses: list[Any]) -> None:
        self._solver = z3.Solver()
        self._solver.set("timeout", 5000)
        self._solver.add(*hypotheses)
        self._todo: list[list[bool]] = []
        self._script: list[bool] = []
        self._step = 0
        self._path: list[Any] = []

    def fork(self, condition: Any) -> bool:
        """Which way to go at this comparison; the other way, if possible, is run later."""
        self._step += 1
        if self._step <= len(self._script):
            branch = self._script[self._step - 1]
        else:
            branch = self._possible(condition)
            if branch and self._possible(z3.Not(condition)):
                self._todo.append([*self._script, False])
            self._script = [*self._script, branch]
        self._path.append(condition if branch else z3.Not(condition))
        return branch

    def paths(self, run: Callable[[], Any]) -> Iterator[tuple[Any, list[Any]]]:
        """Every result of `run`, with the conditions under which it is reached."""
        self._todo, count, before = [[]], 0, Engine.active
        Engine.active = self
        try:
            while self._todo:
                count += 1
                if count > MAX_PATHS:
                    raise RuntimeError(f"more than {MAX_PATHS} paths")
                self._script, self._step, self._path = self._todo.pop(), 0, []
                yield run(), list(self._path)
        finally:
            Engine.active = before

    def _possible(self, condition: Any) -> bool:
        # "unknown" counts as possible: the path is then run, and its proof decides.
        return bool(self._solver.check(*self._path, condition) != z3.unsat)


def reals(names: str) -> list[Any]:
    """z3 reals from a string of names."""
    return list(z3.Reals(names))


def array(values: list[Any]) -> Any:
    """An object array, as the loops around kernels index it."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _decide(left: Sym, right: object, relation: Callable[[Any, Any], Any]) -> bool:
    if isinstance(right, float) and np.isinf(right):
        return bool(relation(0.0, right))
    return _engine().fork(relation(left.term, term(right)))


def _engine() -> Engine:
    if Engine.active is None:
        raise RuntimeError("a symbolic comparison outside of a path engine")
    return Engine.active
