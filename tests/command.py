"""The command `ppocore` as tests run it: in this process, in one of its own, or interrupted."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

from ppocore.cli import main

ROOT = Path(__file__).parents[1]


def environment(**more: str) -> dict[str, str]:
    """The variables of this process, and ppocore found where these tests are."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | more


def command(*words: object) -> tuple[int, str, str]:
    """Run `ppocore` with these words in this process: exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (mock.patch.object(sys, "argv", ["ppocore", *map(str, words)]), contextlib.redirect_stdout(out),
          contextlib.redirect_stderr(err)):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("the command did not end with an exit status")


def process(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `ppocore` with these words in a process of its own, in the project's folder."""
    return subprocess.run([sys.executable, "-m", "ppocore", *map(str, words)], capture_output=True, text=True,
                          cwd=ROOT, env=environment(), check=False)


def interrupted(started: Path, *words: object) -> tuple[int, str]:
    """Press Ctrl-C once the file `started` has something in it: exit status, standard error."""
    with subprocess.Popen([sys.executable, "-m", "ppocore", *map(str, words)], stderr=subprocess.PIPE, text=True,
                          env=environment(),
                          # A shell that runs the tests in the background has them ignore Ctrl-C.
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as running:
        for _ in range(400):
            if started.exists() and started.read_text():
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    return running.returncode, err
