"""Loading: what counts as offering an operation, and one clear line for everything that cannot be run."""

from __future__ import annotations

from functools import partial, wraps
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from ppocore.conformance.adapters import BadAdapter, Description, describe, peek
from ppocore.conformance.callees import InProcess, Isolated, open_callee
from ppocore.conformance.calls import answer
from ppocore.conformance.frameworks import find as find_framework
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.signatures import nearest

NUMPY = find_framework("numpy")
X = np.array([0.5, 1.0, 2.0])


def described(**namespace) -> Description:
    return describe(namespace, "mine.py")[0]


def names(function, operation="ratio"):
    return [(p.name, p.optional) for p in described(**{operation: function}).operations[operation]]


def called(operation, function, **given):
    return answer(function, OPERATIONS[operation], NUMPY, "float64", given)


def load(tmp_path, source, name="mine.py"):
    path = tmp_path / name
    path.write_text(source)
    callee = Isolated(str(path))
    callee.close()
    return callee.description


def refused(tmp_path, source, name="mine.py"):
    with pytest.raises(BadAdapter) as error:
        load(tmp_path, source, name)
    message = str(error.value)
    assert "\n" not in message
    return message


class Ratio:
    def __call__(self, log_prob, old_log_prob):
        return np.exp(log_prob - old_log_prob)

    def method(self, log_prob, old_log_prob=None):
        return np.exp(log_prob - old_log_prob)


def test_every_kind_of_callable_is_read():
    numba = pytest.importorskip("numba")
    required = [("log_prob", False), ("old_log_prob", False)]

    assert names(lambda log_prob, old_log_prob: log_prob) == required
    assert names(Ratio()) == required
    assert names(Ratio().method) == [("log_prob", False), ("old_log_prob", True)]
    assert names(numba.njit(lambda log_prob, old_log_prob: log_prob - old_log_prob)) == required
    filled = partial(lambda log_prob, old_log_prob, scale: log_prob, scale=2)
    assert names(filled) == required

    @wraps(filled, assigned=())
    def decorated(*args, **kwargs):
        return filled(*args, **kwargs)

    assert names(decorated) == names(wraps(decorated)(lambda **kwargs: None)) == required
    assert names(lambda log_prob, old_log_prob, **rest: log_prob) == required


def test_jitted_functions_of_jax_are_read():
    jax = pytest.importorskip("jax")

    jitted = jax.jit(lambda log_prob, old_log_prob: log_prob)

    assert names(jitted) == [("log_prob", False), ("old_log_prob", False)]


def test_torch_modules_and_scripts_are_read_by_their_forward(tmp_path):
    pytest.importorskip("torch")
    description = load(tmp_path, (
        "import torch\nFRAMEWORK = 'torch'\n"
        "class Mean(torch.nn.Module):\n"
        "    def forward(self, x, mask): return (x * mask).sum() / mask.sum()\n"
        "masked_mean = Mean()\n"
        "@torch.jit.script\n"
        "def ratio(log_prob, old_log_prob): return (log_prob - old_log_prob).exp()\n"))

    assert [p.name for p in description.operations["masked_mean"]] == ["x", "mask"]
    assert [p.name for p in description.operations["ratio"]] == ["log_prob", "old_log_prob"]


@pytest.mark.parametrize(("name", "right"), [
    ("lam", "gae_lambda"), ("discount", "gamma"), ("done", "dones"), ("last_value", "last_values"),
    ("truncate", "truncated"), ("rewrads", "rewards"),
])
def test_unknown_parameter_is_answered_with_the_right_one(name, right):
    function = eval(f"lambda rewards, values, {name}: rewards")

    with pytest.raises(BadAdapter) as error:
        described(gae=function)

    assert str(error.value).startswith(
        f"mine.py: gae: '{name}' is no input of this operation; did you mean '{right}'?"
        " It may declare: rewards, values, gamma, gae_lambda, ")


def test_signatures_that_hide_the_names_are_refused():
    with pytest.raises(BadAdapter, match=r"'log_prob' is positional-only"):
        described(ratio=eval("lambda log_prob, old_log_prob, /: 0"))
    with pytest.raises(BadAdapter, match=r"only \*args/\*\*kwargs"):
        described(ratio=lambda *args, **kwargs: 0)
    with pytest.raises(BadAdapter, match=r"signature of this ufunc cannot be read|is no input"):
        described(ratio=np.frompyfunc(lambda a, b: a, 2, 1))


def test_constants_are_checked():
    def ratio(log_prob, old_log_prob):
        return log_prob

    with pytest.raises(BadAdapter, match="FRAMEWORK is 'pytorch'; it must be .*; did you mean 'torch'"):
        described(ratio=ratio, FRAMEWORK="pytorch")
    with pytest.raises(BadAdapter, match="DTYPE is 'float16'; it must be one of float64, float32"):
        described(ratio=ratio, DTYPE="float16")
    with pytest.raises(BadAdapter, match="DTYPE is <class"):
        described(ratio=ratio, DTYPE=np.float32)
    with pytest.raises(BadAdapter, match="CONVENTIONS is a list; it must be a dict"):
        described(ratio=ratio, CONVENTIONS=["ddof1"])
    with pytest.raises(BadAdapter, match="NAME is a int; it must be a string"):
        described(ratio=ratio, NAME=3)


def test_nothing_offered_names_what_comes_close():
    with pytest.raises(BadAdapter, match="it offers no operation.*'compute_gae' meant to be 'gae'"):
        described(compute_gae=lambda rewards: rewards, np=np)
    with pytest.raises(BadAdapter, match="it offers no operation"):
        described(gae=3)


def test_dict_refuses_names_that_are_no_operation():
    with pytest.raises(BadAdapter, match="'gea' is no operation; did you mean 'gae'"):
        InProcess({"gea": lambda rewards: rewards})
    with pytest.raises(BadAdapter, match="check: adapter is a int"):
        open_callee(3)


def test_misspelt_function_beside_others_is_noted():
    description = described(ratio=lambda log_prob, old_log_prob: 0, clip_los=lambda log_prob: 0)

    assert description.notes == ("`clip_los` is not judged; if it is meant to be `clip_loss`, rename it",)


def test_nearest_knows_aliases_typos_and_prefixes():
    assert nearest("clip_range", OPERATIONS["clip_loss"].inputs) == "clip_eps"
    assert nearest("computeGae", OPERATIONS) == "gae"
    assert nearest("zzz", OPERATIONS) is None


def test_missing_and_foreign_files(tmp_path):
    (tmp_path / "adapter.py").write_text("")
    (tmp_path / "adapter.txt").write_text("")

    for target, text in (("adaptor.py", "no such file. Did you mean"), ("adapter.txt", "not a .py file"),
                         ("", "this is a folder")):
        with pytest.raises(BadAdapter, match=text):
            Isolated(str(tmp_path / target))
    with pytest.raises(BadAdapter, match="no_such_module_at_all: no such file, and no module"):
        Isolated("no_such_module_at_all")
    with pytest.raises(BadAdapter, match="what is this: no such file, and no name of a module"):
        Isolated("what is this")


@pytest.mark.parametrize(("source", "text"), [
    ("def gae(:\n", "mine.py:1: SyntaxError: "),
    ("\n\nimport no_such_thing\n", "mine.py:3: ModuleNotFoundError: No module named 'no_such_thing'"),
    ("x = 1\nx.y\n", "mine.py:2: AttributeError: 'int' object has no attribute 'y'"),
    ("import sys\nsys.exit(5)\n", "mine.py:2: it calls exit while it is being imported ('5')."),
    ("raise KeyboardInterrupt\n", "mine.py:1: KeyboardInterrupt"),
    ("import os\nos._exit(9)\n", "while it was being imported: the interpreter died: exit status 9"),
    ("import ctypes\nctypes.string_at(0)\n", "while it was being imported: the interpreter died: "),
    ("from . import sibling\n", "pass the adapter as package.module"),
    ("from json import *\n", "it offers no operation"),
    ("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})\n", "its message cannot be read"),
    ("FRAMEWORK = 'JAX'\ndef ratio(log_prob, old_log_prob): pass\n", "did you mean 'jax'"),
], ids=range(11))
def test_import_failures_are_one_line_with_place_and_cause(tmp_path, source, text):
    assert text in refused(tmp_path, source)


def test_hang_at_import_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("ppocore.conformance.processes.START_LIMIT", 1.0)

    text = refused(tmp_path, "while True:\n    pass\n")

    assert "while it was being imported: no answer within 1 s (in mine.py:" in text


def test_helpers_beside_the_adapter_are_importable(tmp_path):
    (tmp_path / "helper.py").write_text("def ratio(log_prob, old_log_prob): return 0\n")

    assert "ratio" in load(tmp_path, "from helper import ratio\n").operations
    # A name that would shadow one of ours, or of the standard library, is no problem either.
    for name in ("numpy.py", "types.py", "worker.py", "my-adapter.py"):
        assert "ratio" in load(tmp_path, "def ratio(log_prob, old_log_prob): return 0\n", name).operations
        (tmp_path / name).unlink()


def test_importable_module_is_found_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "own.py").write_text("def ratio(log_prob, old_log_prob): return 1\n")
    (tmp_path / "package" / "adapter.py").write_text("from .own import ratio\nDTYPE = 'float32'\n")
    monkeypatch.chdir(tmp_path)

    callee = Isolated("package.adapter")
    callee.close()

    assert (callee.description.name, callee.description.dtype) == ("package.adapter", "float32")
    assert peek("package.adapter") == {"DTYPE": "float32"}


class Pair(NamedTuple):
    returns: object
    advantages: object


def test_results_are_taken_by_name_or_in_the_order_of_the_table():
    import dataclasses

    @dataclasses.dataclass
    class Both:
        advantages: object
        returns: object

    gives = [
        lambda rewards: (rewards, rewards + 1),
        lambda rewards: {"returns": rewards + 1, "advantages": rewards},
        lambda rewards: Pair(rewards + 1, rewards),
        lambda rewards: Both(rewards, rewards + 1),
        lambda rewards: (rewards.tolist(), (rewards + 1).astype(np.float32), "ignored"),
    ]
    for function in gives:
        found = called("gae", function, rewards=X)
        assert found.outcome == "ok", found.message
        assert {name: value.tolist() for name, value in found.outputs.items()} == {
            "advantages": [0.5, 1.0, 2.0], "returns": [1.5, 2.0, 3.0]}
        assert all(value.dtype == np.float64 for value in found.outputs.values())
    assert set(called("gae", lambda rewards: (rewards, None), rewards=X).outputs) == {"advantages"}
    assert set(called("gae", lambda rewards: rewards * 2, rewards=X).outputs) == {"advantages"}


ENDLESS: list = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(("result", "text"), [
    (None, "returned None; advantages is required."),
    ({"adv": X}, "returned a dict with adv; advantages is required. Rename 'adv'?"),
    ((), "a tuple without advantages"),
    ((None, X), "a tuple without advantages"),
    ("abc", "advantages is a str of dtype <U3"),
    (X + 1j, "advantages is complex"),
    (SimpleNamespace(advantages=X), "advantages is a SimpleNamespace of dtype object"),
    ([[1.0], [1.0, 2.0]], "cannot be read as an array"),
    (10**400, "dtype object"),
    (np.lib.stride_tricks.as_strided(X, (10**6, 10**6), (0, 0)), "far too many"),
    ([[range(10**9)]], "far too many"),
    (ENDLESS, "far too many"),
])
def test_wrong_results_are_malformed_and_say_so(result, text):
    found = called("gae", lambda rewards: result, rewards=X)

    assert found.outcome == "malformed"
    assert text in found.message


class Liar:
    shape, dtype, ndim = (3,), np.dtype(float), 1

    def __init__(self, error):
        self.error = error

    def __array__(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_lying_objects_are_malformed(error):
    found = called("ratio", lambda log_prob: Liar(error), log_prob=X)

    assert found.outcome == "malformed"
    assert type(error).__name__ in found.message


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), RecursionError()])
def test_raising_says_what_and_where(error):
    def ratio(log_prob):
        raise error

    found = called("ratio", ratio, log_prob=X)

    assert found.outcome == "raised"
    assert found.message.startswith(type(error).__name__)
    assert "test_adapters.py:" in found.message


def test_a_dict_in_the_place_of_a_gradient_is_what_was_logged():
    def value_loss(values, returns):
        return np.mean((values - returns) ** 2), {"explained": 0.5}

    found = called("value_loss", value_loss, values=X, returns=X + 1)

    assert (found.outcome, found.outputs.keys(), float(found.outputs["loss"])) == ("ok", {"loss"}, 1.0)
    assert found.notes == ("judged on its value only: no gradient is returned",
                           "returns a dict where grad_values would stand in a tuple; ignored")


def test_inputs_are_fresh_exact_and_compared_afterwards():
    seen = {}

    def token_gae(rewards, values, mask, gamma):
        seen.update(rewards=rewards, mask=mask, gamma=gamma)
        values *= 1.0
        rewards[0] = -rewards[0]
        return rewards

    rewards = np.array([0.0, np.nan, np.inf])
    found = answer(token_gae, OPERATIONS["token_gae"], NUMPY, "float32", {
        "rewards": rewards, "values": X, "mask": X > 1, "gamma": 0.5})

    assert found.outcome == "ok"
    # Bit for bit: minus zero is another number than zero, and NaN is the same as itself.
    assert found.mutated == ("rewards",)
    assert found.aliased == ("advantages",)
    assert not np.signbit(rewards[0])
    assert (seen["rewards"].dtype, seen["mask"].dtype, type(seen["gamma"])) == (np.float32, bool, float)


def test_lists_of_arrays_are_handed_over_taken_back_and_watched():
    grads = [X, X[None]]

    def in_place(grads, max_norm):
        grads[0] *= 0.5
        return grads

    def shorter(grads, max_norm):
        return [2 * grads.pop()]

    for function in (lambda grads, max_norm: [g / 2 for g in grads],
                     lambda grads, max_norm: tuple(g / 2 for g in grads),
                     lambda grads, max_norm: ([g / 2 for g in grads],),
                     lambda grads, max_norm: ([g / 2 for g in grads], 3.0),
                     lambda grads, max_norm: {"grads": [g / 2 for g in grads], "norm": 3.0}):
        found = called("clip_grad_norm", function, grads=grads, max_norm=1.0)
        assert [g.tolist() for g in found.outputs["grads"]] == [(X / 2).tolist(), [(X / 2).tolist()]]
        assert found.mutated == ()
    for function in (in_place, shorter):
        assert called("clip_grad_norm", function, grads=grads, max_norm=1.0).mutated == ("grads",)
    scalar = called("clip_grad_norm", lambda grads, max_norm: 2.0, grads=grads, max_norm=1.0)
    assert scalar.message == "returned a float; grads must be a list of arrays."


def test_less_precision_than_judged_is_noted():
    found = called("ratio", lambda log_prob: log_prob.astype(np.float32), log_prob=X)

    assert found.notes == ("returns ratio in float32, but is judged in float64"
                           " (DTYPE = \"float32\" would say so)",)


def test_torch_gradients():
    torch = pytest.importorskip("torch")
    framework = find_framework("torch")

    def ask(function, **given):
        given = {"log_prob": X, "old_log_prob": X, "advantages": X} | given
        return answer(function, OPERATIONS["surrogate_loss"], framework, "float64", given)

    def loss(log_prob, old_log_prob, advantages):
        assert log_prob.requires_grad
        assert not advantages.requires_grad
        return -(torch.exp(log_prob - old_log_prob) * advantages).mean()

    def unused(log_prob, old_log_prob, advantages):
        return (log_prob * 0 + advantages).detach().sum() + torch.ones(1, requires_grad=True)

    def in_place(log_prob, old_log_prob, advantages):
        log_prob -= old_log_prob
        return log_prob.sum()

    assert ask(loss).gradients["grad_log_prob"].tolist() == (-X / 3).tolist()
    assert ask(unused).gradients["grad_log_prob"].tolist() == [0.0, 0.0, 0.0]
    assert ask(lambda **g: (loss(**g), torch.tensor(0.5))).outputs.keys() == {"loss"}
    assert ask(lambda **g: (loss(**g), -X / 3)).outputs["grad_log_prob"].tolist() == (-X / 3).tolist()
    assert ask(in_place).mutated == ("log_prob",)
    for function, reason in (
        (lambda **g: loss(**g).item(), "the loss is a float"),
        (lambda **g: loss(**g).detach(), "the loss has no graph"),
        (lambda **g: g["log_prob"] * 2, "the loss has shape (3,)"),
        (lambda **g: np.mean(g["log_prob"].numpy()), "it raises when its inputs require a gradient"),
    ):
        found = ask(function)
        assert found.outcome == "ok", found.message
        assert found.gradients == {}
        assert reason in found.notes[0]
        assert found.notes[0].startswith("judged on its value only: ")


def test_jax_gradients_and_precision(tmp_path):
    pytest.importorskip("jax")
    from ppocore.conformance.case import Case, Question

    path = tmp_path / "mine.py"
    path.write_text(
        "import jax, jax.numpy as jnp, functools\nFRAMEWORK = 'jax'\n"
        "assert jnp.ones(1, dtype=float).dtype == 'float64' and jax.default_backend() == 'cpu'\n"
        "@jax.jit\n"
        "def surrogate_loss(log_prob, old_log_prob, advantages):\n"
        "    return -(jnp.exp(log_prob - old_log_prob) * advantages).mean(), 0.5\n"
        "def value_loss(values, returns): return float(((values - returns) ** 2).mean())\n"
        "@functools.partial(jax.jit, donate_argnums=0)\n"
        "def normalize_advantages(advantages): return advantages - 1\n")
    callee = Isolated(str(path))

    def ask(operation, **given):
        return callee.ask(Question(Case("x", operation, "core", "", given), tuple(given), given), 60)

    try:
        found = ask("surrogate_loss", log_prob=X, old_log_prob=X, advantages=X)
        assert found.gradients["grad_log_prob"].tolist() == (-X / 3).tolist()
        assert found.outputs.keys() == {"loss"}
        untraceable = ask("value_loss", values=X, returns=X)
        assert untraceable.outputs["loss"] == 0
        assert untraceable.notes[0].startswith("judged on its value only: JAX cannot differentiate it (")
        assert ask("normalize_advantages", advantages=X).mutated == ("advantages",)
    finally:
        callee.close()
