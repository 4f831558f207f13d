"""`ppocore identify`: right on every preset, never taken in by a mistake, and from few questions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore.conformance import identify as identifying
from ppocore.conformance import likeness, mistakes, mutants
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import Answer, Case, Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.conventions import CONVENTIONS, parse
from ppocore.conformance.dialects import Preset, presets, ways
from ppocore.conformance.identify import identify
from ppocore.conformance.operations import OPERATIONS, Operation
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.probes import Leaf, Tree
from ppocore.conformance.runner import Options
from tests.command import process
from tests.optional import require
from tests.test_dialects import DIALECTS

ROOT = Path(__file__).parents[1]
NAMES = ("paper", "sb3", "cleanrl", "torchrl", "rllib", "tianshou", "skrl", "rsl_rl", "spinningup", "baselines",
         "brax", "purejaxrl", "puffer", "trl", "verl", "openrlhf", "nemo", "sample_factory", "tf_agents")
FEW = Options(examples=0)
MOST_PROBES = 8
"""Of one operation; the whole table takes about a hundred of its thousand cases."""


@cache
def tree(name: str) -> Tree:
    """One tree an operation for the whole file: what the oracle has computed is kept."""
    return Tree(OPERATIONS[name], "float64", mutants.questions(OPERATIONS[name], "float64"))


def code(operation: Operation, formula: Formula, conventions: Mapping[str, str]) -> Callable[..., Any]:
    """A function that computes a formula of the oracle, taking what the table offers by keyword."""

    def function(**given: Any) -> dict[str, Any]:
        made = Question(Case("made", operation.name, "core", "", given), tuple(given), given)
        with np.errstate(all="ignore"):
            got = mutants.answer(Bench(operation, "float64"), formula, made, Choices(conventions))
        lists = {name: [got.outputs[f"{name}[{i}]"] for i in range(len(given[name]))]
                 for name in operation.outputs if f"{name}[0]" in got.outputs}
        return lists or {**got.outputs, **got.gradients}

    declared = [inspect.Parameter(p.name, inspect.Parameter.KEYWORD_ONLY,
                                  default=None if p.optional else inspect.Parameter.empty)
                for p in mutants.parameters(operation)]
    function.__signature__ = inspect.Signature(declared)  # type: ignore[attr-defined]
    return function


def library(preset: Preset) -> dict[str, Any]:
    """An adapter that computes what the preset says, from the definitions."""
    return {name: code(OPERATIONS[name], DEFINITIONS[name], entry.conventions)
            for name, entry in preset.entries.items() if entry.compared}


def agree(one: Preset, other: Preset) -> bool:
    """True if the other computes all that the one does on which libraries differ, in the same way."""
    return all(other.conventions(name) == entry.conventions
               for name, entry in one.entries.items() if entry.compared and len(ways(name)) > 1)


@pytest.fixture
def kept_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identify with the trees of this file where the function declares everything, as those above do."""
    monkeypatch.setattr(identifying, "Tree", lambda operation, dtype, questions: tree(operation.name))


def test_presets_are_there_and_say_where_it_was_read() -> None:
    assert set(NAMES) <= set(presets())
    for preset in presets().values():
        assert preset.read
        assert library(preset)
        for operation, entry in preset.entries.items():
            assert entry.cite, (preset.name, operation)
            assert not entry.mistake or entry.mistake in mistakes.MISTAKES
            assert not entry.mistake or entry.mistake.startswith(f"{operation}/")
            assert entry.note or not entry.aside, (preset.name, operation)


@pytest.mark.parametrize("name", presets())
@pytest.mark.usefixtures("kept_trees")
def test_every_preset_is_recognised(name: str) -> None:
    preset = presets()[name]

    found = identify(library(preset), FEW)

    same = [other.name for other in presets().values() if agree(preset, other)]
    assert list(found.matches) == same
    assert next(likeness.lines(found, 80)) == f"looks like: {', '.join(same)}"
    assert found.exit_status == 0
    declared = parse(found.declaration)
    for leaf in found.leaves:
        own = {c: v for c, v in declared.of(leaf.operation).items() if leaf.operation in CONVENTIONS[c].operations}
        assert own == leaf.conventions == preset.conventions(leaf.operation), leaf.operation
        assert 0 < len(leaf.asked) <= MOST_PROBES
    print(f"{name}: {found.probes} probes for {len(found.leaves)} operations")


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_passes_for_a_preset(name: str) -> None:
    """Each wrong formula: no reading of the definition is left at the leaf, and the mistake stands there."""
    kept, operation, most = tree(name), OPERATIONS[name], 0
    bench = Bench(operation, "float64")
    for mistake in mistakes.of(name):
        for formula in mistake.formulas:
            leaf = Leaf(name)
            with np.errstate(all="ignore"):
                alive = kept.descend(leaf, lambda q, formula=formula: mutants.answer(bench, formula, q))  # type: ignore[misc]
            assert mistake.slug in {hypothesis.slug for hypothesis in alive}
            assert [hypothesis.choices for hypothesis in alive if not hypothesis.slug] == [], mistake.slug
            most = max(most, len(leaf.asked))
    assert most <= MOST_PROBES


@pytest.mark.usefixtures("kept_trees")
@pytest.mark.parametrize("slug", ["gae/decay-squared", "clip_loss/max-of-branches", "value_loss/huber-error"])
def test_known_mistake_is_named_in_the_first_line(slug: str) -> None:
    operation = OPERATIONS[slug.split("/")[0]]
    formula = mistakes.find(slug).formulas[0]
    adapter = library(presets()["verl"]) | {operation.name: code(operation, formula, {})}

    found = identify(adapter, FEW)

    lines = list(likeness.lines(found, 80))
    assert lines[0] == f"differs: known mistake {slug}; the rest looks like: verl"
    assert lines[-1].startswith("what is wrong: ppocore check ")
    assert lines[-1].endswith(f"--only {operation.name}")
    assert found.exit_status == 1


SIX = {
    "bootstrap": ("paper", "sb3", "sb3_contrib", "torchrl", "rllib", "tianshou", "spinningup"),
    "terminal": ("cleanrl", "baselines", "purejaxrl", "rejax", "sample_factory", "tf_agents"),
    "current value": ("rsl_rl",), "leak": ("skrl",), "leak and bootstrap": (), "brax": ("brax",),
}


@pytest.mark.usefixtures("kept_trees")
@pytest.mark.parametrize("name", DIALECTS)
def test_six_answers_to_one_truncation(name: str) -> None:
    function, _, conventions = DIALECTS[name]

    found = identify({"gae": function}, FEW)

    assert found.matches == SIX[name]
    assert found.leaves[0].conventions == conventions
    assert found.declaration == conventions
    assert found.exit_status == (0 if SIX[name] else 1)
    assert found.probes <= 4


@pytest.mark.usefixtures("kept_trees")
def test_an_implementation_outside_of_all_presets_is_told_where_it_differs() -> None:
    adapter = library(presets()["brax"]) | {"gae": DIALECTS["leak and bootstrap"][0]}

    found = identify(adapter, FEW)

    lines = list(likeness.lines(found, 80))
    assert lines[0] == "no preset does all of this; nearest: brax"
    assert lines[1] == ("  gae: truncation=leak_bootstrap, timeout_value=current_observation;"
                        " gae_recursion=brax, truncation=mask in brax")
    assert found.exit_status == 1


def hidden_numbers() -> dict[str, Any]:
    def normalize_advantages(advantages: Any) -> Any:
        return (advantages - advantages.mean()) / (advantages.std() + 3e-6)

    def kl_k1(log_prob: Any, old_log_prob: Any) -> Any:
        return np.mean(np.clip(old_log_prob - log_prob, -7.5, 7.5))

    return {"normalize_advantages": normalize_advantages, "kl_k1": kl_k1}


def test_numbers_that_no_library_uses_are_read_off_the_answers() -> None:
    found = identify(hidden_numbers(), FEW)

    assert found.declaration == {"std_eps": "outside:3e-6", "log_ratio_clamp": "7.5"}
    assert found.matches == ()
    assert next(likeness.lines(found, 80)).startswith("no preset does all of this; nearest: ")


def test_an_unnamed_difference_is_no_preset() -> None:
    def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
        return 1.0625 * DIALECTS["bootstrap"][0](
            rewards, values, next_values, terminated, truncated, gamma, gae_lambda)

    found = identify({"gae": gae}, FEW)

    assert next(likeness.lines(found, 80)) == "differs: gae: unknown difference"
    assert found.exit_status == 1


def test_what_to_declare_is_printed_only_where_there_is_something() -> None:
    def shown(scale: float) -> list[str]:
        found = identify({"value_loss": lambda values, returns: scale * np.mean((values - returns) ** 2)}, FEW)
        return [line for line in likeness.lines(found, 80) if "CONVENTIONS" in line]

    assert shown(1.0) == []
    assert shown(0.5) == ['to declare it: CONVENTIONS = {"value_loss_scale": "half"}']


@pytest.mark.usefixtures("kept_trees")
def test_what_is_no_matter_of_conventions_is_said_beside_them() -> None:
    def value_loss(values, returns, mask=None):  # type: ignore[no-untyped-def]
        m = np.ones_like(values) if mask is None else mask
        loss = np.sum(m * (values - returns) ** 2) / np.sum(m)
        values += 1.0
        return loss

    found = identify({"value_loss": value_loss}, FEW)

    assert found.leaves[0].remarks == ["value_loss/nan-leak", "value_loss/mutates-input"]
    assert any("value_loss/nan-leak, value_loss/mutates-input" in line for line in likeness.lines(found, 80))


def test_what_cannot_be_told_is_said() -> None:
    def value_loss(values, returns):  # type: ignore[no-untyped-def]
        return np.mean((values - returns) ** 2)

    found = identify({"value_loss": value_loss}, FEW)

    # Without a mask, nobody can see that TF-Agents counts the masked slots.
    assert found.matches == ("paper", "sb3", "sb3_contrib", "tianshou", "skrl", "rsl_rl", "spinningup", "tf_agents")
    assert "not told, for want of an input that shows it: reduction (value_loss)" in likeness.lines(found, 80)


def test_the_tree_is_the_same_every_time() -> None:
    operation = OPERATIONS["gae"]
    asked = []
    for _ in range(2):
        fresh = Tree(operation, "float64", mutants.questions(operation, "float64"))
        asked.append([q.case.id for q, _ in fresh.walk(lambda q: answer_of(operation, q)).asked])

    assert asked[0] == asked[1]


def answer_of(operation: Operation, question: Question) -> Answer:
    return mutants.answer(Bench(operation, "float64"), DEFINITIONS[operation.name], question)


def test_a_question_is_asked_only_where_the_answers_differ() -> None:
    """At every inner node the case splits what is alive; at the leaf no case does."""
    kept, operation = tree("gae"), OPERATIONS["gae"]
    leaf = Leaf("gae")
    alive = kept.descend(leaf, lambda q: answer_of(operation, q))

    for number in range(1, len(leaf.asked)):
        before, question = leaf.asked[:number], leaf.asked[number][0]
        assert len(kept.classes(kept.alive(before), question, None)) > 1
    assert all(len(kept.classes(alive, question, None)) == 1 for question in kept.questions)


def test_command_on_a_file(tmp_path: Path) -> None:
    adapter = tmp_path / "mine.py"
    adapter.write_text("import os\nimport numpy as np\n\n\ndef value_loss(values, returns):\n"
                       "    return 0.5 * np.mean((values - returns) ** 2)\n\n\n"
                       "def ratio(log_prob, old_log_prob):\n    os._exit(3)\n")

    one = process("identify", adapter, "--only", "value_loss")
    both = process("identify", adapter)
    none = process("identify", tmp_path / "missing.py")

    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith("looks like: cleanrl, brax, openrlhf\n")
    assert 'CONVENTIONS = {"value_loss_scale": "half"}' in one.stdout
    assert both.returncode == 1
    assert both.stdout.startswith("differs: ratio: no answer (")
    assert (none.returncode, none.stdout) == (2, "")
    assert "no such file" in none.stderr


def test_bad_requests_are_refused() -> None:
    with pytest.raises(BadAdapter, match="--only nothing"):
        identify({"gae": DIALECTS["leak"][0]}, Options(only="nothing", examples=0))
    with pytest.raises(BadAdapter, match="CONVENTIONS"):
        identify({"gae": DIALECTS["leak"][0], "CONVENTIONS": {"truncation": "maybe"}}, FEW)


def test_page_of_dialects_is_up_to_date() -> None:
    assert (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8") == likeness.page(), (
        "write it anew: python -m ppocore.conformance.likeness > docs/dialects.md")


# Adapters of tests/peers, the package each needs, and the preset it must be.  Where expectations.py knows a mistake of
# the package, the first line names it, and the rest must look like the package.
PEERS = {
    "stable_baselines3_float64": ("stable_baselines3", "sb3", "squashed_gaussian_log_prob/epsilon-in-jacobian"),
    "rsl_rl_float32": ("rsl_rl", "rsl_rl", ""),
    "torchrl_clean": ("torchrl", "torchrl", ""),
    "skrl_float32": ("skrl", "skrl", "running_moments: unknown difference"),
    "tianshou_float32": ("tianshou", "tianshou", ""),
    "rejax_float32": ("rejax", "rejax", ""),
    "brax_float64": ("brax", "brax", ""),
    "trl_float64": ("trl", "trl", ""),
    "verl_float64": ("verl", "verl", "kl_k3/clamped"),
    "openrlhf_clean": ("openrlhf", "openrlhf", ""),
    "openrlhf_sequences": ("openrlhf", "openrlhf", ""),
    "verl_groups": ("verl", "verl", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("adapter", PEERS)
def test_real_packages_look_like_themselves(adapter: str) -> None:
    package, preset, mistake = PEERS[adapter]
    require(package)

    done = process("identify", ROOT / "tests" / "peers" / f"{adapter}.py")

    first = done.stdout.split("\n")[0]
    assert preset in first.partition("looks like: ")[2].split(", "), done.stdout + done.stderr
    assert (first.startswith("differs: "), done.returncode) == ((True, 1) if mistake else (False, 0))
    assert mistake in first
