"""Theorems for all sizes by Coq: compiled from the sources, audited for axioms, compared with the locked statements.

Nothing is written into the checkout: a temporary directory holds the compiled files.  The ledger audits once, before
it forks its workers, which inherit the answer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from proofs.ledger.outcome import MissingTool, Outcome, proved, refuted, rejected

SOURCES = Path(__file__).resolve().parents[1] / "coq"
LOCK = SOURCES / "statements.lock"

AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_not_dec",
        "ClassicalDedekindReals.sig_forall_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""What Coq's real numbers rest on; Coquelicot and Flocq need no more."""

_HOLES = ("Admitted", "admit", "Axiom", "Axioms", "Parameter", "Parameters", "Conjecture")
_PREAMBLE = "From Coq Require Import Reals List.\nFrom Ppo Require Import Finite.\nLocal Open Scope R_scope.\n"
_WORKSHOP = tempfile.TemporaryDirectory(prefix="ppocore-coq-")


class AuditFailed(Exception):
    """A file does not compile, something is assumed that should be proved, or a statement is not as locked."""


@dataclass(frozen=True)
class Audit:
    """What the audit found."""

    statements: dict[str, str]
    """Printed statement or body of every theorem, example and definition, by qualified name."""
    theorems: tuple[str, ...]
    examples: tuple[str, ...]
    axioms: tuple[str, ...]

    @property
    def says(self) -> str:
        files = {name.split(".")[0] for name in self.theorems}
        return f"{len(self.theorems)} theorems in {len(files)} files, {len(self.axioms)} axioms of classical reals"


def audit() -> Audit:
    """Compile everything, and check assumptions and statements; raises `AuditFailed` with the reason."""
    found = _audited()
    if isinstance(found, AuditFailed):
        raise found
    return found


@cache
def _audited() -> Audit | AuditFailed:
    """The audit, or why it failed: kept, so that no other check compiles again only to fail again."""
    try:
        found = _inspect(_compiled())
        _compare_with_lock(found)
    except AuditFailed as failure:
        return failure
    return found


def _compare_with_lock(found: Audit) -> None:
    if not LOCK.exists():
        raise AuditFailed(f"{LOCK.name} is missing")
    locked = LOCK.read_text().splitlines()
    actual = _lines(found)
    if locked != actual:
        changed = sorted(set(locked) ^ set(actual))
        raise AuditFailed(f"{len(changed)} lines differ from {LOCK.name}, first: {changed[0] if changed else 'order'}")


def theorem(name: str) -> Outcome:
    """Proved, if the named theorem is audited and locked."""
    found = audit()
    if name not in found.theorems:
        raise KeyError(f"no Coq theorem {name}")
    file, short = name.split(".")
    instances = [example for example in found.examples if example.startswith(f"{file}.")]
    own = f"{name}_instance" in instances
    instance = "with its own instance" if own else f"{len(instances)} instances in the file"
    return proved(f"{short} in {file}.v, {instance}")


def negation(name: str, **witness: Any) -> Outcome:
    """Refuted with `witness`, if the named theorem is a negation or an explicit counterexample."""
    statement = audit().statements.get(name, "")
    if not statement.startswith(("~", "exists")):
        raise KeyError(f"{name} is no locked negation or counterexample")
    return refuted(f"{name}: {statement}", **witness)


def mutant(file: str, old: str, new: str) -> Outcome:
    """Rejected, if Coq refuses ``file``.v with `old` replaced by `new`; proved, if it still compiles."""
    source = (SOURCES / f"{file}.v").read_text()
    if old not in source:
        raise ValueError(f"{file}.v does not contain {old!r}")
    compiled = _compiled()
    with tempfile.TemporaryDirectory() as place:
        damaged = Path(place) / f"{file}.v"
        damaged.write_text(source.replace(old, new))
        answer = _coqc(damaged, compiled)
    if answer.returncode == 0:
        return proved(f"{file}.v compiles with the damage")
    return rejected(f"{file}.v: " + " ".join(answer.stderr.split("Error:")[-1].split())[:200])


def write_lock() -> None:
    """Record the statements as they are now."""
    LOCK.write_text("\n".join(_lines(_inspect(_compiled()))) + "\n")


def _lines(found: Audit) -> list[str]:
    return [f"{name} : {statement}" for name, statement in sorted(found.statements.items())]


@cache
def _compiled() -> Path:
    """The directory with all compiled files."""
    if shutil.which("coqc") is None:
        packages = "coq libcoq-coquelicot libcoq-flocq"
        raise MissingTool(f"coqc is not installed (Debian: apt-get install --no-install-recommends {packages})")
    place = Path(_WORKSHOP.name)
    names = sorted(source.name for source in SOURCES.glob("*.v"))
    for name in names:
        shutil.copy(SOURCES / name, place)
    project = (SOURCES / "_CoqProject").read_text().split()
    for command in (["coq_makefile", *project, *names, "-o", "Makefile"], ["make", "-s", "-j2"]):
        answer = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if answer.returncode:
            raise AuditFailed(answer.stderr[-1000:])
    return place


def _inspect(built: Path) -> Audit:
    theorems, examples, definitions = [], [], []
    for source in sorted(built.glob("*.v")):
        text = _without_comments(source.read_text())
        holes = [word for word in _HOLES if re.search(rf"\b{word}\b", text)]
        if holes:
            raise AuditFailed(f"{source.name} contains {', '.join(holes)}")
        theorems += _declared(source.stem, "Theorem", text)
        examples += _declared(source.stem, "Example", text)
        definitions += _declared(source.stem, "Definition|Fixpoint|Inductive|Record", text)
    with tempfile.TemporaryDirectory() as place:
        question = Path(place) / "Question.v"
        question.write_text(_question(theorems + examples, definitions))
        answer = _coqc(question, built)
    if answer.returncode:
        raise AuditFailed(answer.stderr[-1000:])
    statements, assumed = _read(answer.stdout)
    if foreign := assumed - AXIOMS:
        raise AuditFailed(f"unexpected axioms: {', '.join(sorted(foreign))}")
    return Audit(statements, tuple(theorems), tuple(examples), tuple(sorted(assumed)))


def _without_comments(text: str) -> str:
    return re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)


def _declared(file: str, kind: str, text: str) -> list[str]:
    return [f"{file}.{name}" for name in re.findall(rf"^\s*(?:{kind})\s+([A-Za-z_][\w']*)", text, flags=re.MULTILINE)]


def _question(proved_names: list[str], definitions: list[str]) -> str:
    """Prints every statement and definition, and the assumptions of all theorems at once: one by one is slow."""
    files = sorted({name.split(".")[0] for name in proved_names + definitions})
    lines = [_PREAMBLE, *(f"From Ppo Require {file}." for file in files), "Set Printing Width 1000000.", "Goal True."]
    for names, command in ((proved_names, "Check @"), (definitions, "Print ")):
        lines += [f'idtac "@@ {name}". {command}{name}.' for name in names]
    lines += ['idtac "@@ assumptions".', "Abort.", "Inductive any : Prop := some : forall P : Prop, P -> any."]
    everything = "".join(f"(cons (some _ (@{name})) " for name in proved_names) + "nil" + ")" * len(proved_names)
    lines += [f"Definition everything : list any := {everything}.", "Print Assumptions everything."]
    return "\n".join(lines)


def _read(printed: str) -> tuple[dict[str, str], set[str]]:
    statements, assumed = {}, set()
    for part in printed.split("@@ ")[1:]:
        name, _, text = part.partition("\n")
        if name == "assumptions":
            assumed = _assumed(text)
            continue
        body = re.split(r"\n\s*\n|\nArguments ", text)[0]
        statements[name] = re.sub(r"^@?\S+ *(?::(?!=)|=) *", "", " ".join(body.split()))
    return statements, assumed


def _assumed(printed: str) -> set[str]:
    """The names under ``Axioms:``, and whole lines such as "f is assumed to be guarded"."""
    entries = [line for line in printed.splitlines() if line and not line[0].isspace() and line != "Axioms:"]
    return {entry if " is assumed " in entry else entry.split()[0].rstrip(":") for entry in entries}


def _coqc(source: Path, built: Path) -> subprocess.CompletedProcess[str]:
    command = ["coqc", "-q", "-w", "-all", "-R", str(built), "Ppo", str(source)]
    # Some tactics leave caches where Coq runs: beside the source, in a temporary folder.
    return subprocess.run(command, cwd=source.parent, capture_output=True, text=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--lock"]:
        write_lock()
    print(audit().says)
