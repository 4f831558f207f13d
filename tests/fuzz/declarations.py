"""What adapters declare and users ask for: conventions, signatures, constants, and globs."""

from __future__ import annotations

import ast
import fnmatch
import functools
import inspect
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ppocore.conformance import conventions, forms, runner
from ppocore.conformance.adapters import BadAdapter, describe, peek
from ppocore.conformance.callees import open_callee
from ppocore.conformance.cases import cases
from ppocore.conformance.conventions import CONVENTIONS
from ppocore.conformance.mutants import put
from ppocore.conformance.operations import OPERATIONS
from tests.fuzz import mutations
from tests.fuzz.target import Complaint, Target

OFFERED = ("adapt_kl_coef", "ratio")
VALUES = ("None", "True", "0", "3", "1e-5", "-1.0", "float('nan')", "float('inf')", "10**400", "10**5000", "''",
          "'inside:'", "'inside:1e-5'", "'inside:1e999'", "'floor:-1'", "'outside:1e-3'", "'outside: 1e-08'", "'E'",
          "'C'", "'\\x00'",
          "'\\ud800'", "'none'", "'NONE'", "[]", "{}", "object()", "b'ddof1'", "('ddof1',)", "'var+1e-8'", "'3.0.0'",
          "'1e'", "'٣'", "'²'")


def make_conventions(random: random.Random) -> bytes:
    """The source of a dict, or of something else."""
    return _dict(random, 2).encode() if random.random() < 0.95 else random.choice(VALUES).encode()


def _dict(random: random.Random, depth: int) -> str:
    entries = []
    for _ in range(random.randrange(1, 4)):
        name = random.choice(list(CONVENTIONS))
        values = CONVENTIONS[name].values
        entry = random.choice((*VALUES, *map(repr, values), *map(repr, values), *map(repr, values)))
        if random.random() < 0.15:
            name = random.choice(("gae", "clip_loss", "advantage_stdd", "", "Gae"))
        if depth and random.random() < 0.2:
            name, entry = random.choice(list(OPERATIONS)), _dict(random, depth - 1)
        entries.append(f"{name!r}: {entry}")
    return f"{{{', '.join(entries)}}}"


def check_conventions(data: bytes) -> Complaint:
    value = eval(data.decode())
    try:
        found = conventions.parse(value)
    except ValueError as error:
        return _one_line(error)
    for name in OPERATIONS:
        for convention, chosen in found.of(name).items():
            kinds = {conventions.kind(value) for value in CONVENTIONS[convention].values}
            if chosen not in CONVENTIONS[convention].values and conventions.kind(chosen) not in kinds:
                return f"{convention} = {chosen!r} is let in"
            if chosen[-1] in "EC" or not chosen.isprintable():
                return f"{convention} = {chosen!r} is a value"
    return None


def make_signature(random: random.Random) -> bytes:
    """The source of one function of the table, its signature damaged."""
    operation = random.choice(list(OPERATIONS.values()))
    parameters = [*operation.needs, *(name for group in operation.groups for name in random.choice(group))]
    parameters += [f"{name}=None" for name in operation.options if random.random() < 0.5]
    for _ in range(random.choice((0, 1, 1, 2))):
        at = random.randrange(len(parameters) + 1)
        damage = random.randrange(6)
        if damage == 0 and parameters:
            parameters.pop(at - 1)
        elif damage == 1:
            parameters.insert(at, random.choice(("*", "/", "*args", "**kwargs", "x", "mask", "self", "gamma=0.99")))
        elif damage == 2 and parameters:
            parameters[at - 1] = mutations.bytes_(random, parameters[at - 1].encode()).decode("latin-1")
        elif damage == 3 and parameters:
            parameters[at - 1] = parameters[at - 1].split("=")[0] + "=None"
        elif damage == 4:
            parameters.insert(at, random.choice(list(OPERATIONS.values())).inputs[0])
        else:
            random.shuffle(parameters)
    wrap = random.choice(("{}", "{}", "{}", "functools.partial({}, 1)", "functools.partial({}, gamma=1.0)", "Held({})",
                          "property({})", "staticmethod({})", "Signed({})", "np.vectorize({})", "functools.cache({})"))
    name = random.choice((operation.name,) * 6 + (operation.name.upper(), operation.name + "s", "compute"))
    return f"{name}|{wrap}|lambda {', '.join(parameters)}: 0".encode("utf-8", "replace")


class Held:
    """A callable object."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, rewards: Any, *more: Any) -> Any:
        return self.function


class Signed(Held):
    """One that lies about its signature."""

    __signature__ = property(lambda self: 1 / 0)


def check_signature(data: bytes) -> Complaint:
    name, wrap, source = data.decode().split("|", 2)
    try:
        ast.parse(source)
        function = eval(wrap.format(f"({source})"), {"functools": functools, "np": np, "Held": Held, "Signed": Signed})
    except Exception:
        # Python itself refuses such source, which an adapter then cannot hold.
        return None
    try:
        description, functions = describe({name: function}, "x.py")
    except BadAdapter as error:
        return _one_line(error)
    declared = description.operations[name]
    inputs = OPERATIONS[name].inputs
    if not {parameter.name for parameter in declared} <= set(inputs) or len(declared) > len(inputs):
        return f"{declared} is let in"
    if source.startswith("lambda") and wrap == "{}":
        own = {p.name for p in inspect.signature(function).parameters.values()
               if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.default is p.empty}
        if not own <= {parameter.name for parameter in declared}:
            return f"{own} are needed, {declared} is read"
    for turn, case in enumerate(cases(name, "float64", 0, 0)[:5]):
        forms.question(OPERATIONS[name], declared, case, turn)
    return None


def make_glob(random: random.Random) -> bytes:
    """What --only may be given."""
    ids = [case.id for name in OFFERED for case in cases(name, "float64", 0, 0)]
    text = random.choice((*OFFERED, *ids, "*", "rat*", "[r]atio", "ratio/*", "gae", "?atio", "[!r]*", "ratio/smoke*"))
    if random.random() < 0.7:
        text = mutations.bytes_(random, text.encode()).decode("latin-1")
    return text.encode()


@functools.cache
def _callee() -> Any:
    def ratio(log_prob: Any, old_log_prob: Any) -> Any:
        return np.exp(log_prob - old_log_prob)

    return open_callee({"ratio": ratio, "adapt_kl_coef": lambda kl_coef, kl, target_kl: kl_coef})


def check_glob(data: bytes) -> Complaint:
    only = data.decode("utf-8", "surrogateescape")
    # Which cases bear such a name, by Python's own matching.
    wanted = [put(case, 0).case.id for name in OFFERED for case in cases(name, "float64", 0, 0)
              if fnmatch.fnmatchcase(name, only) or fnmatch.fnmatchcase(case.id, only)]
    try:
        found = runner.select(_callee(), runner.Options(only, examples=0))
    except BadAdapter as error:
        if wanted and "can be put" not in str(error):
            return f"{len(wanted)} cases are refused: {error}"
        return _one_line(error)
    chosen = [question.case.id for asked, _ in found.values() for question in asked]
    return None if chosen and set(chosen) <= set(wanted) else f"chosen {chosen[:3]}, wanted {wanted[:3]}"


SOURCE = b'FRAMEWORK = "torch"\nDTYPE: str = "float32"\nNAME = DTYPE = "x"\ndef ratio(log_prob, old_log_prob): ...\n'
KEPT = tempfile.TemporaryDirectory(prefix="ppocore-fuzz-")
PLACE = Path(KEPT.name) / "adapter.py"


def check_source(data: bytes) -> Complaint:
    PLACE.write_bytes(data)
    found = peek(str(PLACE))
    return None if set(found) <= {"FRAMEWORK", "DTYPE", "NAME", "VERSION", "CONVENTIONS"} else f"it reads {found}"


def _one_line(error: Exception) -> Complaint:
    text = str(error)
    return None if text and "\n" not in text else f"its error is not one line: {text!r}"


TARGETS = (
    Target("conventions", make_conventions, check_conventions, weight=2, shrinks=False),
    Target("signatures", make_signature, check_signature, weight=2, shrinks=False),
    Target("globs", make_glob, check_glob, shrinks=False),
    Target("sources", lambda random: mutations.bytes_(random, SOURCE), check_source,
           command=lambda path: ["check", str(path.rename(path.with_suffix(".py"))), "--examples", "0"]),
)
