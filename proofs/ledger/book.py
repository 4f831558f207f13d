"""The ledger: theorems, the checks that prove them, and the false siblings that the same checks must refute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from proofs.ledger.outcome import Outcome, Verdict
from proofs.ledger.texts import Text

Kind = Literal["proof", "refutation", "mutant"]
Run = Callable[[], Outcome]
Claim = Callable[..., Any]


@dataclass(frozen=True)
class Check:
    """One run of one machine."""

    theorem: str
    kind: Kind
    method: str
    """Technology: z3, flint, exact, sympy, coq, gappa or float64."""
    says: str
    """What it covers, or what is wrong in the false sibling."""
    run: Run
    kept: Claim | None = None
    """Refutations: whether a witness satisfies the hypotheses that were kept."""
    claim: Claim | None = None
    """Refutations: the false claim, evaluated at the witness without the solver."""

    @property
    def expected(self) -> tuple[Verdict, ...]:
        """The verdicts that pass."""
        return {"proof": ("proved",), "refutation": ("refuted",), "mutant": ("rejected", "refuted")}[self.kind]


@dataclass
class Theorem:
    """One entry: its text, the code it is about, and its checks."""

    text: Text
    code: tuple[str, ...] = ()
    """Symbols as ``module:name``."""
    checks: list[Check] = field(default_factory=list)
    missing: str = ""
    """The tool without which its module could not be read."""

    @property
    def id(self) -> str:
        return self.text.id


class Ledger:
    """Theorems by id.  Theorem modules fill it through `proof`, `refutation` and `mutant`."""

    def __init__(self) -> None:
        self.theorems: dict[str, Theorem] = {}
        self._waiting: list[Check] = []
        self._code: dict[str, set[str]] = {}

    def proof(self, theorem: str, method: str, says: str, *, code: Iterable[str] = ()) -> Callable[[Run], Run]:
        """Register a check that must answer ``proved``; `code` names the symbols whose bodies it runs or speaks of."""
        self._code.setdefault(theorem, set()).update(code)
        return self._entry(theorem, "proof", method, says)

    def refutation(
        self, theorem: str, method: str, says: str, *, claim: Claim, kept: Claim | None = None
    ) -> Callable[[Run], Run]:
        """Register a false sibling that must be ``refuted`` with a witness.

        The runner evaluates ``claim(**witness)``, which must be False, and ``kept(**witness)``, the hypotheses that
        the sibling keeps, which must be True: in exact arithmetic or in the kernel itself, never by the solver.
        """
        return self._entry(theorem, "refutation", method, says, kept, claim)

    def mutant(self, theorem: str, method: str, says: str) -> Callable[[Run], Run]:
        """Register a damaged definition that must be ``rejected`` or ``refuted``."""
        return self._entry(theorem, "mutant", method, says)

    def _entry(
        self, theorem: str, kind: Kind, method: str, says: str, kept: Claim | None = None, claim: Claim | None = None
    ) -> Callable[[Run], Run]:
        def register(run: Run) -> Run:
            self._waiting.append(Check(theorem, kind, method, says, run, kept, claim))
            return run

        return register

    def settle(self, texts: dict[str, Text]) -> None:
        """Join checks and texts; a check without a text is an error."""
        self.theorems = {id: Theorem(text, tuple(sorted(self._code.get(id, ())))) for id, text in texts.items()}
        for check in self._waiting:
            if check.theorem not in self.theorems:
                raise LookupError(f"{check.theorem} ({check.says}) has checks but no text; write it in theorems/*.md.")
            self.theorems[check.theorem].checks.append(check)

    def about(self, symbol: str) -> list[Theorem]:
        """The theorems that name a symbol."""
        return [theorem for theorem in self.theorems.values() if symbol in theorem.code]


LEDGER = Ledger()
"""The ledger of this project."""
