"""Expected failures: a file with one `ID  # reason` a line, kept beside the code that is judged.

It is strict.  An id that does not exist, an id listed twice and an id without a reason are errors, and an expected
failure that passes makes the run red.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import Result, Verdict
from ppocore.conformance.files import write_whole
from ppocore.conformance.texts import clean


def read(path: Path) -> dict[str, str]:
    """Ids with their reasons."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadAdapter(f"{path}: cannot be read as a list of expected failures ({error}).") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        id, _, reason = (part.strip() for part in line.partition("#"))
        if not id:
            continue
        if len(id.split()) > 1:
            raise BadAdapter(f"{path}:{number}: {clean(id)!r} is not one id; write `ID  # reason`.")
        if id in found:
            raise BadAdapter(f"{path}:{number}: {clean(id)} is listed twice; each id is expected to fail for one"
                             " reason.")
        if not reason:
            raise BadAdapter(f"{path}:{number}: {clean(id)} has no reason; write `{clean(id)}  # why it fails`.")
        found[id] = reason
    return found


def refuse_unknown(expected: Mapping[str, str], known: Collection[str], path: Path) -> None:
    """BadAdapter for the first id that no case bears."""
    for id in expected:
        if id not in known:
            close = difflib.get_close_matches(id, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise BadAdapter(f"{path}: {clean(id)} is no case{hint}")


def apply(
    results: Sequence[Result], verdict: Verdict, expected: Mapping[str, str], strict_levels: Collection[str]
) -> tuple[list[Result], Verdict]:
    """Turn results into xfail and xpass; the verdict is green if only expected failures made it red."""
    changed = [_expect(result, expected) for result in results]
    failing = [r for r in changed if r.status in ("fail", "error") and r.level in strict_levels]
    hoped = [r for r in changed if r.status == "xfail" and r.level in strict_levels]
    passing = [r for r in changed if r.status == "xpass"]
    notes = list(verdict.notes)
    if hoped:
        notes.append(f"{len(hoped)} expected failure{'s' * (len(hoped) > 1)}")
    if passing:
        names = ", ".join(result.id for result in passing[:3])
        notes.append(f"{len(passing)} expected to fail and passed: take out of the list: {names}")
    green = (verdict.green or (bool(hoped) and not failing)) and not passing
    return changed, replace(verdict, green=green, notes=tuple(notes))


def _expect(result: Result, expected: Mapping[str, str]) -> Result:
    if result.id not in expected or result.status == "skip":
        return result
    if result.status == "pass":
        return replace(result, status="xpass", message="expected to fail, and passes")
    return replace(result, status="xfail", message=f"{result.message} (expected: {expected[result.id]})")


def write(
    path: Path, results: Iterable[Result], verdicts: Mapping[str, Verdict], strict_levels: Collection[str],
    known: Mapping[str, str],
) -> int:
    """Write what fails today, keeping reasons that were given before; the number of lines written."""
    lines = []
    for result in results:
        if result.level in strict_levels and result.status in ("fail", "error", "xfail"):
            reason = known.get(result.id) or _reason(result, verdicts.get(result.operation))
            lines.append(f"{result.id}  # {reason}\n")
    write_whole(path, "".join(lines))
    return len(lines)


def _reason(result: Result, verdict: Verdict | None) -> str:
    """What was found, in place of the reason that only its author knows."""
    word = verdict.verdict if verdict else result.status
    explained = verdict and [*verdict.mistakes, *(f"{name}={value}" for name, value in verdict.conventions.items())]
    found = ", ".join(explained or ()) or " ".join(clean(result.message).split())[:100] or "fails today"
    return f"{word}: {found}".replace("#", "")
