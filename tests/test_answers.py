"""`ppocore questions` and `--answers`: what is computed elsewhere is judged as if it were computed here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import ppocore
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.operations import OPERATIONS
from tests.command import command

ROOT = Path(__file__).parents[1]
SMALLEST = ROOT / "docs" / "examples" / "exec" / "smallest.py"
HELLO = {"name": "elsewhere", "operations": {"ratio": ["log_prob", "old_log_prob"]}}


@pytest.fixture
def asked(tmp_path):
    """Questions about the ratio, as dicts."""
    (tmp_path / "hello.json").write_text(json.dumps(HELLO))
    questions = tmp_path / "questions.jsonl"

    def ask(*options):
        status, out, err = command("questions", tmp_path / "hello.json", "--out", questions, *options)
        assert (status, err) == (0, "")
        rows = [json.loads(line) for line in questions.read_text().splitlines()]
        assert out == f"{len(rows) - 2} questions in {questions}\n"
        assert (rows[0]["cmd"], rows[-1]["cmd"]) == ("start", "stop")
        return rows[1:-1]

    return ask


def answered(rows, function=lambda new, old: math.exp(new - old)):
    for row in rows:
        try:
            pairs = zip(row["inputs"]["log_prob"], row["inputs"]["old_log_prob"], strict=True)
            ratio = [function(float(new), float(old)) for new, old in pairs]
            yield {"seq": row["seq"], "outputs": {"ratio": [x if math.isfinite(x) else str(x) for x in ratio]}}
        except (OverflowError, ValueError) as error:
            yield {"seq": row["seq"], "rejects": str(error)}


@pytest.fixture
def write(tmp_path):
    def write(*rows, hello=HELLO):
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in (hello, *rows)))
        return path

    return write


def outcome(run):
    return {result.id: (result.status, result.message) for result in run.results}


def test_a_program_of_the_protocol_answers_the_file_and_is_judged_alike(tmp_path):
    (tmp_path / "hello.json").write_text(json.dumps(HELLO))
    questions, answers = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    command("questions", tmp_path / "hello.json", "--out", questions)
    with questions.open() as given, answers.open("w") as taken:
        subprocess.run([sys.executable, SMALLEST], stdin=given, stdout=taken, check=True)

    status, out, err = command("check", "--answers", answers)

    assert (status, err) == (0, "")
    assert "GREEN 1 operation" in out
    assert outcome(ppocore.check(answers=answers)) == outcome(ppocore.check(exec=f"{sys.executable} {SMALLEST}"))


def test_a_mistake_is_named(asked, write):
    run = ppocore.check(answers=write(*answered(asked(), lambda new, old: math.exp(old - new))))

    (verdict,) = (verdict for verdict in run.verdicts if verdict.operation == "ratio")
    assert (verdict.verdict, verdict.mistakes) == ("known-mistake", ("ratio/inverted",))
    worst = min((r.counterexample for r in run.results if r.counterexample), key=lambda c: len(str(c["inputs"])))
    assert worst["got"] != worst["want"]


def test_the_order_does_not_matter_nor_do_blank_lines(asked, write):
    path = write(*reversed(list(answered(asked()))))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n\n"))

    assert ppocore.check(answers=path).green


def test_missing_answers_are_errors_of_their_cases(asked, write):
    rows = asked()
    without = [row for row in rows if row["id"] != "ratio/sides"]

    run = ppocore.check(answers=write(*answered(without)))

    wrong = {result.id: result.message for result in run.results
             if result.status != "pass" and result.level in ("smoke", "core")}
    assert wrong == {"ratio/sides": "not answered (if it was not asked, judge with the --only that was asked with)"}
    assert run.exit_status == 1


def test_only_part_may_be_asked_and_only_part_judged(asked, write):
    whole = write(*answered(asked()))
    assert ppocore.check(answers=whole, only="ratio/far/*").green

    part = write(*answered(asked("--only", "ratio/far/*")))
    assert ppocore.check(answers=part, only="ratio/far/*").green
    assert not ppocore.check(answers=part).green


def test_the_seed_and_the_number_of_examples_must_be_those_that_were_asked_with(asked, write):
    path = write(*answered(asked("--seed", 7, "--examples", 3)))

    assert ppocore.check(answers=path, seed=7, examples=3).green
    for other in ({}, {"seed": 7, "examples": 2}, {"seed": 8, "examples": 3}):
        with pytest.raises(BadAdapter, match=r"answers.jsonl:\d+: seq \d+ is no question under these settings"):
            ppocore.check(answers=path, **other)


def test_without_a_first_line_everything_is_asked(tmp_path):
    out = tmp_path / "all.jsonl"

    status, _, _ = command("questions", "--out", out, "--dtype", "float32", "--examples", 0)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert status == 0
    assert rows[0]["dtype"] == "float32"
    assert list(rows[0]["operations"]) == list(OPERATIONS) == list(dict.fromkeys(
        row["operation"] for row in rows if row["cmd"] == "run"))
    assert rows[0]["operations"]["gae"] == ["rewards", "values", "gamma", "gae_lambda", "next_values", "terminated",
                                            "truncated"]
    seqs = [row["seq"] for row in rows if row["cmd"] == "run"]
    assert len(set(seqs)) == len(seqs)


def test_what_the_first_line_of_the_questions_says_may_be_said_back(tmp_path, write):
    out = tmp_path / "questions.jsonl"
    command("questions", "--out", out, "--only", "masked_mean")
    first, *rows, _ = [json.loads(line) for line in out.read_text().splitlines()]
    del first["cmd"]

    def mean(row):
        x, mask = row["inputs"]["x"], row["inputs"]["mask"]
        valid = [float(a) for r, s in zip(x, mask, strict=False) for a, v in zip(r, s, strict=False) if v]
        return {"mean": sum(valid) / len(valid)} if valid else {"mean": "nan"}

    path = write(*({"seq": row["seq"], "outputs": mean(row)} for row in rows), hello=first)

    assert ppocore.check(answers=path, only="masked_mean").green


@pytest.mark.parametrize(("text", "message"), [
    ("", "answers.jsonl: is empty; its first line must say what was asked"),
    ("\n\n", "answers.jsonl: is empty;"),
    ("hello\n", "answers.jsonl:1: holds a line that is not JSON: 'hello'."),
    ('{"seq": 1, "outputs": {}}\n', "answers.jsonl:1: operations is missing;"),
    ("{hello}\n\n{}\n", "answers.jsonl:3: has no `seq`; each answer repeats that of its question."),
    ('{hello}\n{"seq": "1"}\n', "answers.jsonl:2: has no `seq`;"),
    ("{hello}\n[]\n", "answers.jsonl:2: holds a line that is no JSON object: '[]'."),
    ('{hello}\n{"seq": 1, "outputs": nan}\n', "answers.jsonl:2: holds a line that is not JSON:"),
    ('{hello}\n{"seq": 1}\n{"seq": 2}\n{"seq": 1}\n', "answers.jsonl:4: seq 1 is answered twice, first in line 2."),
    ('{hello}\n{"seq": 1}\n', "answers.jsonl:2: seq 1 is no question under these settings;"),
    ('{hello}\n{"seq": NaN}\n', "answers.jsonl:2: seq nan is no question"),
    ('{hello}\n{"seq": 1, "outputs": {"ratio": [0.5', "answers.jsonl:2: holds a line that is not JSON:"),
])
def test_files_that_cannot_be_judged(tmp_path, text, message):
    path = tmp_path / "answers.jsonl"
    path.write_text(text.replace("{hello}", json.dumps(HELLO)))

    status, out, err = command("check", "--answers", path)

    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "message"), [
    (["check", "--answers", "absent.jsonl"], "absent.jsonl: cannot be read (No such file or directory)."),
    (["check", "--answers", "{folder}"], "cannot be read (Is a directory)."),
    (["questions"], "Missing option '--out'."),
    (["questions", "--out", "/no/such/folder/q"], "/no/such/folder/q: cannot be written (its folder does not exist)."),
    (["questions", "absent.json", "--out", "{folder}/q"], "absent.json: cannot be read"),
    (["questions", "--out", "{folder}/q", "--dtype", "float16"], "--dtype: dtype is 'float16'; it must be one of"),
    (["questions", "{hello}", "--out", "{folder}/q", "--dtype", "float32"], "questions: --dtype is given, and"),
    (["questions", "{hello}", "--out", "{folder}/q", "--only", "gae"], "does not offer gae; it offers: ratio."),
    (["questions", "{hello}", "--out", "{folder}/q", "--seed", "-1"], "--seed is -1; it must be 0 or above."),
    (["questions", "{two}", "--out", "{folder}/q"], "has 2 lines; one is required"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_misuse_is_status_two_and_one_line(tmp_path, arguments, message):
    names = {"folder": tmp_path, "hello": tmp_path / "hello.json", "two": tmp_path / "two.json"}
    names["hello"].write_text(json.dumps(HELLO))
    names["two"].write_text(json.dumps(HELLO) + "\n" + json.dumps(HELLO) + "\n")

    status, out, err = command(*(argument.format(**names) for argument in arguments))

    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "q").exists()
