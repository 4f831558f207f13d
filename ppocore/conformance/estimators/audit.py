"""One audit: a term, what it follows on-policy and off-policy, and the numbers that show it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ppocore.conformance.estimators.called import Called, prepare
from ppocore.conformance.estimators.divergences import BY_NAME, MEANT
from ppocore.conformance.estimators.handed import DIGITS, Handed, here
from ppocore.conformance.estimators.known import INSTEAD, KNOWN, Known
from ppocore.conformance.estimators.language import BadTerm
from ppocore.conformance.estimators.points import POINTS, REGIMES
from ppocore.conformance.estimators.terms import PLACES, Corner, Place, Seen, Term, Written
from ppocore.conformance.estimators.verdicts import Verdict, judge, same_pushes, short, slope_at, value_at
from ppocore.conformance.oracle.reals import arithmetic

UNIT = 2.0**-53
"""The oracle's arithmetic wants one; its slack is not looked at here."""


@dataclass(frozen=True)
class Row:
    """A term at a point, rounded for people."""

    regime: str
    current: tuple[str, ...]
    old: tuple[str, ...]
    ref: tuple[str, ...]
    far: bool
    gradient: tuple[float, ...]
    """Expected, of the loss, in the logits of the current policy."""
    reverse: tuple[float, ...]
    """The gradient of KL(current, ref)."""
    forward: tuple[float, ...]
    """The gradient of KL(ref, current)."""
    mean: float
    kl: float
    """KL(current, ref)."""
    variance: float | None


@dataclass(frozen=True)
class Audit:
    """What was found out about a term."""

    term: str
    place: Place
    verdicts: tuple[Verdict, ...]
    """One for each regime, on-policy first."""
    rows: tuple[Row, ...]
    theorems: tuple[str, ...]
    instead: str | None
    """A term that follows KL(current, ref), where this one does not."""
    notes: tuple[str, ...] = ()

    def follows(self, name: str) -> bool:
        """Whether in every regime it follows this divergence alone, times a positive number; or has 'zero' gradient."""
        if name != "zero" and name not in BY_NAME:
            close = difflib.get_close_matches(name, [*BY_NAME, "zero"], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join([*BY_NAME, 'zero'])}."
            raise BadTerm(f"estimator: {name!r} is no divergence that is looked for; {hint}")
        return all(
            verdict.kind == "zero" if name == "zero"
            else len(verdict.parts) == 1 and verdict.parts[0][1] == name and verdict.parts[0][0] > 0
            for verdict in self.verdicts
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "term": self.term, "in": self.place,
            "verdicts": [{
                "regime": verdict.regime, "verdict": verdict.kind,
                "follows": [{"multiple": short(multiple), "of": name} for multiple, name in verdict.parts],
                "beyond_clamps": verdict.everywhere, "mean_estimates": verdict.estimates, "variance": verdict.variance,
            } for verdict in self.verdicts],
            "points": [{
                "regime": row.regime, "current": list(row.current), "old": list(row.old), "ref": list(row.ref),
                "far": row.far, "gradient": list(row.gradient), "gradient_kl_current_ref": list(row.reverse),
                "gradient_kl_ref_current": list(row.forward), "mean": row.mean, "kl_current_ref": row.kl,
                "variance": row.variance,
            } for row in self.rows],
            "theorems": list(self.theorems), "instead": self.instead, "notes": list(self.notes),
        }


def audit_estimator(
    term: str | Callable[..., Any], *, place: Place = "loss", framework: str | None = None, on_policy: bool = False
) -> Audit:
    """Say which divergence's gradient a KL term follows in expectation; see `ppocore.conformance.audit_estimator`."""
    if place not in PLACES:
        raise BadTerm(f"estimator: place is {place!r}; it must be one of {', '.join(PLACES)}.")
    if isinstance(term, str):
        return audit(Written(term), " ".join(term.split()), place, on_policy)
    label = getattr(term, "__name__", type(term).__name__)
    chosen = framework or getattr(term, "__globals__", {}).get("FRAMEWORK") or "numpy"
    prepare(chosen)
    return audit(here(Called(term, chosen, label)), label, place, on_policy)


def audit(term: Term, label: str, place: Place, on_policy: bool) -> Audit:
    """The audit of a term that is known under a label."""
    regimes = REGIMES[:1] if on_policy else REGIMES
    notes: list[str] = []
    with arithmetic(UNIT):
        found = [judge(term, place, regime) for regime in regimes]
        if isinstance(term, Handed) and any(verdict.kind == "none" for verdict, _ in found):
            single = replace(term, digits=DIGITS[1])
            coarse = [judge(single, place, regime) for regime in regimes]
            if all(verdict.kind != "none" for verdict, _ in coarse):
                term, found = single, coarse
                notes.append(f"right to {DIGITS[1]} digits only, as code is that computes in float32")
        seen = [sight for _, sights in found for sight in sights]
        notes += [text for verdict, sights in found if (text := _own_mean(label, term, place, verdict, sights))]
        verdicts = tuple(verdict for verdict, _ in found)
        instead = None if all(verdict.follows_meant for verdict in verdicts) else INSTEAD[place]
        rows = tuple(map(_row, seen))
        return Audit(label, place, verdicts, rows, _theorems(seen, place, term.digits), instead, tuple(notes))


def _own_mean(label: str, term: Term, place: Place, verdict: Verdict, seen: Sequence[Seen]) -> str | None:
    """What can still be said of a term in the loss that follows nothing named: it may descend its own mean."""
    if verdict.kind != "none" or place != "loss" or not isinstance(term, Written):
        return None
    try:
        unstopped = [term.unstopped.at(sight.point, place) for sight in seen]
    except Corner:
        return None
    if not same_pushes(seen, unstopped, term.digits):
        return None
    return f"{verdict.regime} it follows the mean of {label} over the old policy's actions, which has no name here"


def _theorems(seen: Sequence[Seen], place: Place, digits: int) -> tuple[str, ...]:
    """Of the known terms that push every action alike."""
    regimes = {sight.point.regime for sight in seen}
    found = [id for known in KNOWN if known.place == place
             and same_pushes(seen, [s for s in _known_at(known) if s.point.regime in regimes], digits)
             for id in known.theorems]
    return tuple(dict.fromkeys(found))


@cache
def _known_at(known: Known) -> tuple[Seen, ...]:
    return tuple(Written(known.term).at(point, known.place) for point in POINTS if not point.far)


def _row(seen: Seen) -> Row:
    point = seen.point
    current, old, ref = (tuple(map(str, policy)) for policy in (point.current, point.old, point.ref))
    reverse, forward = (tuple(map(float, slope_at(BY_NAME[name], point))) for name in (MEANT, "KL(ref, current)"))
    variance = seen.variance
    return Row(
        point.regime, current, old, ref, point.far, tuple(float(x.value) for x in seen.gradient), reverse, forward,
        float(seen.mean.value), float(value_at(BY_NAME[MEANT], point)),
        None if variance is None else float(variance.value),
    )


