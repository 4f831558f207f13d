"""Whatever an adapter does, it costs the case that it did it in, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest

import ppocore
from ppocore.conformance import reports
from ppocore.conformance.callees import InProcess, Isolated
from ppocore.conformance.case import Case, Question
from tests.optional import require

ADAPTER = '''
import contextlib, ctypes, decimal, os, signal, subprocess, sys, threading, time, warnings
import numpy as np

print("printing at import is free")
warnings.warn("so are warnings")

def ratio(log_prob, old_log_prob):
    """The good one, asked after every bad one."""
    return np.exp(log_prob - old_log_prob)

def settings():
    mask = os.umask(0)
    os.umask(mask)
    return {
        "environment": dict(os.environ), "folder": os.getcwd(), "path": list(sys.path), "arguments": list(sys.argv),
        "recursion": sys.getrecursionlimit(), "numpy": [np.geterr(), np.get_printoptions()], "umask": mask,
        "decimal": decimal.getcontext().prec, "signals": [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)],
        "alarm": signal.getitimer(signal.ITIMER_REAL), "trace": [sys.gettrace(), sys.getprofile()],
        "output": sys.stdout.closed, "json": "json" in sys.modules, "builtins": len([list, len]),
    }

USUAL = settings()

def kl_k1(log_prob, old_log_prob):
    found = settings()
    changed = {name: found[name] for name in USUAL if found[name] != USUAL[name]}
    assert not changed, changed
    return 0.0

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

def break_environment(fx, log_p, log_q):
    os.environ.clear()
    os.environ["PYTHONHASHSEED"] = "nonsense"
    os.umask(0o777)
    return 2.0

def break_imports(fx, log_p, log_q):
    sys.path.clear()
    for name in ("json", "numpy", "os", __name__):
        del sys.modules[name]
    sys.modules = {}
    sys.meta_path = []
    return 2.0

def break_builtins(fx, log_p, log_q):
    import builtins
    for name in ("len", "isinstance", "type", "str", "open", "dict", "__import__", "BaseException", "OSError"):
        setattr(builtins, name, None)
    del builtins.list
    return 2.0

def break_builtins_and_raise(fx, log_p, log_q):
    break_builtins(fx, log_p, log_q)
    raise ValueError("after the damage")

def break_numpy(fx, log_p, log_q):
    for name in ("asarray", "array", "errstate", "float64", "seterr", "ascontiguousarray", "isfinite"):
        setattr(np, name, lambda *a, **k: 1 / 0)
    return 2.0

def break_json(fx, log_p, log_q):
    import base64, json
    json.dumps = json.loads = lambda *a, **k: {}
    base64.b64encode = None
    os.write = os.dup2 = os.getpid = lambda *a: None
    return 2.0

def break_ours(fx, log_p, log_q):
    from ppocore.conformance import calls, messages
    messages.pack = calls.pick = calls.answer = None
    sys.modules["__main__"].send = None
    return 2.0

def break_locale(fx, log_p, log_q):
    import locale
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    return 2.0

def set_an_alarm(fx, log_p, log_q):
    signal.signal(signal.SIGALRM, lambda *a: os._exit(9))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    return 2.0

def handle_signals(fx, log_p, log_q):
    signal.signal(signal.SIGTERM, lambda *a: 1 / 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return 2.0

def trace(fx, log_p, log_q):
    sys.settrace(lambda *a: 1 / 0)
    sys.setprofile(lambda *a: 1 / 0)
    return 2.0

def recurse(fx, log_p, log_q):
    sys.setrecursionlimit(60)
    return recurse(fx, log_p, log_q)

def seed_everything(fx, log_p, log_q):
    import random
    random.seed(0)
    np.random.seed(0)
    return 2.0

def add_an_exit_handler(fx, log_p, log_q):
    import atexit
    atexit.register(time.sleep, 60)
    return 2.0

def forge_messages(fx, log_p, log_q):
    for descriptor in range(3, 20):
        with contextlib.suppress(OSError):
            os.write(descriptor, (2).to_bytes(8, "big") + b"{}")
    return 2.0

def close_everything(fx, log_p, log_q):
    os.closerange(0, 64)
    return 2.0

def raise_an_unspeakable(fx, log_p, log_q):
    class Meta(type):
        __name__ = property(lambda cls: 1 / 0)
    raise Meta("E", (Exception,), {"__str__": lambda self: 1 / 0})()

def lose_digits(fx, log_p, log_q):
    warnings.warn("free")
    return np.float64(2.0)

def exit_politely(fx, log_p, log_q):
    sys.exit("bye")

def interrupt(fx, log_p, log_q):
    raise KeyboardInterrupt

def generator_exit(fx, log_p, log_q):
    raise GeneratorExit

def leave_a_child(fx, log_p, log_q):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return 2.0

def leave_a_thread(fx, log_p, log_q):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return 2.0

def importance_estimate(fx, log_p, log_q):
    return globals()[NAMES[int(fx[0])]](fx, log_p, log_q)
'''

NAMES = [line[4:].split("(")[0] for line in ADAPTER.splitlines() if "(fx" in line and line.startswith("def")]


def put(operation, **inputs):
    return Question(Case(f"{operation}/x", operation, "core", "", inputs), tuple(inputs), inputs)


GOOD = put("ratio", log_prob=np.zeros(2), old_log_prob=np.zeros(2))


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
    "break_builtins_and_raise": ("raised", r"ValueError: after the damage \(wild.py:\d+\)"),
    "break_ours": ("raised", r"TypeError"),
    "trace": ("raised", r"ZeroDivisionError|it raises what cannot be described"),
    "recurse": ("raised", r"RecursionError"),
    "forge_messages": ("crash", r"something else than an answer came back|the interpreter died"),
    "close_everything": ("crash", r"the interpreter died"),
    "raise_an_unspeakable": ("raised", r"it raises what cannot be described"),
    "interrupt": ("raised", r"KeyboardInterrupt \(wild.py:\d+\)"),
    "generator_exit": ("raised", r"GeneratorExit"),
}


@pytest.mark.skipif(os.name == "nt", reason="the adapter forks and sends signals")
@pytest.mark.parametrize("name", NAMES[:-1])
def test_misbehaviour_costs_its_own_case_only(wild, name):
    outcome, message = OUTCOMES.get(name, ("ok", "^$"))
    wild.ask(GOOD, 10)
    worker = wild._worker

    found = ask(wild, name, 0.4 if outcome == "timeout" else 10)

    assert found.outcome == outcome, found
    assert re.search(message, found.message), found.message
    if outcome == "ok":
        assert found.outputs["estimate"] == 2.0
    good = wild.ask(GOOD, 10)
    assert good.outputs["ratio"].tolist() == [1.0, 1.0]
    unchanged = wild.ask(put("kl_k1", log_prob=np.zeros(2), old_log_prob=np.zeros(2)), 10)
    assert unchanged.outcome == "ok", unchanged.message
    # The neighbour is answered by the same worker, not by a fresh one that knows nothing of it.
    assert (wild._worker is worker) == (outcome in ("ok", "raised"))


ADAPTERS = {
    "dies of a neighbour's thread": """
        import threading, time, os
        def ratio(log_prob, old_log_prob):
            threading.Thread(target=lambda: (time.sleep(0.02), os._exit(5)), daemon=True).start()
            return np.exp(log_prob - old_log_prob)
        def kl_k1(log_prob, old_log_prob):
            time.sleep(0.03)
            return np.mean(old_log_prob - log_prob)
        """,
    "raises because of a neighbour's thread": """
        import threading, time
        broken = []
        def ratio(log_prob, old_log_prob):
            threading.Thread(target=lambda: (broken.append(1), time.sleep(60)), daemon=True).start()
            raise SystemExit
        def kl_k1(log_prob, old_log_prob):
            if broken:
                raise RuntimeError("not my fault")
            return np.mean(old_log_prob - log_prob)
        """,
    "no memory left by a neighbour": """
        hoard = []
        def ratio(log_prob, old_log_prob):
            hoard.append(np.ones(2**24))
            return np.zeros(1)
        def kl_k1(log_prob, old_log_prob):
            x = np.ones(2**20)
            return np.mean(old_log_prob - log_prob)
        """,
    "its module is gone": """
        import sys
        def ratio(log_prob, old_log_prob):
            sys.modules.clear()
            globals().pop("kl_k1", None)
            __import__("os").unlink(__file__) if __import__("os").path.exists(__file__) else None
            return np.zeros(1)
        def kl_k1(log_prob, old_log_prob):
            return np.mean(old_log_prob - log_prob)
        """,
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_neighbour_keeps_its_verdict_and_the_report_is_whole(name, tmp_path):
    path, report = tmp_path / "two.py", tmp_path / "report.jsonl"
    path.write_text("import numpy as np\n" + textwrap.dedent(ADAPTERS[name]))

    run = ppocore.check(path, examples=0, report=report, timeout=5, memory=0.5)

    verdicts = {verdict.operation: verdict for verdict in run.verdicts if verdict.verdict != "not-offered"}
    assert verdicts["kl_k1"].verdict == "conforms", verdicts["kl_k1"]
    assert not verdicts["ratio"].green or name.startswith("dies")
    assert reports.read(report).footer == run.footer


def test_memory_without_end_costs_its_case(tmp_path):
    path = tmp_path / "hog.py"
    path.write_text("import numpy as np\nhoard = []\n"
                    "def kl_k1(log_prob, old_log_prob):\n"
                    "    while True:\n"
                    "        hoard.append(np.ones(2**21))\n"
                    "def ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n")
    callee = Isolated(str(path), memory=0.2)
    inputs = {"log_prob": np.zeros(2), "old_log_prob": np.zeros(2)}

    found = callee.ask(put("kl_k1", **inputs), 30)
    good = callee.ask(put("ratio", **inputs), 10)
    callee.close()

    assert found.outcome == "crash"
    assert re.fullmatch(r"it took more than 0.2 GB of memory \(in hog.py:5, kl_k1\)", found.message) or os.name == "nt"
    assert good.outcome == "ok"


@pytest.mark.skipif(os.name == "nt", reason="the adapter forks")
def test_memory_of_children_counts(tmp_path):
    path = tmp_path / "hog.py"
    path.write_text("import os, time\n"
                    "def kl_k1(log_prob, old_log_prob):\n"
                    "    if os.fork() == 0:\n"
                    "        hoard = b'x' * 2**29\n"
                    "    time.sleep(60)\n")
    callee = Isolated(str(path), memory=0.2)

    found = callee.ask(put("kl_k1", log_prob=np.zeros(2), old_log_prob=np.zeros(2)), 30)
    callee.close()

    assert found.message.startswith("it took more than 0.2 GB of memory")


@pytest.mark.skipif(os.name == "nt", reason="looks processes up in /proc")
def test_children_left_behind_are_ended_even_in_sessions_of_their_own(path):
    callee = Isolated(str(path))
    assert ask(callee, "leave_a_child", 10).outcome == "ok"
    worker = callee._worker._process.pid
    children = [child.pid for child in psutil.Process(worker).children()]

    callee.close()

    assert children
    assert gone_soon(worker, *children)


def test_frameworks_find_their_settings_again(tmp_path):
    require("torch")
    path = tmp_path / "settings.py"
    path.write_text(
        "import torch\n"
        "FRAMEWORK = 'torch'\n"
        "entered = []\n"
        "def settings(): return (torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(),\n"
        "                        torch.is_grad_enabled(), torch.is_inference_mode_enabled())\n"
        "usual = settings()\n"
        "def ratio(log_prob, old_log_prob):\n"
        "    torch.set_default_dtype(torch.float16)\n"
        "    torch.set_default_device('meta')\n"
        "    torch.set_num_threads(torch.get_num_threads() + 1)\n"
        "    torch.set_grad_enabled(False)\n"
        "    entered.append(torch.inference_mode(True)); entered[-1].__enter__()\n"
        "    return (log_prob - old_log_prob).exp()\n"
        "def kl_k1(log_prob, old_log_prob):\n"
        "    assert settings() == usual, settings()\n"
        "    return (old_log_prob - log_prob).mean() + torch.zeros(())\n")

    run = ppocore.check(path, examples=0)

    assert {v.operation: v.verdict for v in run.verdicts if v.verdict != "not-offered"} == {
        "ratio": "conforms", "kl_k1": "conforms"}


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

    assert gone_soon(pid)


def gone_soon(*pids):
    """Whether they end within seconds: a busy machine takes its time over what has been killed."""
    for _ in range(100):
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


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
