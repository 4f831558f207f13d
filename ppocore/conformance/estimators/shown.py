"""An audit as people read it: verdict first, then ten numbers; the list of well-known terms; the table of the docs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from ppocore.conformance.estimators.audit import Audit, Row, audit_estimator
from ppocore.conformance.estimators.divergences import BY_NAME, MEANT
from ppocore.conformance.estimators.known import KNOWN, Known
from ppocore.conformance.estimators.language import DERIVED
from ppocore.conformance.estimators.terms import Place
from ppocore.conformance.estimators.verdicts import Verdict, short

PLACED: dict[Place, str] = {"loss": "added to the loss", "reward": "subtracted from the reward, weighted by the ratio"}
COLUMNS = ("gradient", "KL(current, ref)", "KL(ref, current)", "mean - KL", "variance")


def lines(audit: Audit, width: int) -> Iterator[str]:
    """What the command prints."""
    yield from _wrapped(f"{audit.term}  ({PLACED[audit.place]})", width)
    for verdict in audit.verdicts:
        yield from _wrapped(f"{verdict.regime}: {sentence(verdict)}", width, "  ", " " * 6)
    yield from _wrapped(f"its mean: {_means(audit)}", width, "  ", " " * 6)
    for note in audit.notes:
        yield from _wrapped(f"note: {note}", width, "  ", " " * 6)
    if audit.rows:
        yield ""
        yield from _table(audit, width)
    yield ""
    if audit.theorems:
        yield from _wrapped(f"proved: {', '.join(audit.theorems)} (docs/theorems.md)", width, "  ", " " * 6)
    if audit.instead:
        yield from _wrapped(f"to follow {MEANT}, on-policy and off-policy: {audit.instead}", width, "  ", " " * 6)


def sentence(verdict: Verdict) -> str:
    """What a term follows in one regime."""
    if verdict.kind == "corner":
        return "it has no gradient: min, max, abs or clip chooses between equal numbers there"
    if verdict.kind == "none":
        return "it follows none of the named divergences"
    cut = "" if verdict.everywhere else "; only while no clamp binds (log-ratios up to 28 were tried)"
    if verdict.kind == "zero":
        return f"its gradient is zero: it trains nothing{cut}"
    text = follows(verdict)
    if len(verdict.parts) > 1:
        return f"it follows {text}{cut}"
    multiple, name = verdict.parts[0]
    word = "it follows" if multiple > 0 else "it climbs (makes larger)"
    return f"{word} {text.removeprefix('-')}, {BY_NAME[name].says}{cut}"


def follows(verdict: Verdict) -> str:
    """The followed sum, such as KL(current, ref) - KL(ref, current); or the verdict in a word."""
    if verdict.kind != "follows":
        return {"zero": "zero", "none": "none of these", "corner": "undefined"}[verdict.kind]
    # What is added comes before what is taken away.
    parts = sorted(verdict.parts, key=lambda part: part[0] < 0)
    text = " ".join(f"{'-' if multiple < 0 else '+'} {_times(abs(multiple))}{name}" for multiple, name in parts)
    return text.removeprefix("+ ") if text.startswith("+") else text.replace("- ", "-", 1)


def _times(multiple: Fraction) -> str:
    return "" if multiple == 1 else f"{short(multiple)} "


def _means(audit: Audit) -> str:
    """What the mean of the term estimates, said once where both regimes agree."""
    said = [(v.regime, v.estimates) for v in audit.verdicts if v.kind != "corner"]
    names = {name for _, name in said}
    if not said:
        return "not computed"
    if len(names) == 1:
        return _mean_of(said[0][1])
    return "; ".join(f"{regime} {_mean_of(name)}" for regime, name in said)


def _mean_of(name: str | None) -> str:
    if name is None:
        return "none of the named divergences"
    return f"{name} without bias" if name == MEANT else f"{name}, which is not {MEANT}"


def _table(audit: Audit, width: int) -> Iterator[str]:
    """The first point of each regime; where one regime is asked for, its first two."""
    regimes = list(dict.fromkeys(row.regime for row in audit.rows))
    if len(regimes) == 1:
        shown = [row for row in audit.rows if not row.far][:2]
    else:
        shown = [next(row for row in audit.rows if row.regime == regime) for regime in regimes]
    labels = [row.regime if len(regimes) > 1 else f"{len(row.current)} actions" for row in shown]
    cells = [(label, *_numbers(row)) for label, row in zip(labels, shown, strict=True)]
    header = ("in logit 0", *COLUMNS)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for first, *rest in (header, *cells):
        text = "  ".join([f"{first:<{widths[0]}}", *(f"{x:>{w}}" for x, w in zip(rest, widths[1:], strict=True))])
        yield f"  {text}"
    for label, row in zip(labels, shown, strict=True):
        yield from _wrapped(f"{label}: {_policies(row)}", width, "  ", " " * 6)


def _numbers(row: Row) -> tuple[str, ...]:
    variance = "-" if row.variance is None else _number(row.variance)
    return (_number(row.gradient[0]), _number(row.reverse[0]), _number(row.forward[0]), _number(row.mean - row.kl),
            variance)


def _number(x: float) -> str:
    # What is below this is zero to the digits of a float: gradients here are of size one.
    if abs(x) < 1e-12:
        return "0"
    return f"{x:.5f}" if 1e-3 <= abs(x) < 1e4 else f"{x:.3g}"


def _policies(row: Row) -> str:
    old = "old = current" if row.old == row.current else f"old ({', '.join(row.old)})"
    return f"current ({', '.join(row.current)}), ref ({', '.join(row.ref)}), {old}"


def listed(width: int) -> Iterator[str]:
    """The well-known terms with their verdicts."""
    for place in PLACED:
        yield f"{PLACED[place]}:"
        for known, found in audited():
            if known.place != place:
                continue
            yield f"  {known.term}"
            for text in _columns(found):
                yield from _wrapped(text, width, "      ", " " * 10)
            if known.seen:
                yield from _wrapped(f"seen in: {known.seen}", width, "      ", " " * 10)
        yield ""
    yield from _wrapped("`ppocore estimator 'TERM'` audits any term of log_prob, old_log_prob, ref_log_prob and"
                        f" {', '.join(f'{name} = {text}' for name, text in DERIVED.items())}, with stop(x), exp, log,"
                        " abs, min, max and clip; `ppocore estimator FILE.py:NAME` a function of your own.", width)


def _columns(found: Audit) -> list[str]:
    return [f"{verdict.regime}: {follows(verdict)}{_clamped(verdict)}" for verdict in found.verdicts]


def _clamped(verdict: Verdict) -> str:
    return "" if verdict.everywhere or verdict.kind == "none" else " while no clamp binds"


@cache
def audited() -> tuple[tuple[Known, Audit], ...]:
    """Every well-known term and what it does."""
    return tuple((known, audit_estimator(known.term, place=known.place)) for known in KNOWN)


def table() -> str:
    """The table of docs/estimators.md."""
    header = ("term", "in", "on-policy it follows", "off-policy it follows", f"its mean is {MEANT}", "proved",
              "seen in")
    rows = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for known, found in audited():
        cells = [f"`{known.term}`", known.place, *(f"{follows(v)}{_clamped(v)}" for v in found.verdicts),
                 _unbiased(found), _linked(known), known.seen]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _unbiased(found: Audit) -> str:
    where = [verdict.regime for verdict in found.verdicts if verdict.estimates == MEANT]
    return {0: "no", 1: where[0] if where else "", 2: "yes"}[len(where)]


def _linked(known: Known) -> str:
    return ", ".join(f"[{id}](theorems.md#{id.lower()})" for id in known.theorems)


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(text, max(width, 20), initial_indent=first, subsequent_indent=rest,
                         break_on_hyphens=False, break_long_words=False)
