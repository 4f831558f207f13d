"""What a person sees first of a wrong adapter: the mistake, at most ten numbers, and how to see it again."""

from __future__ import annotations

import io
import re
import shlex
import textwrap

import pytest
from rich.console import Console

import ppocore
from ppocore.conformance import terminal
from ppocore.conformance.accounts import WORDS
from ppocore.conformance.operations import OPERATIONS
from tests.wrong import everything

LINES, COLUMNS = 24, 80
MOST = 10
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.])")

EXCUSED = ("ppo_loss: vf_coef ignored", "clipped_value_loss: mask ignored in the count")
"""Red only as a whole: a convention that needs no declaration explains many of their answers one by one."""
ALL = [wrong for wrong in everything() if wrong.expect != "green" and wrong.framework == "numpy"]
WRONG = ALL[::8] + [wrong for wrong in ALL if f"{wrong.operation}: {wrong.name}" in EXCUSED]


def lines(run, width=COLUMNS):
    stream = io.StringIO()
    terminal.show(run, Console(file=stream, width=width, highlight=False, color_system=None))
    return stream.getvalue().splitlines()


def screen(run):
    """Everything up to the first command, which is all on one line however long it is."""
    printed = lines(run)
    last = next(place for place, line in enumerate(printed) if line.startswith("  see it again: "))
    return printed[:last + 1]


def numbers(shown):
    """Numbers of the counterexample: those of the inputs, and the two answers."""
    first = next((i for i, line in enumerate(shown) if line.startswith("  smallest example: ")), len(shown))
    values = [line.partition(" = " if " = " in line else " is ")[2] for line in shown[first + 1:-1]]
    return [number for value in values for number in NUMBER.findall(value)]


def more_than_gae(operation):
    """V-trace has more inputs than any operation of the contract's table, a line for each, and a longer formula."""
    def needs(name):
        return len(OPERATIONS[name].inputs), len(textwrap.wrap(OPERATIONS[name].formula, COLUMNS - 6))

    return sum(max(0, own - usual) for own, usual in zip(needs(operation), needs("gae"), strict=True))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.operation}: {wrong.name}")
def test_it_names_what_is_wrong_in_few_numbers_and_ends_with_the_command(wrong):
    run = ppocore.check({wrong.operation: wrong.function}, examples=0)
    (verdict,) = [v for v in run.verdicts if v.operation == wrong.operation]

    shown = screen(run)

    assert len(shown) <= LINES + more_than_gae(wrong.operation)
    assert WORDS[verdict.verdict] in shown[1]
    for word in (*verdict.mistakes, *(f"{name}={value}" for name, value in verdict.conventions.items())):
        assert any(word in line for line in shown), word
    assert len(numbers(shown)) <= MOST, shown
    words = shlex.split(shown[-1].partition("see it again: ")[2])
    assert words[:2] == ["ppocore", "check"]
    again = ppocore.check({wrong.operation: wrong.function}, examples=0, only=words[words.index("--only") + 1])
    assert not again.green


def test_two_mistakes_the_first_of_them_told_at_once():
    run = ppocore.check("docs/examples/my_ppo.py")
    shown = screen(run)

    assert len(shown) <= LINES + 1
    assert all(slug in "".join(shown) for slug in ("gae/done-read-one-step-late", "ppo_loss/entropy-added"))
    assert len(numbers(shown)) == 9


def test_many_that_conform_do_not_push_the_mistake_off_the_screen():
    from ppocore.conformance import reference
    from ppocore.conformance.operations import OPERATIONS

    functions = {name: getattr(reference, name) for name in OPERATIONS} | {"ratio": lambda log_prob, old_log_prob: 1.0}

    run = ppocore.check(functions, examples=0)
    shown = screen(run)

    assert len(shown) <= LINES
    assert "ratio" in shown[1]
    assert any(f"{len(OPERATIONS) - 1} conform: " in line for line in lines(run))


def test_long_inputs_are_left_out_and_the_line_says_where_they_are():
    given = {"rewards": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "values": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
             "dones": [[True] * 3] * 2, "last_values": [0.0, 1.0, 2.0], "gamma": 0.5}

    assert list(terminal.few(given)) == [
        "rewards = values = [...]", "dones = [[True, True, True], [True, True, True]]", "last_values = [0, 1, 2]",
        "gamma = 0.5", "([...] is written in the files of --html and --report)"]


def test_float32_numbers_are_written_as_they_are_meant():
    def halved(log_prob, old_log_prob, advantages, clip_eps):
        return 0 * advantages.mean()

    printed = lines(ppocore.check({"clip_loss": halved, "DTYPE": "float32"}, examples=0))

    assert "      clip_eps = 0.2" in printed
