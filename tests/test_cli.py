"""The command: exit status 0, 1 or 2, one line on stderr where it could not run, and output for people."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ppocore.conformance import reports
from ppocore.conformance.operations import OPERATIONS
from tests.command import command, environment, interrupted

GOOD = "import numpy as np\ndef ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n"
RED = GOOD + (
    "def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):\n"
    "    done = terminated | truncated\n"
    "    out, carry = np.zeros_like(rewards), 0\n"
    "    for t in reversed(range(len(rewards))):\n"
    "        delta = rewards[t] + gamma * np.where(done[t], 0, next_values[t]) - values[t]\n"
    "        carry = delta + gamma * gae_lambda * ~done[t] * carry\n"
    "        out[t] = carry\n"
    "    return out\n"
    "def value_loss(values, returns): raise ValueError('[red]not markup[/red] \\x1b[31m')\n")


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def red(tmp_path):
    path = tmp_path / "red.py"
    path.write_text(RED)
    return str(path)


def test_green_is_status_zero(good):
    status, out, err = command("check", good)

    assert (status, err) == (0, "")
    assert "conforms" in out
    assert f"{len(OPERATIONS) - 1} operations not offered" in out
    assert out.splitlines()[-1].startswith("GREEN 1 operation, ")


def test_red_is_status_one_and_shows_what_a_person_needs(red):
    status, out, err = command("check", red)

    assert (status, err) == (1, "")
    assert out.splitlines()[-1] == "RED 2 of 3 operations: gae, value_loss"
    assert "truncation=terminal  (not declared)" in out
    assert 'if you mean it, declare: CONVENTIONS = {"truncation": "terminal"}' in out
    assert "right is: A_t = delta_t" in out
    assert f"see it again: ppocore check {red} --only gae/" in out
    assert "advantages[" in out
    assert "should be" in out
    assert "[red]not markup[/red]" in out
    assert "\x1b" not in out
    assert max(map(len, (line for line in out.splitlines() if str(red) not in line))) <= 80


def test_the_line_that_reproduces_it_does(red):
    _, out, _ = command("check", red, "--only", "gae")
    line = next(line for line in out.splitlines() if "see it again: " in line)

    status, out, _ = command(*line.partition("see it again: ppocore ")[2].split())

    assert status == 1
    assert "1 of 1 case fail" in out


@pytest.mark.parametrize(("arguments", "text"), [
    (["check", "absent.py"], "ppocore: absent.py: no such file."),
    (["check"], "ppocore: check: no adapter is named"),
    (["template"], "ppocore: Missing argument"),
    (["check", "--strict"], "ppocore: check: no adapter is named"),
    (["check", "{good}", "--only", "gae"], "does not offer gae; it offers: ratio."),
    (["check", "{good}", "--expected", "absent"], "ppocore: absent: cannot be read"),
    (["check", "{good}", "--timeout", "0"], "ppocore: --timeout is 0.0; it must be"),
    (["check", "{good}", "--timeout", "soon"], "ppocore: Invalid value for '--timeout'"),
    (["check", "{good}", "--report", "/no/such/folder/r"], "ppocore: /no/such/folder/r: cannot be written"),
    (["check", "{good}", "--htm", "x"], "ppocore: No such option: --htm"),
    (["check", "{good}", "--html", "/no/such/folder/h"], "ppocore: /no/such/folder/h: cannot be written"),
    (["matrix"], "ppocore: Missing argument"),
    (["matrix", "absent.jsonl"], "ppocore: absent.jsonl: cannot be read as a report"),
    (["matrix", "{good}"], ":1: not JSON; the report is foreign or cut short."),
    (["matrix", "absent.jsonl", "--html", "/no/such/folder/h"], "ppocore: /no/such/folder/h: cannot be written"),
    (["check", "{good}", "--explain", "gae/nope"], "there is no such case"),
    (["chekc"], "ppocore: No such command 'chekc'"),
    (["operations", "gea"], "ppocore: operations: gea is no operation; did you mean gae?"),
    (["template", "tensorflow"], "ppocore: template: tensorflow is none of numpy, torch, jax."),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_cannot_run_is_status_two_and_one_line(good, arguments, text):
    status, _, err = command(*(argument.format(good=good) for argument in arguments))

    assert status == 2
    assert text in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_internal_errors_are_one_line_too(good, monkeypatch):
    def broken(*args):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("ppocore.conformance.runner.diagnose", broken)

    status, _, err = command("check", good)

    assert status == 2
    assert err == ("ppocore: internal error: RuntimeError: two lines (PPOCORE_DEBUG=1 shows where; please"
                   " report it)\n")


def test_report_is_written_and_named_settings_are_in_it(good, tmp_path):
    path = tmp_path / "report.jsonl"

    status, _, _ = command("check", good, "--report", path, "--seed", 5, "--examples", 2, "--strict")

    found = reports.read(path)
    assert status == found.exit_status
    assert (found.header["seed"], found.header["examples"], found.header["strict"]) == (5, 2, True)


def test_list_and_explain(good):
    status, out, _ = command("check", good, "--list")
    ids = out.split()

    assert status == 0
    assert all(id.startswith("ratio/") for id in ids)
    assert command("check", "--list", "--only", "ratio")[1].split() == ids
    status, out, _ = command("check", good, "--explain", ids[0])
    assert status == 0
    assert ids[0] in out
    assert "log_prob = [" in out


def test_operations_are_listed_and_explained():
    _, out, _ = command("operations")
    assert all(f"\n{name} " in f"\n{out}" for name in OPERATIONS)
    status, out, _ = command("operations", "clip_loss")
    assert status == 0
    for text in ("clip_eps | clip_eps_low + clip_eps_high", "[dual_clip]", "loss, [grad_log_prob]", "-mean("):
        assert text in out
    assert "  clip_band: linear (default), log_symmetric\n" in out


def test_the_table_of_operations_fits_a_terminal_and_is_one_line_a_row_elsewhere(monkeypatch):
    _, piped, _ = command("operations")
    monkeypatch.setenv("COLUMNS", "80")
    _, shown, _ = command("operations")
    assert max(map(len, shown.splitlines())) <= 80
    # Wrapped between words, and nothing lost.
    assert shown.split() == piped.split()
    assert len([line for line in piped.splitlines() if line.startswith(tuple(OPERATIONS))]) == len(OPERATIONS)


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_templates_run_as_they_are(tmp_path, framework):
    pytest.importorskip(framework)
    path = tmp_path / "filled.py"
    path.write_text(command("template", framework)[1])

    status, out, _ = command("check", path, "--examples", 1, "--only", "[gn]*")

    assert status == 0, out
    assert "GREEN 2 operations" in out


def test_version_and_help():
    assert command("--version")[1].startswith("ppocore ")
    assert "check" in command("--help")[1]
    status, out, _ = command("check", "--help")
    assert status == 0
    assert "Exit status: 0 all green, 1 something red, 2 could not run." in out


def test_help_imports_nothing_heavy():
    code = ("import sys\nfrom ppocore import cli\nsys.argv = ['ppocore', '--help']\n"
            "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
            "sys.exit(str({'numpy', 'scipy', 'numba', 'torch', 'jax', 'hypothesis'} & set(sys.modules)))\n")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=environment())

    assert done.stderr.strip() == "set()"


def test_plain_output_without_colour_and_in_ascii(red):
    words = [sys.executable, "-m", "ppocore", "check", red, "--examples", "0"]

    done = subprocess.run(words, capture_output=True,
                          env=environment(PYTHONIOENCODING="ascii", NO_COLOR="1", PYTHONUTF8="0"))

    assert done.returncode == 1, done.stderr
    assert b"\x1b" not in done.stdout
    assert done.stdout.isascii()
    assert b"XX gae" in done.stdout


def test_closed_pipe_is_no_error(red):
    words = f"{sys.executable} -m ppocore operations | head -1"

    done = subprocess.run(words, shell=True, capture_output=True, text=True, env=environment())

    assert done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_interrupt_ends_cleanly_and_writes_nothing(tmp_path):
    path, report, pid = tmp_path / "slow.py", tmp_path / "report.jsonl", tmp_path / "pid"
    path.write_text(f"import os, time\ndef ratio(log_prob, old_log_prob):\n"
                    f"    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(60)\n")

    assert interrupted(pid, "check", path, "--report", report) == (130, "ppocore: interrupted; nothing was written.\n")
    assert not report.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
