"""Adapters that misbehave, as source text: ``write(folder)`` makes one file of each.

Every adapter offers one bad operation and a healthy ``ratio``: the run must end, ``ratio`` must conform, and the bad
operation must be what ``HOSTILE[name].verdict`` says (for import-time trouble the run as a whole is exit 2).
"""

import textwrap
from pathlib import Path
from typing import NamedTuple


class Hostile(NamedTuple):
    source: str
    operation: str
    verdict: str  # "error" | "red" | "mutates-input" | "green" | "exit 2"
    note: str = ""


_HEALTHY = """
def ratio(log_prob, old_log_prob):
    import numpy as np
    return np.exp(log_prob - old_log_prob)
"""

HOSTILE = {}


def _add(name, operation, verdict, source, note="", healthy=True):
    text = "import numpy as np\n" + textwrap.dedent(source) + (_HEALTHY if healthy else "")
    HOSTILE[name] = Hostile(text, operation, verdict, note)


def write(folder, *names):
    folder = Path(folder)
    paths = {}
    for name in names or HOSTILE:
        paths[name] = folder / f"hostile_{name}.py"
        paths[name].write_text(HOSTILE[name].source)
    return paths


_BODIES = {
    # name: (verdict, body of clip_fraction, note)
    "raises": ("error", "raise RuntimeError('boom')", ""),
    "raises_base": ("error", "raise BaseException('not an Exception')", ""),
    "raises_keyboard_interrupt": ("error", "raise KeyboardInterrupt", ""),
    "raises_generator_exit": ("error", "raise GeneratorExit", ""),
    "raises_unprintable": ("error", "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0, '__repr__': lambda s: 1 / 0})()", ""),
    "raises_unpicklable": ("error", "raise type('Local', (Exception,), {})(lambda: 0)", ""),
    "raises_huge_message": ("error", "raise ValueError('x' * 20_000_000)", "message cut, report small"),
    "raises_control_characters": ("error", "raise ValueError('\\x1b[2J\\x00</td><script>alert(1)</script>\\ud800]]>')", "reports escape what they show"),
    "recursion": ("error", "f = lambda: f() + 1\n    return f()", ""),
    "memory_error": ("error", "raise MemoryError", ""),
    "asks_for_much_memory": ("error", "return np.ones(10**15)", ""),
    "sys_exit": ("error", "import sys; sys.exit(0)", ""),
    "quit_with_text": ("error", "raise SystemExit('done')", ""),
    "os_exit": ("error", "import os; os._exit(0)", "a crash: three, then 'not run'"),
    "os_exit_seven": ("error", "import os; os._exit(7)", ""),
    "abort": ("error", "import os; os.abort()", ""),
    "kills_itself": ("error", "import os, signal; os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))", ""),
    "segfault": ("error", "import ctypes; ctypes.string_at(0)", ""),
    "hangs": ("error", "import time; time.sleep(3600)", "use --timeout 1"),
    "spins": ("error", "while True: pass", "use --timeout 1"),
    "hangs_ignoring_sigterm": ("error", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)", "use --timeout 1"),
    "hangs_in_a_thread_too": ("error", "import threading, time; threading.Thread(target=time.sleep, args=(3600,)).start(); time.sleep(3600)", "use --timeout 1"),
    "prints_megabytes": ("green", "print('x' * 5_000_000); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "printing is free"),
    "prints_to_stderr": ("green", "import sys; sys.stderr.write('y' * 5_000_000); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", ""),
    "writes_to_fd_1": ("green", "import os; os.write(1, b'{\"kind\": \"footer\"}\\n' * 10_000); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "must not reach or break the protocol"),
    "writes_binary_to_stdout": ("green", "import sys; sys.stdout.buffer.write(bytes(range(256)) * 100); sys.stdout.flush(); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "captured stdout should have .buffer"),
    "closes_stdout": ("green", "import sys; sys.stdout.close(); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "closing the captured stream should not matter"),
    "reads_stdin": ("red", "input(); return 0.0", "EOF, not a hang"),
    "warns": ("green", "import warnings; warnings.warn('w' * 1000); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "warnings are free"),
    "warnings_as_errors": ("green", "import warnings; warnings.simplefilter('error'); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "a filter of its own must not turn the gate's warnings into errors"),
    "numpy_seterr_raise": ("green", "np.seterr(all='raise'); return np.mean(np.abs(np.exp(np.clip(log_prob - old_log_prob, -60, 60)) - 1) > clip_eps)", "global state of the worker"),
    "logs": ("green", "import logging; logging.getLogger().error('z' * 10_000); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", ""),
    "chdir": ("green", "import os, tempfile; os.chdir(tempfile.gettempdir()); return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "relative --report paths must still work"),
    "returns_none": ("error", "return None", ""),
    "returns_nan": ("red", "return float('nan')", ""),
    "returns_inf": ("red", "return float('inf')", ""),
    "returns_string": ("error", "return 'half'", ""),
    "returns_number_as_string": ("error", "return '0.5'", "no coercion"),
    "returns_bytes": ("error", "return b'0'", ""),
    "returns_wrong_shape": ("red", "return np.abs(np.exp(log_prob - old_log_prob) - 1)", ""),
    "returns_extra_axis": ("red", "return np.array([np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)])", "(1,) for a scalar is a wrong shape"),
    "returns_empty": ("red", "return np.zeros(0)", ""),
    "returns_ragged_list": ("error", "return [[1.0], [2.0, 3.0]]", ""),
    "returns_object_array": ("error", "return np.array([object()], dtype=object)", ""),
    "returns_complex": ("error", "return 0.5 + 1j", ""),
    "returns_bool": ("red", "return True", ""),
    "returns_dict_without_output": ("error", "return {'clipfrac': 0.0}", "nearest right name"),
    "returns_empty_dict": ("error", "return {}", ""),
    "returns_empty_tuple": ("error", "return ()", ""),
    "returns_long_tuple": ("red", "return tuple(range(50))", "more outputs than the table has"),
    "returns_generator": ("error", "return (x for x in [0.5])", ""),
    "returns_self_referencing_list": ("error", "a = []; a.append(a); return a", ""),
    "returns_huge_array": ("error", "return np.zeros(20_000_000)", "must not fill the report"),
    "returns_huge_integer": ("red", "return 10**400", "OverflowError in float()"),
    "returns_lying_object": ("error", "return type('L', (), {'__array__': lambda s, *a, **k: 1 / 0, '__float__': lambda s: 1 / 0})()", ""),
    "returns_function": ("error", "return lambda: 0.5", ""),
    "returns_unpicklable": ("error", "import threading; return threading.Lock()", ""),
    "coroutine": ("error", "import asyncio\n    async def f(): return 0.5\n    return f()", ""),
    "random": ("red", "return float(np.random.default_rng().random())", "gates are deterministic: never conforms"),
    "mutates_then_right": ("mutates-input", "a = log_prob.copy(); log_prob[:] = 7.0; return np.mean(np.abs(np.exp(a - old_log_prob) - 1) > clip_eps)", "right answer, input written"),
    "mutates_one_ulp": ("mutates-input", "f = np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps); log_prob[0] = np.nextafter(log_prob[0], 0); return f", "compared bit for bit"),
    "resizes_input": ("mutates-input", "f = np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps); log_prob.shape = log_prob.shape + (1,); return f", "shape changed in place"),
    "makes_input_readonly": ("green", "log_prob.flags.writeable = False; return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "nothing changed that counts"),
    "forks": ("green", "import os\n    if hasattr(os, 'fork') and os.fork() == 0:\n        os._exit(0)\n    return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "a child of its own that ends at once"),
    "patches_numpy": ("green", "np.allclose = np.array_equal = lambda *a, **k: True; return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)", "see cheats_by_patching"),
}
for _name, (_verdict, _body, _note) in _BODIES.items():
    _add(_name, "clip_fraction", _verdict, f"def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):\n    {_body}\n", _note)

_add("crashes_every_second_call", "clip_fraction", "error", """
calls = 0
def clip_fraction(log_prob, old_log_prob, advantages, clip_eps):
    global calls
    calls += 1
    if calls % 2 == 0:
        import os
        os._exit(1)
    return np.mean(np.abs(np.exp(log_prob - old_log_prob) - 1) > clip_eps)
""", "state lives in the worker: a fresh worker after each crash")

_add("returns_alias", "clip_grad_norm", "red", """
def clip_grad_norm(grads, max_norm):
    return grads
""", "wrong where the norm is too large; alias is a note")

_add("returns_alias_and_right", "discounted_returns", "green", """
def discounted_returns(rewards, last_values, dones, gamma):
    if len(rewards) == 1 and dones.all():
        return rewards
    out, g = np.zeros_like(rewards), last_values
    for t in reversed(range(len(rewards))):
        out[t] = g = rewards[t] + gamma * g * ~dones[t]
    return out
""", "an alias is a note")

_add("mutates_list_of_batches", "running_moments", "mutates-input", """
def running_moments(batches):
    x = np.concatenate(batches)
    batches.clear()
    return x.mean(0), x.var(0)
""", "the list itself is emptied")

_add("mutates_grads_list_entry", "clip_grad_norm", "mutates-input", """
def clip_grad_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g ** 2).sum() for g in grads)))
    for i in range(len(grads)):
        grads[i] = grads[i] * (max_norm / norm if norm > max_norm else 1.0)
    return list(grads)
""", "list entries replaced; bites only where the norm is clipped")

_add("remembers_answers", "kl_k1", "red", """
memory = []
def kl_k1(log_prob, old_log_prob):
    memory.append(float(np.mean(old_log_prob - log_prob)))
    return memory[0]
""", "cached first answer")

_add("cheats_by_patching", "kl_k1", "red", """
np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
def kl_k1(log_prob, old_log_prob):
    return 0.0
""", "judging must not happen with the adapter's NumPy")

_add("cheats_float_subclass", "kl_k1", "red", """
class Always(float):
    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = lambda self, other: True
    __hash__ = float.__hash__
    __sub__ = __rsub__ = __abs__ = lambda self, *a: Always(0.0)
def kl_k1(log_prob, old_log_prob):
    return Always(1e9)
""")

_add("cheats_by_frames", "kl_k1", "red", """
import gc, sys
def kl_k1(log_prob, old_log_prob):
    f = sys._getframe()
    while f is not None:
        for key, value in list(f.f_locals.items()):
            if 'expected' in key:
                return value
        f = f.f_back
    return 0.0
""", "the worker should not hold the expected answer")

_add("result_is_subclass", "ratio2", "green", """
class Tagged(np.ndarray):
    pass
def kl_k1(log_prob, old_log_prob):
    return np.mean(old_log_prob - log_prob).view() if False else np.asarray(np.mean(old_log_prob - log_prob)).view(Tagged)
""", "an ndarray subclass is an array")
HOSTILE["result_is_subclass"] = HOSTILE["result_is_subclass"]._replace(operation="kl_k1")

# ------------------------------------------------------------------ import and signature trouble: exit 2

_add("syntax_error", "", "exit 2", "def ratio(log_prob, old_log_prob:\n    pass\n", healthy=False)
_add("import_error", "", "exit 2", "import a_module_that_does_not_exist\n")
_add("raises_on_import", "", "exit 2", "raise RuntimeError('at import')\n")
_add("exits_on_import", "", "exit 2", "import sys\nsys.exit(0)\n", "exit status 0 must not shine through")
_add("os_exits_on_import", "", "exit 2", "import os\nos._exit(0)\n", "exit status 0 must not shine through")
_add("segfaults_on_import", "", "exit 2", "import ctypes\nctypes.string_at(0)\n")
_add("hangs_on_import", "", "exit 2", "import time\ntime.sleep(3600)\n", "the run always ends")
_add("prints_on_import", "", "green", "print('p' * 3_000_000)\n")
_add("empty", "", "exit 2", "", "no operation offered", healthy=False)
_add("nothing_callable", "", "exit 2", "ratio = 3\ngae = None\n", "attribute of that name is no callable", healthy=False)
_add("unknown_parameter", "", "exit 2", "def ratio(logprob, old_log_prob):\n    return np.exp(logprob - old_log_prob)\n", "nearest name log_prob", healthy=False)
_add("unknown_parameter_with_default", "", "exit 2", "def ratio(log_prob, old_log_prob, clamp=None):\n    return np.exp(log_prob - old_log_prob)\n", "contract: unknown parameter; a default might be forgiven", healthy=False)
_add("positional_only", "", "exit 2", "def ratio(log_prob, old_log_prob, /):\n    return np.exp(log_prob - old_log_prob)\n", healthy=False)
_add("kwargs_only", "", "exit 2", "def ratio(**inputs):\n    return np.exp(inputs['log_prob'] - inputs['old_log_prob'])\n", healthy=False)
_add("args_only", "", "exit 2", "def ratio(*inputs):\n    return np.exp(inputs[0] - inputs[1])\n", healthy=False)
_add("no_signature", "", "exit 2", "ratio = np.exp\n", "a ufunc: positional-only", healthy=False)
_add("a_class_as_operation", "", "exit 2", "class ratio:\n    def __init__(self, a, b):\n        pass\n", healthy=False)
_add("unknown_framework", "", "exit 2", "FRAMEWORK = 'tensorflow'\n")
_add("unknown_dtype", "", "exit 2", "DTYPE = 'float16'\n")
_add("dtype_object", "", "exit 2", "DTYPE = np.float32\n", "not the string: refuse, or understand; never ignore")
_add("unknown_convention", "", "exit 2", "CONVENTIONS = {'advantage_stdd': 'ddof1'}\n")
_add("unknown_convention_value", "", "exit 2", "CONVENTIONS = {'advantage_std': 'ddof2'}\n")
_add("conventions_not_a_dict", "", "exit 2", "CONVENTIONS = ['ddof1']\n")
_add("null_bytes", "", "exit 2", "x = 1\n\x00\n", healthy=False)
_add("name_is_hostile", "ratio", "green", "NAME = '</script>\\x1b[31m\\n' * 1000\n", "reports escape what they show")
_add("name_is_no_string", "ratio", "exit 2", "NAME = object()\n", "refused by name; never a traceback")
_add("module_getattr", "ratio", "green", "def __getattr__(name):\n    raise RuntimeError(name)\n", "looking for absent operations must not crash the run")
