"""Right code is green, however it is written: no false alarm, in either dtype; conventions are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ppocore
from tests.forms.conventions_table import TABLE, Entry
from tests.optional import require

FORMS = sorted(Path(__file__).parent.joinpath("forms").glob("*.py"))
RIGHT = [path for path in FORMS if path.name.startswith(("textbook_", "unusual_"))]


def framework(path: Path) -> str:
    found = re.search(r'^FRAMEWORK.*"(\w+)"', path.read_text(), re.MULTILINE)
    return found[1] if found else "numpy"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_code_is_green(path: Path, dtype: str, tmp_path: Path) -> None:
    if framework(path) != "numpy":
        require(framework(path))
    twin = tmp_path / path.name
    twin.write_text(path.read_text().replace('"float64"', f'"{dtype}"'))

    report = ppocore.check(twin)

    wrong = [f"{r.id}: {r.message}" for r in report.results if r.level in ("smoke", "core", "gradients")
             and r.status not in ("pass", "skip")]
    assert wrong == []
    assert report.exit_status == 0
    assert all(v.verdict in ("conforms", "not-offered") for v in report.verdicts)


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_convention_is_named_and_red_only_if_consequential_and_undeclared(entry: Entry) -> None:
    report = ppocore.check(dict(entry.functions))

    for verdict in (v for v in report.verdicts if v.verdict != "not-offered"):
        assert verdict.conventions == entry.expected[verdict.operation]
        assert verdict.verdict == ("conforms-under" if verdict.conventions else "conforms")
        assert verdict.mistakes == ()
        assert verdict.green == (entry.kind == "free" or not verdict.conventions)
    assert report.exit_status == (0 if entry.kind == "free" else 1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_declared_convention_is_green(entry: Entry, dtype: str) -> None:
    declared = {name: value for found in entry.expected.values() for name, value in found.items()}

    report = ppocore.check(dict(entry.functions) | {"CONVENTIONS": declared, "DTYPE": dtype})

    assert [(v.operation, v.verdict, dict(v.conventions)) for v in report.verdicts if not v.green] == []
    assert report.exit_status == 0
