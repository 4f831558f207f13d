"""The definitions: several routes to each agree, and they are what the gate's oracle computes."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore.conformance.case import GATING, UNIT, Case
from ppocore.conformance.cases import cases
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS as ORACLE
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import arithmetic, gradient
from tests.optional import require

flint = require("flint")

from proofs import definitions  # noqa: E402
from proofs.definitions import ALTERNATIVES, DEFINITIONS, losses  # noqa: E402
from proofs.definitions.duals import Dual  # noqa: E402
from proofs.definitions.numbers import Undecided, ball, clip, each, flat, less, minimum  # noqa: E402

PRECISION = 300
"""Bits: half as many again as the oracle's 60 decimal digits."""
ORACLE_ROUNDING = Decimal("1e-59")
"""Twice what one operation of the oracle rounds; its slack counts how much of that an output can collect."""
AGREEMENT = flint.arb(2) ** -200
"""How narrow, in units of 1 + |value|, a ball must be for an overlap to count as agreement."""
ROUTES_LIMIT = 150
"""Elimination and pairs cost the cube and the square of the size: larger cases go to the first route only."""

P, Q = [Fraction(7, 10), Fraction(3, 10), Fraction(0)], [Fraction(1, 5), Fraction(3, 5), Fraction(1, 5)]
BEYOND_THE_TABLE: dict[str, dict[str, Any]] = {
    "categorical_log_prob_and_entropy": {
        "logits": [[0.5, -1, 3, None], [0, 0, -40, 2]], "actions": [2, 3],
        "action_mask": [[True, True, True, False], [True, True, True, True]]},
    "gaussian_weight_second_moment": {
        "mean": [[1, 0.5], [0, 0], [0, 0]], "log_std": [[0.125, -1], [0.34375, 0], [0.359375, 0]],
        "other_mean": [[0, 0.25], [0, 0], [0, 0]], "other_log_std": [[0, -0.5], [0, 0], [0, 0]]},
    "sgd_step": {"params": [1, -2.5, 0], "grads": [4, 0.5, -3], "learning_rate": 0.375},
    "squashed_gaussian_entropy": {"mean": [[0.5, -1], [3, 0]], "log_std": [[-5, 2], [0, 1]]},
    "trajectory_mean": {"x": [1, 2, 6, -4, 0.5, 3], "lengths": [2, 1, 3]},
    "update_moments": {"moments": ([2.0, -1.0], [1.0, 0.0], 2), "batch": [[5, 1], [7, 2], [0, -8]]},
    "exact_expectation": {"f": [1, 5, -3], "p": P},
    "exact_variance": {"f": [1, 5, -3], "p": P},
    "exact_importance_expectation": {"f": [1, 5, -3], "p": P, "q": Q},
    "exact_importance_variance": {"f": [1, 5, -3], "p": P, "q": Q},
    "exact_truncation_bias": {"f": [1, 5, -3], "p": P, "q": Q, "max_weight": 2},
}
POISON = 1e300
"""Far beyond the numbers of DESIGN 4.2: what is put where it cannot matter, beside NaN and infinities."""
WITHOUT_DEFINITION = {"batch_health", "pareto_k_hat", "check"}
"""A fitted tail, the verdict that rests on it, and the gate."""


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    with flint.ctx.workprec(PRECISION):
        yield


def plain(value: Any) -> Any:
    """Arrays as lists, poison as None."""
    if isinstance(value, np.ndarray | list):
        return [plain(item) for item in (value.tolist() if isinstance(value, np.ndarray) else value)]
    poisoned = isinstance(value, float) and (not math.isfinite(value) or abs(value) >= POISON)
    return None if poisoned else value


def gating_cases(name: str) -> list[Case]:
    return [case for case in cases(name, "float64", seed=0, examples=4) if case.level in GATING]


def plain_inputs(case: Case) -> dict[str, Any]:
    return {name: plain(value) for name, value in case.inputs.items() if value is not None}


def questions(name: str) -> list[dict[str, Any]]:
    """Inputs of moderate size for a definition."""
    if name in BEYOND_THE_TABLE:
        return [BEYOND_THE_TABLE[name]]
    given = [plain_inputs(case) for case in gating_cases(name)]
    return [inputs for inputs in given if len(list(flat(list(inputs.values())))) <= ROUTES_LIMIT]


def agree(a: Any, b: Any) -> bool:
    """Equal rationals, or narrow balls that overlap."""
    if isinstance(a, Fraction | int) and isinstance(b, Fraction | int):
        return a == b
    a, b = ball(a), ball(b)
    narrow = all(x.rad() <= AGREEMENT * (1 + abs(x)) for x in (a, b))
    return a == b or (narrow and a.overlaps(b))


def disagreements(want: Mapping[str, Any], got: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    found = []
    for name, value in got.items():
        pairs = zip(flat([want[name]]), flat([value]), strict=True)
        found += [(name, a, b) for a, b in pairs if not agree(a, b)]
    return found


def test_every_public_function_has_a_definition_and_a_second_route() -> None:
    public = {name for name in ppocore.__all__ if name[0].islower()} - WITHOUT_DEFINITION

    assert set(DEFINITIONS) == public
    assert set(OPERATIONS) <= set(DEFINITIONS)
    assert all(ALTERNATIVES[name] for name in DEFINITIONS)


def test_definitions_import_nothing_of_what_they_judge() -> None:
    folder = Path(definitions.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            for module in modules:
                own = module.startswith("proofs.definitions")
                top = module.split(".")[0]
                assert own or module == "proofs" or top == "flint" or top in sys.stdlib_module_names, path.name


@pytest.mark.parametrize("name", DEFINITIONS)
def test_other_routes_lead_to_the_same_numbers(name: str) -> None:
    given = questions(name)
    assert given
    for inputs in given:
        want = DEFINITIONS[name](**inputs)
        for route in ALTERNATIVES[name]:
            assert disagreements(want, route(**inputs)) == [], (route, inputs)


def oracle_answer(case: Case, side: int) -> dict[str, list[Any]]:
    """Output name -> flat Reals of the gate's definition, gradients included; near ties break towards `side`."""
    operation = OPERATIONS[case.operation]
    with arithmetic(UNIT["float64"], side):
        inputs = Inputs(case.inputs, frozenset(case.inputs), operation.differentiable)
        outputs = dict(ORACLE[case.operation](inputs, Choices()))
        for name in operation.differentiable:
            outputs[f"grad_{name}"] = gradient(outputs["loss"], getattr(inputs, name))
    return {name: list(np.asarray(value, dtype=object).reshape(-1)) for name, value in outputs.items()}


def same_outputs(outputs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """A definition's outputs by the oracle's names."""
    named = {f"grads[{i}]": grad for i, grad in enumerate(outputs.get("grads", ()))}
    return {name: list(flat([value])) for name, value in {**outputs, **named}.items() if name != "grads"}


def is_near(got: Any, want: Any) -> bool:
    """Whether the ball lies wholly within the rounding errors that the oracle may have collected."""
    room = ORACLE_ROUNDING * Decimal(float(want.slack))
    exact, allowed = (ball(Fraction(x)) for x in (want.value, room))
    return bool(abs(ball(got) - exact).upper() <= allowed * (1 + AGREEMENT))


def misses(case: Case, got: Mapping[str, list[Any]]) -> list[str]:
    """Outputs of a definition that the oracle does not confirm; at a kink either side's derivative is right."""
    sides = [oracle_answer(case, side) for side in ((0, 1, 2) if case.kinks else (0,))]
    found = []
    for name in sides[0]:
        choices = zip(*(side[name] for side in sides), strict=True)
        pairs = zip(got[name], choices, strict=True)
        found += [name for value, wants in pairs if not any(is_near(value, want) for want in wants)]
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_definitions_are_what_the_gate_computes(name: str) -> None:
    for case in gating_cases(name):
        assert misses(case, same_outputs(DEFINITIONS[name](**plain_inputs(case)))) == [], case.id


@pytest.mark.parametrize("name", ["clip_loss", "gae", "kl_k3"])
def test_the_comparison_with_the_gate_sees_the_fiftieth_digit(name: str) -> None:
    case = next(case for case in gating_cases(name) if case.level == "core")
    got = same_outputs(DEFINITIONS[name](**plain_inputs(case)))
    output = next(iter(got))
    got[output] = [ball(x) * (1 + flint.arb(10) ** -50) for x in got[output]]

    assert set(misses(case, got)) == {output}


def test_a_wrong_route_is_noticed() -> None:
    inputs = questions("gaussian_kl")[0]
    want = DEFINITIONS["gaussian_kl"](**inputs)
    swapped = {name: inputs[other] for name, other in zip(inputs, [*inputs][2:] + [*inputs][:2], strict=True)}

    assert disagreements(want, DEFINITIONS["gaussian_kl"](**swapped))


def test_one_clip_eps_means_both_ends() -> None:
    batch = {"log_prob": [0.5, -0.5], "old_log_prob": [0.0, 0.0], "advantages": [1, -2]}
    one = DEFINITIONS["clip_loss"](**batch, clip_eps=0.25)

    assert disagreements(one, DEFINITIONS["clip_loss"](**batch, clip_eps_low=0.25, clip_eps_high=0.25)) == []
    assert disagreements(one, DEFINITIONS["clip_loss"](**batch, clip_eps_low=0.25, clip_eps_high=1.0))


QUARTER = Fraction(1, 4)
CLIP_KINKS: list[tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, Any]]] = [
    # A > 0 at the upper end: r A below, nothing above.
    (losses.clip_loss_slopes, (Fraction(5, 4), 2, QUARTER, QUARTER), (Fraction(5, 2), 0)),
    # A < 0 at the lower end: nothing below, r A above.
    (losses.clip_loss_slopes, (Fraction(3, 4), -2, QUARTER, QUARTER), (0, Fraction(-3, 2))),
    # The other ends are no kinks.
    (losses.clip_loss_slopes, (Fraction(3, 4), 2, QUARTER, QUARTER), (Fraction(3, 2), Fraction(3, 2))),
    (losses.clip_loss_slopes, (Fraction(5, 4), -2, QUARTER, QUARTER), (Fraction(-5, 2), Fraction(-5, 2))),
    # At the dual clip the slope ends.
    (losses.clip_loss_slopes, (3, -2, QUARTER, QUARTER, 3), (-6, 0)),
    # A band of no width: r = 1 is both ends.
    (losses.clip_loss_slopes, (1, 2, 0, 0), (2, 0)),
    # The value at its upper edge with the return beyond it: 2 (V - R) before, the clipped value's 0 after.
    (losses.clipped_value_loss_slopes, (1, 5, 0, 1), (-8, 0)),
    # Beyond the edge, where both errors are equal.
    (losses.clipped_value_loss_slopes, (Fraction(3, 2), Fraction(5, 4), 0, 1), (0, Fraction(1, 2))),
    (losses.clipped_value_loss_slopes, (Fraction(1, 2), 5, 0, 1), (-9, -9)),
]


@pytest.mark.parametrize(("slopes", "point", "want"), CLIP_KINKS)
def test_one_sided_slopes(slopes: Callable[..., Any], point: tuple[Any, ...], want: tuple[Any, Any]) -> None:
    assert slopes(*point) == want


def test_balls_that_overlap_decide_nothing() -> None:
    wide = flint.arb(1, 0.5)

    with pytest.raises(Undecided):
        less(wide, flint.arb(1))
    assert minimum(wide, flint.arb(1)).contains(wide)
    assert clip(flint.arb(3), wide, flint.arb(2)) == 2


def test_masked_entries_are_never_looked_at() -> None:
    assert each(lambda x: 1 / x, [2, 0], mask=[True, False]) == [0.5, None]


def test_derivatives_of_whole_numbers_are_exact() -> None:
    """3 x / (x + 1), 1 / x and x / 3 at x = 2: slopes 1/3, -1/4 and 1/3."""
    x = Dual(2, {0: 1})

    for got, value, slope in ((3 * x / (x + 1), 2, Fraction(1, 3)), (1 / x, Fraction(1, 2), Fraction(-1, 4)),
                              (x / 3, Fraction(2, 3), Fraction(1, 3))):
        assert (got.value, got.partials) == (value, {0: slope})
        assert not any(isinstance(number, float) for number in (got.value, got.partials[0]))
