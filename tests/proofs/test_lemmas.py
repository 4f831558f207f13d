"""What z3 is told about exp and log is what Coq's standard library proves."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.optional import require

require("z3")

from proofs.methods.lemmas import LEMMAS, coq_file  # noqa: E402


def coq_accepts(text: str, place: Path) -> bool:
    if shutil.which("coqc") is None:
        if os.environ.get("PPOCORE_REQUIRE_ALL") == "1":
            pytest.fail("coqc is missing and PPOCORE_REQUIRE_ALL=1")
        pytest.skip("coqc is not installed")
    source = place / "Lemmas.v"
    source.write_text(text)
    return subprocess.run(["coqc", "-q", source.name], cwd=place, capture_output=True, check=False).returncode == 0


def test_coq_proves_every_lemma(tmp_path: Path) -> None:
    assert LEMMAS
    assert coq_accepts(coq_file(), tmp_path)


def test_coq_refuses_a_false_one(tmp_path: Path) -> None:
    false = coq_file().replace("((1 + x) <= (exp x))", "((2 + x) <= (exp x))")

    assert false != coq_file()
    assert not coq_accepts(false, tmp_path)
