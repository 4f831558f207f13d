"""The command `ppocore estimator`: a term, a function in a file, or the list of well-known terms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from ppocore.conformance.estimators import shown
from ppocore.conformance.estimators.audit import Audit, audit, audit_estimator
from ppocore.conformance.estimators.handed import apart
from ppocore.conformance.estimators.language import BadTerm
from ppocore.conformance.estimators.terms import PLACES, Place
from ppocore.conformance.texts import plain

IN_A_FILE = re.compile(r"\.py\s*(:|$)")


def estimator(
    term: str | None, place: str, framework: str | None, on_policy: bool, expect: str | None, as_json: bool, width: int,
    timeout: float,
) -> tuple[int, Iterable[str]]:
    """Exit status, and what to print."""
    if place not in PLACES:
        raise BadTerm(f"estimator: --in is {place!r}; it must be one of {', '.join(PLACES)}.")
    if term is None:
        if as_json:
            return 0, [json.dumps(plain([found.to_dict() for _, found in shown.audited()]))]
        return 0, shown.listed(width)
    found = _audited(term, place, framework, on_policy, timeout)
    status = 0 if expect is None or found.follows(expect) else 1
    return status, [json.dumps(plain(found.to_dict()))] if as_json else _lines(found, expect, width)


def _audited(term: str, place: Place, framework: str | None, on_policy: bool, timeout: float) -> Audit:
    if IN_A_FILE.search(term) is None:
        if framework is not None:
            raise BadTerm(f"estimator: --framework {framework} is of a function, FILE.py:NAME; {term!r} is a term.")
        return audit_estimator(term, place=place, on_policy=on_policy)
    if ":" not in term:
        raise BadTerm(f"estimator: {term} names no function; write {term}:NAME.")
    file, _, name = (part.strip() for part in term.rpartition(":"))
    with apart(file, name, framework, timeout) as handed:
        return audit(handed, f"{file}:{name}", place, on_policy)


def _lines(found: Audit, expect: str | None, width: int) -> Iterable[str]:
    yield from shown.lines(found, width)
    if expect is not None and not found.follows(expect):
        yield f"  RED it was expected to follow {expect}"
