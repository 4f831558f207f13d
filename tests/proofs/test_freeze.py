"""The writer of the frozen vectors: it knows nothing of ppocore, says what differs, and keeps every id."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.optional import require

flint = require("flint")

from proofs.definitions import ALTERNATIVES, DEFINITIONS  # noqa: E402
from proofs.freeze import __main__ as command  # noqa: E402
from proofs.freeze import answers, digits, files  # noqa: E402
from proofs.freeze.contract import OPERATIONS  # noqa: E402
from proofs.freeze.design import exactly  # noqa: E402
from proofs.freeze.kills import KILLS  # noqa: E402


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files.made()


@pytest.fixture
def folder(made, tmp_path) -> Path:
    files.write(tmp_path / "vectors", made)
    return tmp_path / "vectors"


def test_vectors_in_the_package_are_the_ones_the_definitions_make(made) -> None:
    assert list(files.differences(files.FOLDER, made)) == []


def test_freezing_twice_gives_the_same_bytes(made) -> None:
    assert files.made() == made


def test_freezing_imports_nothing_of_ppocore() -> None:
    allowed = {*sys.stdlib_module_names, "flint", "proofs"}
    for path in Path(files.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            assert {name.split(".")[0] for name in names} <= allowed, path.name

    code = "import sys, proofs.freeze.files as f; f.made(); print([m for m in sys.modules if m.startswith('ppocore')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=files.FOLDER.parents[2])
    assert done.stdout.strip() == "[]"


def test_every_operation_is_designed_named_and_defined() -> None:
    assert set(answers.DESIGNS) == set(OPERATIONS) == set(KILLS)
    for name, designs in answers.DESIGNS.items():
        assert [design.name for design in designs] == list(KILLS[name]), name
        module, _, attribute = files.book(name)["definition"].rpartition(".")
        assert getattr(importlib.import_module(module), attribute) is DEFINITIONS[name]
        assert ALTERNATIVES[name], f"{name}: its digits rest on one route alone"


def test_a_route_with_another_answer_stops_the_writing(monkeypatch) -> None:
    def wrong(**inputs):
        return {"ratio": [Fraction(1)] * len(inputs["log_prob"])}

    monkeypatch.setitem(answers.ALTERNATIVES, "ratio", (wrong,))

    with pytest.raises(ArithmeticError, match="ratio/vector/around-one: ratio is not the same by wrong"):
        answers.vectors("ratio")


def test_digits_that_no_precision_settles_stop_the_writing(monkeypatch) -> None:
    monkeypatch.setitem(answers.DEFINITIONS, "ratio", lambda **inputs: {"ratio": [flint.arb("0 +/- 1e-99")]})

    with pytest.raises(ArithmeticError, match="ratio: .* is not known to 40 digits"):
        answers.vectors("ratio")


@pytest.mark.parametrize(("harm", "line"), [
    (lambda f: (f / "gae.json").unlink(), "gae.json: missing"),
    (lambda f: (f / "more.json").write_text("{}"), "more.json: no definition makes it"),
    (lambda f: (f / "gae.json").write_text("{"), "gae.json: is damaged"),
    (lambda f: edit(f / "gae.json", '"-1.5078125"', '"-1.5078126"'), "gae.json: differs in gae/vector/nothing-ends"),
    (lambda f: edit(f / "gae.json", "eq. 16", "eq. 17"), "gae.json: differs outside of its vectors"),
    (lambda f: edit(f / "manifest.json", '"digits": 40', '"digits": 41'), "manifest.json: differs outside"),
], ids=["missing", "foreign", "damaged", "digit", "source", "manifest"])
def test_check_says_what_differs_and_writes_nothing(folder, capsys, harm, line) -> None:
    harm(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert command.main(["--check", "--into", str(folder)]) == 1

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(line)
    assert printed[1:] == ["proofs.freeze: 1 difference"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_writing_repairs_and_check_agrees(folder, made, capsys) -> None:
    (folder / "gae.json").unlink()
    (folder / "more.json").write_text("{}")

    assert command.main(["--into", str(folder)]) == 0
    assert command.main(["--check", "--into", str(folder)]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


def test_an_id_cannot_vanish_by_a_change_of_design(folder, monkeypatch, capsys) -> None:
    first, *rest = answers.DESIGNS["ratio"]
    monkeypatch.setitem(answers.DESIGNS, "ratio", (replace(first, name="one-action"), *rest[:1]))
    before = (folder / "ratio.json").read_text()

    assert command.main(["--into", str(folder)]) == 1

    assert capsys.readouterr().out.startswith("ratio/vector/around-one: would vanish; ids are permanent")
    assert (folder / "ratio.json").read_text() == before


def test_decimals_are_exact_or_rounded_to_even() -> None:
    tie = Fraction(10**40 + 5, 10**40)
    for number, text in (
        (Fraction(1, 3), "0." + "3" * 40), (Fraction(-2, 3), "-0." + "6" * 39 + "7"), (Fraction(0), "0"), (7, "7"),
        (tie, "1"), (tie + Fraction(1, 10**39), "1.000000000000000000000000000000000000002"),
        (1 - Fraction(1, 10**41), "1"), (Fraction(10**25), "1e+25"), (Fraction(1, 10**9), "1e-9"),
        (Fraction(-123, 10), "-12.3"), (flint.arb(2), "2"),
    ):
        assert digits.rounded(number) == text
    with flint.ctx.workprec(400):
        assert digits.rounded(flint.arb.pi()) == "3.141592653589793238462643383279502884197"
        assert digits.rounded(flint.arb(2).sqrt() ** 2) == "2"
    with flint.ctx.workprec(100), pytest.raises(digits.Uncertain):
        digits.rounded(flint.arb.pi())

    assert digits.exact(Fraction(3, 2**20)) == "0.00000286102294921875"
    assert digits.exact(Fraction(1, 2**24)) == "5.9604644775390625e-8"


def test_designs_hold_only_what_float32_can() -> None:
    assert exactly([0.5, [True, 3]]) == [Fraction(1, 2), [True, 3]]
    with pytest.raises(ValueError, match=r"0.1 is no float32 number"):
        exactly([0.5, [0.1]])


def test_without_flint_one_line_says_so() -> None:
    code = ("import sys; sys.modules['flint'] = None; from proofs.freeze.__main__ import main;"
            "sys.exit(main(['--check']))")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          cwd=files.FOLDER.parents[2])

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "proofs.freeze: needs python-flint (pip install 'ppocore[proofs]')\n"


def test_manifest_names_every_file_and_id(made) -> None:
    manifest = json.loads(made["manifest.json"])
    ids = [vector["id"] for name in OPERATIONS for vector in json.loads(made[f"{name}.json"])["vectors"]]

    assert set(manifest["sha256"]) == set(made) - {"manifest.json"}
    assert manifest["ids"] == sorted(ids)
    assert len(set(ids)) == len(ids)
