"""The frozen vectors: what the gate reads is what was frozen, every answer agrees, and every vector kills."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore.conformance import forms, handout, mistakes, mutants, reference, vectors
from ppocore.conformance.case import UNIT, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.cases.relations import SAYS
from ppocore.conformance.compare import TINY, Bench, K
from ppocore.conformance.mistakes import batches
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import Real, arithmetic, gradient
from tests.command import command
from tests.optional import require
from tests.test_kill_matrix import BELOW_FLOAT32

FOLDER = Path(vectors.__file__).parent
DTYPES = tuple(UNIT)
ORACLE = Decimal("1e-36")
"""The last of 40 frozen digits is worth at most 1e-39 of a number; the oracle computes with 60 digits, of which what
cancels in these vectors (a KL of 1e-6 between logits of 1000, squared) takes less than 24."""


@pytest.fixture
def elsewhere(monkeypatch, tmp_path) -> Path:
    """A copy of the package's files, from which the gate then reads."""
    folder = tmp_path / "vectors"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(vectors, "_place", lambda name: folder / name)
    return folder


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copies") / "vectors"
    handout.copy(folder)
    return folder


def flat(nested: Any) -> Iterator[Any]:
    if isinstance(nested, (list, np.ndarray)):
        for item in nested:
            yield from flat(item)
    else:
        yield nested


def question(name: str, vector: vectors.Vector) -> Question:
    put = forms.question(OPERATIONS[name], mutants.parameters(OPERATIONS[name]), vector.case, 0)
    assert put is not None, vector.case.id
    return put


def exact_answers(name: str, vector: vectors.Vector, dtype: str) -> dict[str, Any]:
    """The oracle's answers before they are rounded to floats."""
    put, operation = question(name, vector), OPERATIONS[name]
    with arithmetic(UNIT[dtype]):
        given = Inputs(put.inputs, frozenset(put.passed), operation.differentiable)
        found: dict[str, Any] = dict(DEFINITIONS[name](given, Choices()))
        for variable in operation.differentiable:
            found[f"grad_{variable}"] = gradient(found["loss"], getattr(given, variable))
    if "grads[0]" in found:
        found["grads"] = [found[f"grads[{i}]"] for i in range(len(found))]
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_oracle_gives_every_frozen_digit(name: str, dtype: str) -> None:
    for vector in vectors.of(name):
        computed = exact_answers(name, vector, dtype)
        assert set(OPERATIONS[name].outputs) == set(vector.outputs), vector.case.id
        for output, frozen in vector.outputs.items():
            for text, real in zip(flat(frozen), flat(computed[output]), strict=True):
                if text is None:
                    continue
                want = Decimal(text)
                got = real.value if isinstance(real, Real) else Decimal(real)
                assert abs(got - want) <= ORACLE * abs(want), (vector.case.id, output, text, got)


def test_the_gate_asks_them_after_its_other_cases() -> None:
    """Before those alone that are made of others."""
    for name in OPERATIONS:
        frozen = [vector.case.id for vector in vectors.of(name)]
        asked = [case.id for case in cases(name, "float64", 0, 2) if case.id.split("/")[1] not in SAYS]
        assert asked[-len(frozen):] == frozen
        assert len(frozen) >= 5


@pytest.mark.parametrize("dtype", DTYPES)
def test_ppocore_is_green_on_them(monkeypatch, dtype: str) -> None:
    monkeypatch.setattr(reference, "DTYPE", dtype)
    functions = {name: getattr(reference, name) for name in OPERATIONS} | {"DTYPE": dtype}

    found = ppocore.check(functions, only="*/vector/*", strict=True, examples=0)

    assert found.green
    assert len(found.results) == sum(len(vectors.of(name)) for name in OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_exact_vectors_need_no_more_digits_than_float32_has(name: str) -> None:
    for vector in vectors.of(name):
        if vector.case.exact:
            texts = [t for out, frozen in vector.outputs.items() if not out.startswith("grad_") for t in flat(frozen)]
            assert all(Decimal(float(np.float32(t))) == Decimal(t) for t in texts if t is not None), vector.case.id


@cache
def killed(name: str, dtype: str) -> dict[tuple[str, str], set[int]]:
    """For each vector and each mistake that it names, the wrong formulas it tells from the definition."""
    bench, right = Bench(OPERATIONS[name], dtype), DEFINITIONS[name]
    found = {}
    with np.errstate(all="ignore"):
        for vector in vectors.of(name):
            put = question(name, vector)
            for slug in vector.kills:
                formulas = mistakes.MISTAKES[slug].formulas
                found[vector.case.id, slug] = {
                    i for i, formula in enumerate(formulas)
                    if bench.mismatch(right, put, mutants.answer(bench, formula, put), Choices()) is not None}
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_vector_kills_what_it_names(name: str) -> None:
    by_vector = killed(name, "float64")

    assert {id for id, _ in by_vector} == {vector.case.id for vector in vectors.of(name)}
    assert [key for key, formulas in by_vector.items() if not formulas] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_survives_the_vectors_that_name_it(name: str) -> None:
    """Every formula of every mistake in float64; in float32 one of its formulas, where a number can show at all.

    Not those of whole batches, which need more samples than a vector for other languages holds.
    """
    for mistake in mistakes.of(name):
        if mistake.slug in batches.CATALOGUE.mistakes:
            continue
        wide, narrow = ([f for (_, slug), f in killed(name, dtype).items() if slug == mistake.slug]
                        for dtype in ("float64", "float32"))
        assert set().union(*wide) == set(range(len(mistake.formulas))), mistake.slug
        assert any(narrow) or mistake.slug in BELOW_FLOAT32, mistake.slug


def test_every_file_keeps_to_the_schema() -> None:
    jsonschema = require("jsonschema")
    schema = json.loads(vectors.text(vectors.SCHEMA))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    for name in OPERATIONS:
        validator.validate(vectors.book(name))
        for key in ("operation", "vectors", "format"):
            assert not validator.is_valid({k: v for k, v in vectors.book(name).items() if k != key})


@pytest.mark.parametrize("change", [
    {"id": "ratio/Other"}, {"says": "no full stop"}, {"kills": []}, {"kills": ["no-slug"]}, {"level": "edge"},
    {"inputs": {"log_prob": [0.5]}}, {"inputs": {"log_prob": ["0.50"]}}, {"outputs": {"ratio": ["nan"]}}, {"more": 1},
], ids=str)
def test_the_schema_refuses_other_vectors(change: dict[str, Any]) -> None:
    jsonschema = require("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(vectors.text(vectors.SCHEMA)))
    book = vectors.book("ratio")
    book["vectors"][0] |= change

    assert not validator.is_valid(book)


def test_the_manifest_names_exactly_the_files_and_ids_that_are_there() -> None:
    manifest = json.loads((FOLDER / vectors.MANIFEST).read_text())
    ids = [vector.case.id for name in OPERATIONS for vector in vectors.of(name)]

    assert set(manifest["sha256"]) == {path.name for path in FOLDER.glob("*.json")} - {vectors.MANIFEST}
    assert set(manifest["sha256"]) == {f"{name}.json" for name in OPERATIONS} | {vectors.SCHEMA}
    assert manifest["ids"] == sorted(set(ids))
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("harm", "text"), [
    (lambda f: (f / "gae.json").unlink(), "gae.json: cannot be read"),
    (lambda f: (f / "gae.json").write_bytes((f / "gae.json").read_bytes()[:-1]), "gae.json: is not the file that"),
    (lambda f: (f / "gae.json").write_text((f / "gae.json").read_text().replace("-1.5078125", "-1.5")),
     "gae.json: is not the file that manifest.json names"),
    (lambda f: (f / "manifest.json").unlink(), "manifest.json: cannot be read"),
    (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: is not a manifest"),
    (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json: is not a manifest"),
    (lambda f: (f / "manifest.json").write_text('{"format": 2, "sha256": {}}'), "manifest.json: has format 2;"),
], ids=["deleted", "truncated", "edited", "no-manifest", "half-a-manifest", "foreign-manifest", "later-format"])
def test_a_damaged_file_is_one_clear_line_and_status_two(elsewhere, harm, text) -> None:
    harm(elsewhere)

    status, out, err = command("check", "ppocore.conformance.reference", "--only", "gae")

    assert (status, out) == (2, "")
    assert err.startswith("ppocore: ")
    assert text in err
    assert len(err.splitlines()) == 1


def test_a_damaged_file_costs_only_those_who_need_it(elsewhere, tmp_path) -> None:
    (elsewhere / "gae.json").unlink()
    adapter = tmp_path / "adapter.py"
    adapter.write_text("import numpy as np\n"
                       "def ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n")

    assert command("check", adapter)[0] == 0


def test_copies_serve_a_runner_that_knows_only_the_readme(copied: Path) -> None:
    """Read the JSON, call, compare by the stated rule: what people of other languages will do."""
    rule = "|got - want| <= 16 * budget * u + u * |want| + tiny"
    assert K == 16
    assert rule in (copied / "README.txt").read_text()
    for name, operation in OPERATIONS.items():
        book = json.loads((copied / f"{name}.json").read_text())
        for entry in book["vectors"]:
            for dtype in DTYPES:
                given = {key: [array(item, dtype) for item in value] if key in book["lists"] else array(value, dtype)
                         for key, value in entry["inputs"].items()}
                result = getattr(reference, name)(**given)
                results = result if isinstance(result, tuple) else (result,)
                for output, got in zip(operation.outputs, results, strict=True):
                    assert within(got, entry, output, dtype), (entry["id"], dtype, output)


def array(value: Any, dtype: str) -> Any:
    if isinstance(value, str):
        return float(value)
    made = np.array(value) if isinstance(value, list) else value
    return made.astype(dtype) if isinstance(made, np.ndarray) and made.dtype.kind == "U" else made


def within(got: Any, entry: dict[str, Any], output: str, dtype: str) -> bool:
    """The rule of README.txt, entry by entry."""
    budget, want = entry["budget"][dtype][output], entry["outputs"][output]
    if entry["exact"] and not output.startswith("grad_"):
        return all(w is None or float(g) == float(w) for g, w in zip(flat(got), flat(want), strict=True))
    unit, tiny = UNIT[dtype], TINY[dtype]
    return all(w is None or abs(float(g) - float(w)) <= 16 * b * unit + unit * abs(float(w)) + tiny
               for g, w, b in zip(flat(got), flat(want), flat(budget), strict=True))


def test_copies_are_whole_and_keep_to_the_schema(copied: Path) -> None:
    jsonschema = require("jsonschema")
    manifest = json.loads((copied / "manifest.json").read_text())
    validator = jsonschema.Draft202012Validator(json.loads((copied / "schema.json").read_text()))

    assert set(manifest["sha256"]) | {"manifest.json"} == {path.name for path in copied.iterdir()}
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((copied / name).read_bytes()).hexdigest() == digest
    for name in OPERATIONS:
        book = json.loads((copied / f"{name}.json").read_text())
        validator.validate(book)
        for entry in book["vectors"]:
            budgets = entry.pop("budget")
            assert set(budgets) == set(DTYPES)
        assert book == vectors.book(name)


def test_budgets_are_the_gates_rounded_up(copied: Path) -> None:
    book = json.loads((copied / "clip_loss.json").read_text())
    for entry, vector in zip(book["vectors"], vectors.of("clip_loss"), strict=True):
        put = question("clip_loss", vector)
        for dtype in DTYPES:
            targets = Bench(OPERATIONS["clip_loss"], dtype).expect(DEFINITIONS["clip_loss"], put, Choices())
            for output, target in targets.items():
                budget = entry["budget"][dtype][output]
                for stated, slack in zip(flat(budget), flat(target.slack.tolist()), strict=True):
                    assert slack <= stated <= slack * 1.01


def test_copy_refuses_what_is_there(tmp_path) -> None:
    taken, empty, file = tmp_path / "taken", tmp_path / "empty", tmp_path / "file"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    empty.mkdir()
    file.write_text("mine")

    for path in (taken, file):
        status, _, err = command("vectors", "copy", path)
        assert (status, err) == (2, f"ppocore: {path}: is there already; name a folder that does not exist or is"
                                    " empty.\n")
    status, _, err = command("vectors", "copy", tmp_path / "no" / "folder")
    assert (status, len(err.splitlines())) == (2, 1)
    assert "cannot be written" in err
    status, out, _ = command("vectors", "copy", empty)
    shipped = len(OPERATIONS) + 3  # a file for each operation, the manifest, the schema and the README
    assert (status, out) == (0, f"{shipped} files in {empty}\n")
    assert (taken / "mine.txt").read_text() == file.read_text() == "mine"


def test_interrupted_copy_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    write, written = Path.write_text, []

    def interrupted(path: Path, *args: Any, **more: Any) -> int:
        written.append(path)
        if len(written) > 3:
            raise KeyboardInterrupt
        return write(path, *args, **more)

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        handout.copy(tmp_path / "vectors")

    assert list(tmp_path.iterdir()) == []


def test_list_and_show() -> None:
    status, out, err = command("vectors", "list")
    assert (status, err) == (0, "")
    ids = [line.split()[0] for line in out.splitlines()]
    assert sorted(ids) == json.loads((FOLDER / "manifest.json").read_text())["ids"]
    status, out, _ = command("vectors", "list", "gae")
    assert status == 0
    assert out.splitlines()[0].split() == ["gae/vector/nothing-ends", "kills", "19", *out.splitlines()[0].split()[3:]]

    status, out, _ = command("vectors", "show", "ppo_loss/vector/one-sample")
    assert status == 0
    for text in ("  log_prob = [1]\n", "loss = 8.46718109893065022723042746057500781318\n", "  loss (float32) = 110\n",
                 "ppo_loss/gradient-cut-on-both-sides"):
        assert text in out
    assert "[-1.53125, -0.125, -2.5, (not judged)]" in command("vectors", "show", "token_gae/vector/padded-right")[1]
    assert command("vectors")[1].startswith("Usage: ppocore vectors")


@pytest.mark.parametrize(("arguments", "text"), [
    (["list", "gea"], "vectors: gea is no operation; did you mean gae?"),
    (["show", "gae/vector/nothing"], "there is no vector gae/vector/nothing; did you mean gae/vector/nothing-ends?"),
    (["show"], "Missing argument"),
    (["copy"], "Missing argument"),
    (["lsit"], "No such command 'lsit'"),
])
def test_what_cannot_be_shown_is_status_two_and_one_line(arguments, text) -> None:
    status, _, err = command("vectors", *arguments)

    assert status == 2
    assert text in err
    assert len(err.splitlines()) == 1
