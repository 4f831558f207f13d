"""The runner of the ledger must turn red by itself: on a false, a vacuous, a slow, an untraced theorem."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.optional import require

z3 = require("z3")
require("pebble")

from proofs.ledger import trace  # noqa: E402
from proofs.ledger.book import Ledger  # noqa: E402
from proofs.ledger.outcome import MissingTool, Outcome, proved, refuted, rejected, unknown  # noqa: E402
from proofs.ledger.runner import Record, run  # noqa: E402
from proofs.ledger.texts import Text, read_texts  # noqa: E402
from proofs.methods.solver import every, forall  # noqa: E402

X = z3.Real("x")
CLIP = "ppocore.losses:clip_kernel"


def ledger_of(*entries: Callable[[Ledger], object], id: str = "SELF-01") -> Ledger:
    """A ledger with one theorem, filled by the entries."""
    ledger = Ledger()
    for entry in entries:
        entry(ledger)
    parts = {"Hypotheses": "none", "Statement": "$x$", "Derivation": "1. x", "Source": "S0"}
    ledger.settle({id: Text(id, "a theorem", parts, "self")})
    return ledger


def proof(check: Callable[[], Outcome]) -> Callable[[Ledger], object]:
    return lambda ledger: ledger.proof("SELF-01", "z3", "a proof", code=[CLIP])(check)


def refutation(check, claim=lambda x: x * x < 0, kept=None) -> Callable[[Ledger], object]:
    return lambda ledger: ledger.refutation("SELF-01", "z3", "a sibling", claim=claim, kept=kept)(check)


def only_record(ledger: Ledger, processes: int = 0, time_limit: float = 60.0) -> Record:
    (record,) = run(ledger.theorems.values(), processes, time_limit)
    return record


def test_a_true_theorem_passes() -> None:
    assert only_record(ledger_of(proof(lambda: forall([X], [X > 1], X * X > 1)))).passed


def test_a_false_theorem_is_refuted_with_a_witness_and_fails() -> None:
    record = only_record(ledger_of(proof(lambda: forall([X], [X > 0], X * X > X))))

    assert record.failed
    assert record.outcome.verdict == "refuted"
    assert 0 < record.outcome.witness["x"] <= 1


def test_contradictory_hypotheses_fail() -> None:
    record = only_record(ledger_of(proof(lambda: forall([X], [X > 1, X < 0], X == 7))))

    assert record.failed
    assert "Vacuous" in record.outcome.says


def test_a_proof_of_nothing_at_all_fails() -> None:
    assert "Vacuous" in only_record(ledger_of(proof(lambda: every([])))).outcome.says


def test_a_check_that_takes_too_long_fails_and_the_next_one_still_runs() -> None:
    ledger = ledger_of(proof(lambda: time.sleep(60) or proved()), proof(proved))

    slow, quick = run(ledger.theorems.values(), processes=1, time_limit=0.5)

    assert slow.failed
    assert slow.outcome.verdict == "unknown"
    assert quick.passed


def test_a_dying_process_fails_and_the_next_check_still_runs() -> None:
    import os

    dead, alive = run(ledger_of(proof(lambda: os._exit(3)), proof(proved)).theorems.values(), processes=1)

    assert dead.outcome.verdict == "error"
    assert alive.passed


@pytest.mark.parametrize("answer", [unknown("shrug"), rejected(), refuted(x=1)])
def test_only_proved_proves(answer: Outcome) -> None:
    assert only_record(ledger_of(proof(lambda: answer))).failed


@pytest.mark.parametrize("answer", [unknown("shrug"), rejected(), proved()])
def test_only_refuted_refutes(answer: Outcome) -> None:
    assert only_record(ledger_of(refutation(lambda: answer))).failed


def test_a_refutation_replays_its_witness() -> None:
    assert only_record(ledger_of(refutation(lambda: refuted(x=2)))).passed


def test_a_witness_that_does_not_falsify_the_claim_fails() -> None:
    record = only_record(ledger_of(refutation(lambda: refuted(x=2), claim=lambda x: x > 0)))

    assert record.failed
    assert "does not replay" in record.outcome.says


def test_a_witness_that_breaks_a_kept_hypothesis_fails() -> None:
    record = only_record(ledger_of(refutation(lambda: refuted(x=2), kept=lambda x: x < 0)))

    assert record.failed
    assert "hypothesis" in record.outcome.says


@pytest.mark.parametrize("said", [{"claim": lambda x: None}, {"kept": lambda x: 1}], ids=["claim", "kept"])
def test_a_replay_that_is_neither_true_nor_false_fails(said: dict) -> None:
    record = only_record(ledger_of(refutation(lambda: refuted(x=2), **said)))

    assert record.failed
    assert "not True or False" in record.outcome.says


def test_a_refutation_without_a_witness_fails() -> None:
    assert only_record(ledger_of(refutation(refuted))).failed


def test_a_missing_tool_is_a_counted_skip_and_a_failure_where_all_is_required(monkeypatch) -> None:
    def needs_tool() -> Outcome:
        raise MissingTool("coqc is not installed")

    monkeypatch.setenv("PPOCORE_REQUIRE_ALL", "0")
    record = only_record(ledger_of(proof(needs_tool)))
    assert record.skipped
    assert not record.failed

    monkeypatch.setenv("PPOCORE_REQUIRE_ALL", "1")
    assert only_record(ledger_of(proof(needs_tool))).failed


def test_a_missing_solver_skips_the_family(monkeypatch) -> None:
    monkeypatch.setenv("PPOCORE_REQUIRE_ALL", "0")
    ledger = ledger_of()
    ledger.theorems["SELF-01"].missing = "z3-solver is not installed"

    assert only_record(ledger).skipped


def complaints_about(ledger: Ledger, tests: Path) -> list[str]:
    return [line for line in trace.complaints(ledger, tests) if "SELF-" in line]


def test_a_missing_symbol_is_a_complaint(tmp_path: Path) -> None:
    code = ["ppocore.losses:no_such_kernel"]
    ledger = ledger_of(lambda ledger: ledger.proof("SELF-01", "z3", "x", code=code)(proved))

    assert any("no_such_kernel, which does not exist" in line for line in complaints_about(ledger, tmp_path))


def test_a_docstring_that_is_silent_is_a_complaint(tmp_path: Path) -> None:
    assert any("docstring does not name it" in line for line in complaints_about(ledger_of(proof(proved)), tmp_path))


def test_no_refutation_no_test_and_no_code_are_complaints(tmp_path: Path) -> None:
    said = " ".join(complaints_about(ledger_of(lambda ledger: ledger.proof("SELF-01", "z3", "x")(proved)), tmp_path))

    assert "no refutation" in said
    assert "no test" in said
    assert "names no code" in said


def test_a_mark_without_a_theorem_is_a_complaint(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text('import pytest\n\n@pytest.mark.theorem("SELF-99")\ndef test_x(): ...\n')

    assert "tests/test_x.py::test_x is marked with SELF-99, which does not exist." in complaints_about(
        ledger_of(proof(proved)), folder
    )


def test_a_docstring_that_names_no_theorem_is_a_complaint(tmp_path: Path) -> None:
    lines = list(trace.complaints(Ledger(), tmp_path))

    assert any(line.startswith("ppocore.losses:clip_kernel names") for line in lines)


def test_checks_without_a_text_are_an_error() -> None:
    ledger = Ledger()
    ledger.proof("SELF-02", "z3", "x")(proved)

    with pytest.raises(LookupError, match="SELF-02"):
        ledger.settle({})


def test_a_text_without_a_derivation_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## AB-01 · Title\n\n**Hypotheses.** x\n\n**Statement.** x\n\n**Source.** S1\n")

    with pytest.raises(ValueError, match="Derivation"):
        read_texts(tmp_path)


def test_a_text_is_read_part_by_part(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# Page\n\n## AB-01 · Title\n\n**Hypotheses.** h\n\n**Statement.** s\n\n**Derivation.**\n1. d\n\n"
        "**Source.** S1, S12\n"
    )

    text = read_texts(tmp_path)["AB-01"]

    assert text.parts == {"Hypotheses": "h", "Statement": "s", "Derivation": "1. d", "Source": "S1, S12"}
    assert text.rows == ("S1", "S12")
