"""The little language in which terms are written: a checked subset of Python's expressions, over any kind of number.

Nothing is ever executed: the text is parsed, every node must be one of a few, and `evaluate` walks the tree.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ppocore.conformance.adapters import BadAdapter

GIVEN = {
    "log_prob": "log-probability of the action under the current policy; the only one that carries gradient",
    "old_log_prob": "under the old policy, which drew the actions",
    "ref_log_prob": "under the reference policy",
}
DERIVED = {
    "ratio": "exp(log_prob - old_log_prob)",
    "k1": "log_prob - ref_log_prob",
    "k2": "k1**2 / 2",
    "k3": "exp(-k1) - 1 + k1",
}
"""k1, k2 and k3 are made for KL(current, ref): k1 is positive where the current policy is the likelier one."""
FUNCTIONS = {
    "stop": ("x", "the number as a constant: no gradient flows through it (detach, stop_gradient)"),
    "exp": ("x", ""), "log": ("x", ""), "abs": ("x", ""), "min": ("x, y", ""), "max": ("x, y", ""),
    "clip": ("x, lo, hi", "min(max(x, lo), hi)"),
}
LONGEST, DEEPEST, HIGHEST = 1000, 40, 16
"""Characters of a term, levels of its tree, and the largest power: far beyond any that was published."""
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
OTHERS = {"detach": "stop", "stop_gradient": "stop", "sg": "stop", "logp": "log_prob", "logprob": "log_prob",
          "log_ratio": "k1", "old_logp": "old_log_prob", "ref_logp": "ref_log_prob", "clamp": "clip",
          "minimum": "min", "maximum": "max", "low_var_kl": "k3", "kl": "k1"}
"""What other codes call these, so that an unknown name is answered with the right one."""

Number = Any
"""A Real of the oracle; in proofs, a ball or a formula."""


class BadTerm(BadAdapter):
    """The term cannot be audited; the message is one clear line."""


@dataclass(frozen=True)
class Arithmetic:
    """What `evaluate` needs of a kind of number beside + - * / and the methods exp and log."""

    constant: Callable[[str], Number]
    """The number that a decimal literal names."""
    stop: Callable[[Number], Number]
    lesser: Callable[[Number, Number], Number]
    greater: Callable[[Number, Number], Number]


def parse(text: str) -> ast.expr:
    """The tree of a term; BadTerm if anything in it is not of the language."""
    if not text.strip():
        raise BadTerm("estimator: the term is empty; write one such as 'ratio * k3'.")
    if len(text) > LONGEST:
        raise BadTerm(f"estimator: the term has {len(text)} characters; at most {LONGEST} are read.")
    try:
        with warnings.catch_warnings():
            # What the tokenizer warns of is no term, and a warning would be a second line.
            warnings.simplefilter("error")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise BadTerm(f"estimator: {_short(text)} is no expression ({reason}).") from None
    _refuse_foreign(tree, 1)
    return tree


def evaluate(tree: ast.expr, names: Mapping[str, Number], arithmetic: Arithmetic) -> Number:
    """The value of a parsed term where `names` gives the three log-probabilities."""
    def value(node: ast.expr) -> Number:
        return evaluate(node, names, arithmetic)

    match tree:
        case ast.Constant():
            return arithmetic.constant(repr(tree.value))
        case ast.Name(id=name):
            return names[name] if name in GIVEN else value(_DERIVED_TREES[name])
        case ast.UnaryOp():
            return -value(tree.operand) if isinstance(tree.op, ast.USub) else value(tree.operand)
        case ast.BinOp(op=ast.Pow()):
            return _power(value(tree.left), _exponent(tree.right), arithmetic)
        case ast.BinOp():
            return _joined(tree.op, value(tree.left), value(tree.right))
        case ast.Call(func=ast.Name(id=name)):
            return _called(name, [value(argument) for argument in tree.args], arithmetic)
    raise AssertionError(f"not of the language: {ast.dump(tree)}")


def _joined(operator: ast.operator, x: Number, y: Number) -> Number:
    if isinstance(operator, ast.Add):
        return x + y
    if isinstance(operator, ast.Sub):
        return x - y
    return x * y if isinstance(operator, ast.Mult) else x / y


def _called(name: str, arguments: list[Number], arithmetic: Arithmetic) -> Number:
    x = arguments[0]
    if name in ("exp", "log"):
        return getattr(x, name)()
    if name == "stop":
        return arithmetic.stop(x)
    if name == "abs":
        return arithmetic.greater(x, -x)
    if name == "clip":
        return arithmetic.lesser(arithmetic.greater(x, arguments[1]), arguments[2])
    return (arithmetic.lesser if name == "min" else arithmetic.greater)(x, arguments[1])


def _power(x: Number, exponent: int, arithmetic: Arithmetic) -> Number:
    result = arithmetic.constant("1")
    for _ in range(abs(exponent)):
        result = result * x
    return result if exponent >= 0 else arithmetic.constant("1") / result


def _refuse_foreign(node: ast.expr, depth: int) -> None:
    if depth > DEEPEST:
        raise BadTerm(f"estimator: the term is nested deeper than {DEEPEST} levels; write it flatter.")
    for child in _children(node):
        _refuse_foreign(child, depth + 1)


def _children(node: ast.expr) -> list[ast.expr]:
    """The parts of a node of the language; BadTerm for any other node."""
    match node:
        case ast.Constant(value=number) if type(number) in (int, float):
            return []
        case ast.Name(id=name):
            if name not in GIVEN and name not in DERIVED:
                raise BadTerm(f"estimator: {_short(name)} is no name of a term{_nearest(name, [*GIVEN, *DERIVED])}")
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return [node.operand]
        case ast.BinOp(op=ast.Pow()):
            _exponent(node.right)
            return [node.left]
        case ast.BinOp() if isinstance(node.op, OPERATORS):
            return [node.left, node.right]
        case ast.Call(func=ast.Name(id=name)):
            return _arguments(name, node)
    raise BadTerm(f"estimator: {_source(node)} is not of the language of terms, which has numbers, + - * / **,"
                  f" the names {', '.join([*GIVEN, *DERIVED])} and the functions {', '.join(FUNCTIONS)}.")


def _arguments(name: str, node: ast.Call) -> list[ast.expr]:
    if name not in FUNCTIONS:
        raise BadTerm(f"estimator: {_short(name)} is no function of a term{_nearest(name, FUNCTIONS)}")
    wanted = FUNCTIONS[name][0]
    if node.keywords or len(node.args) != len(wanted.split(", ")):
        raise BadTerm(f"estimator: {_source(node)} has the wrong arguments; it is {name}({wanted}), by position.")
    return node.args


def _exponent(node: ast.expr) -> int:
    sign, number = (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
    if isinstance(number, ast.Constant) and type(number.value) is int and number.value <= HIGHEST:
        return sign * number.value
    raise BadTerm(f"estimator: the power {_source(node)} is none; it must be a whole number from -{HIGHEST} to"
                  f" {HIGHEST}.")


def _nearest(name: str, names: Any) -> str:
    if name in OTHERS and OTHERS[name] in names:
        return f"; did you mean {OTHERS[name]}?"
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}."


def _source(node: ast.expr) -> str:
    try:
        return _short(ast.unparse(node))
    except (ValueError, RecursionError):
        return "a part of it"


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 60 else line[:57] + "..."


_DERIVED_TREES = {name: parse(text) for name, text in DERIVED.items()}
