"""Whatever an adapter does, it costs the case that it did it in, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from ppocore.conformance.callees import InProcess, Isolated
from ppocore.conformance.case import Case, Question

ADAPTER = '''
import contextlib, ctypes, decimal, os, signal, subprocess, sys, threading, time, warnings
import numpy as np

print("printing at import is free")
warnings.warn("so are warnings")

def ratio(log_prob, old_log_prob):
    """The good one, asked after every bad one."""
    return np.exp(log_prob - old_log_prob)

def hang(fx, log_p, log_q):
    while True:
        pass

def hang_without_gil(fx, log_p, log_q):
    ctypes.PyDLL(None).sleep(60)

def exit_at_once(fx, log_p, log_q):
    print("last words")
    sys.stdout.flush()
    os._exit(3)

def segfault(fx, log_p, log_q):
    ctypes.string_at(0)

def kill(fx, log_p, log_q):
    os.kill(os.getpid(), 9)

def fork_and_return(fx, log_p, log_q):
    return 1.0 if os.fork() == 0 else 2.0

def fork_and_die(fx, log_p, log_q):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(7)

def print_megabytes(fx, log_p, log_q):
    for _ in range(3):
        print("x" * 1_000_000)
        os.write(1, b"y" * 1_000_000)
        os.write(2, b"\\x00\\xff" * 500_000)
    print("\\udcff unprintable")
    return 2.0

def write_to_descriptors(fx, log_p, log_q):
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    ctypes.CDLL(None).puts(b"from C")
    return 2.0

def close_output(fx, log_p, log_q):
    sys.stdout.close()
    os.close(1)
    os.close(2)
    with contextlib.suppress(OSError):
        os.close(0)
    return 2.0

def read_input(fx, log_p, log_q):
    return float(input())

def break_state(fx, log_p, log_q):
    os.chdir("/")
    np.random.seed(1)
    np.seterr(all="raise")
    np.set_printoptions(precision=0)
    decimal.getcontext().prec = 1
    warnings.simplefilter("error")
    sys.setrecursionlimit(200)
    sys.argv.clear()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 2.0

def lose_digits(fx, log_p, log_q):
    warnings.warn("free")
    return np.float64(2.0)

def exit_politely(fx, log_p, log_q):
    sys.exit("bye")

def interrupt(fx, log_p, log_q):
    raise KeyboardInterrupt

def generator_exit(fx, log_p, log_q):
    raise GeneratorExit

def leave_a_thread(fx, log_p, log_q):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return 2.0

def importance_estimate(fx, log_p, log_q):
    return globals()[NAMES[int(fx[0])]](fx, log_p, log_q)
'''

NAMES = [line[4:].split("(")[0] for line in ADAPTER.splitlines() if "(fx" in line and line.startswith("def")]


def put(operation, **inputs):
    return Question(Case(f"{operation}/x", operation, "core", "", inputs), tuple(inputs), inputs)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("isolation") / "wild.py"
    path.write_text(f"{ADAPTER}\nNAMES = {NAMES!r}\n")
    return path


@pytest.fixture(scope="module")
def wild(path):
    callee = Isolated(str(path))
    yield callee
    callee.close()


def ask(callee, name, timeout=0.4):
    return callee.ask(put("importance_estimate", fx=np.array([float(NAMES.index(name))]), log_p=np.zeros(1),
                          log_q=np.zeros(1)), timeout)


OUTCOMES = {
    "hang": ("timeout", r"no answer within 0.4 s \(in wild.py:\d+, hang\)"),
    "hang_without_gil": ("timeout", r"no answer within 0.4 s \(in wild.py:\d+, hang_without_gil\)"),
    "exit_at_once": ("crash", r"the interpreter died: exit status 3 \(last printed: last words\)"),
    "segfault": ("crash", r"the interpreter died: SIGSEGV \(in wild.py:\d+, segfault\)"),
    "kill": ("crash", r"the interpreter died: SIGKILL"),
    "fork_and_die": ("crash", r"the interpreter died: exit status 7"),
    "read_input": ("raised", r"EOFError"),
    "exit_politely": ("raised", r"SystemExit: bye \(wild.py:\d+\)"),
    "interrupt": ("raised", r"KeyboardInterrupt \(wild.py:\d+\)"),
    "generator_exit": ("raised", r"GeneratorExit"),
}


@pytest.mark.skipif(os.name == "nt", reason="the adapter forks and sends signals")
@pytest.mark.parametrize("name", NAMES[:-1])
def test_misbehaviour_costs_its_own_case_only(wild, name):
    import re

    outcome, message = OUTCOMES.get(name, ("ok", "^$"))

    found = ask(wild, name, 0.4 if outcome == "timeout" else 10)

    assert found.outcome == outcome, found
    assert re.search(message, found.message), found.message
    if outcome == "ok":
        assert found.outputs["estimate"] == 2.0
    good = wild.ask(put("ratio", log_prob=np.zeros(2), old_log_prob=np.zeros(2)), 10)
    assert good.outputs["ratio"].tolist() == [1.0, 1.0]


@pytest.mark.skipif(os.name == "nt", reason="the adapter forks")
def test_forked_child_never_answers_for_its_parent(wild):
    for _ in range(3):
        assert ask(wild, "fork_and_return", 10).outputs["estimate"] == 2.0


def test_time_limit_is_kept(wild):
    started = time.monotonic()

    ask(wild, "hang", 0.3)

    assert 0.3 <= time.monotonic() - started < 5


def test_worker_starts_quickly_and_imports_no_framework(tmp_path):
    path = tmp_path / "loaded.py"
    path.write_text(
        "import sys\n"
        "def ratio(log_prob, old_log_prob):\n"
        "    heavy = {'torch', 'jax', 'numba', 'scipy', 'hypothesis', 'rich', 'typer'}\n"
        "    raise ValueError(sorted(heavy & set(sys.modules)))\n")
    callee = Isolated(str(path))

    found = callee.ask(put("ratio", log_prob=np.zeros(1), old_log_prob=np.zeros(1)), 10)
    callee.close()

    assert found.message.startswith("ValueError: []")


def test_warnings_as_errors_in_the_environment_do_not_matter(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    path = tmp_path / "warns.py"
    path.write_text("import warnings\nimport numpy as np\nwarnings.warn('at import')\n"
                    "warnings.simplefilter('error')\n"
                    "def ratio(log_prob, old_log_prob): return np.log(log_prob * 0) + 1 / log_prob\n")
    callee = Isolated(str(path))

    found = callee.ask(put("ratio", log_prob=np.zeros(1), old_log_prob=np.zeros(1)), 10)
    callee.close()

    assert found.outcome == "ok"
    assert np.isnan(found.outputs["ratio"]).all()


@pytest.mark.skipif(os.name == "nt", reason="looks processes up in /proc")
def test_death_of_the_parent_leaves_no_worker(path):
    script = ("import os, sys\nfrom ppocore.conformance.callees import Isolated\n"
              f"callee = Isolated({str(path)!r})\n"
              "print(callee._worker._process.pid, flush=True)\nos._exit(1)\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment())
    pid = int(done.stdout)

    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def environment():
    from pathlib import Path

    import ppocore

    return os.environ | {"PYTHONPATH": str(Path(ppocore.__file__).parents[1])}


def test_dict_of_functions_is_answered_in_this_process_with_a_time_limit(capsys):
    def ratio(log_prob, old_log_prob):
        print("swallowed")
        return np.exp(log_prob - old_log_prob)

    def kl_k1(log_prob, old_log_prob):
        time.sleep(2)

    def kl_k2(log_prob, old_log_prob):
        raise SystemExit(2)

    callee = InProcess({"ratio": ratio, "kl_k1": kl_k1, "kl_k2": kl_k2, "NAME": "mine"})
    inputs = {"log_prob": np.zeros(1), "old_log_prob": np.zeros(1)}

    assert callee.ask(put("ratio", **inputs), 10).outputs["ratio"] == [1.0]
    assert callee.ask(put("kl_k1", **inputs), 0.1).outcome == "timeout"
    assert callee.ask(put("kl_k2", **inputs), 10).message.startswith("SystemExit: 2")
    assert capsys.readouterr().out == ""
