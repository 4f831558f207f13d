"""A hundred adapters that misbehave: each costs its own operation, the run ends, and the report is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wrong.hostile import HOSTILE, write

# Imports have a limit of their own, two minutes; that one is tried by hand.
NAMES = [name for name in HOSTILE if name != "hangs_on_import"]
TIMEOUT = "1"


def run(name: str, folder: Path) -> tuple[subprocess.CompletedProcess[bytes], list[dict[str, object]]]:
    path = write(folder, name)[name]
    report = folder / "report.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "ppocore", "check", str(path), "--timeout", TIMEOUT, "--report", str(report)],
        capture_output=True, check=False, timeout=120)
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    return done, lines


@pytest.mark.parametrize("name", NAMES)
def test_misbehaviour_costs_itself_only(name: str, tmp_path: Path) -> None:
    expected = HOSTILE[name]
    done, lines = run(name, tmp_path)
    shown = (done.stdout + done.stderr).decode(errors="replace")
    assert "Traceback" not in done.stderr.decode(errors="replace")

    if expected.verdict == "exit 2":
        assert done.returncode == 2, shown[-500:]
        assert len(done.stderr.decode(errors="replace").strip().splitlines()) == 1
        assert lines == []
        return

    assert lines[-1]["kind"] == "footer"
    verdicts = {line["operation"]: line for line in lines if line["kind"] == "verdict"}
    if expected.operation != "ratio" and "ratio" in verdicts and expected.source.count("def ratio") == 1:
        assert verdicts["ratio"]["verdict"] == "conforms"
    if expected.operation in verdicts:
        verdict = verdicts[expected.operation]
        assert verdict["green"] == (expected.verdict == "green"), (verdict, shown[-500:])
        if expected.verdict == "error":
            assert verdict["verdict"] == "error"
        if expected.verdict == "mutates-input":
            assert f"{expected.operation}/mutates-input" in verdict["mistakes"]  # type: ignore[operator]
