"""The line that `ppocore train` shows while it works, on a terminal (of Unix)."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys

from tests.command import environment
from tests.optional import require

fcntl, pty, termios = (require(name) for name in ("fcntl", "pty", "termios"))


def test_the_live_line_is_one_line_and_has_the_word() -> None:
    """On a terminal of 70 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    # Whoever runs the tests may have set a width, which would win over that of the terminal.
    words = {name: value for name, value in environment(TERM="xterm").items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen([sys.executable, "-m", "ppocore", "train", "CartPole-v1", "--total-steps", "100000"],
                          stderr=theirs, stdout=subprocess.DEVNULL, env=words) as running:
        os.close(theirs)
        seen = b""
        # The end of a terminal whose last writer is gone is an error.
        with contextlib.suppress(OSError):
            while more := os.read(ours, 4096):
                seen += more
    os.close(ours)

    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", seen.decode())]
    told = [line for line in lines if " steps" in line]
    assert running.returncode == 0
    assert any(re.search(r"[\d,]+ steps.* · return [\d.]+ · KL [\d.]+ · clip \d+% · trust", line) for line in told)
    assert max(map(len, lines)) <= 70
    assert len(told) == sum(bool(line.strip()) for line in lines if "compiling" not in line)
