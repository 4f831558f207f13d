"""The snippets for GitHub Actions and pre-commit: they parse, and the commands that stand in them do what they say."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ppocore.conformance import reports
from tests.optional import require

ROOT = Path(__file__).parents[1]
SNIPPETS = ROOT / "docs" / "examples" / "ci"
GOOD = "import numpy as np\n\ndef ratio(log_prob, old_log_prob):\n    return np.exp(log_prob - old_log_prob)\n"
BAD = GOOD.replace("log_prob - old_log_prob", "old_log_prob - log_prob")
BROKEN = "import nowhere_to_be_found\n"


def parsed(path: Path):
    return require("yaml").safe_load(path.read_text())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with an adapter, and `ppocore` on the path as an installation puts it there."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ppocore"
    program.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ppocore \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").touch()
    return tmp_path


def run(command: str, folder: Path) -> int:
    """As the runner of GitHub Actions does it."""
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return done.returncode


@pytest.mark.parametrize(("source", "status", "word"), [(GOOD, 0, "GREEN"), (BAD, 1, "RED")])
def test_workflow_writes_its_summary_and_the_files_it_uploads(folder, source, status, word):
    job = parsed(SNIPPETS / "github-actions.yml")["jobs"]["check"]
    (command,) = [step["run"] for step in job["steps"] if step.get("run", "").startswith("ppocore ")]
    (upload,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")]
    (folder / "my_adapter.py").write_text(source)

    assert run(command, folder) == status

    assert upload["if"] == "always()"
    uploaded = [folder / name for name in upload["with"]["path"].split()]
    assert all(path.is_file() for path in uploaded)
    assert (folder / "summary.md").read_text().startswith(f"## {word}: my_adapter\n")
    assert word in (folder / "ppocore.html").read_text()
    assert reports.read(folder / "ppocore.jsonl").exit_status == status
    assert (ElementTree.parse(folder / "ppocore.xml").getroot().get("failures") != "0") == (status == 1)


def test_workflow_installs_ppocore_before_it_runs_it():
    steps = parsed(SNIPPETS / "github-actions.yml")["jobs"]["check"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]

    assert commands[0] == "python -m pip install ppocore"
    assert commands[1].startswith("ppocore check")


@pytest.mark.parametrize(("source", "status"), [(GOOD, 0), (BAD, 1), (BROKEN, 2)])
def test_pre_commit_runs_the_hook_of_this_repository_on_the_adapter(folder, source, status):
    hooks = {hook["id"]: hook for hook in parsed(ROOT / ".pre-commit-hooks.yaml")}
    (used,) = parsed(SNIPPETS / "pre-commit-config.yaml")["repos"][0]["hooks"]
    hook = {**hooks[used["id"]], **used}
    (folder / "my_adapter.py").write_text(source)

    # pre-commit appends the arguments to the entry, and the names of changed files unless told not to.
    assert hook["pass_filenames"] is False
    assert hook["language"] == "python"
    assert run(shlex.join([*shlex.split(hook["entry"]), *hook["args"]]), folder) == status


def test_hook_is_in_the_version_that_the_snippet_names():
    import ppocore

    (repository,) = parsed(SNIPPETS / "pre-commit-config.yaml")["repos"]

    assert repository["rev"] == f"v{ppocore.__version__}"
