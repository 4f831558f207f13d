"""From a design to its frozen vector: the definition's answers, digit by digit.

Every other route to the same formula that `proofs.definitions` has must give the same forty digits.
"""

from __future__ import annotations

from typing import Any

from flint import ctx

from proofs.definitions import ALTERNATIVES, DEFINITIONS, Definition
from proofs.definitions.numbers import Undecided
from proofs.freeze import (
    bernoulli,
    beta,
    groups,
    losses,
    multidiscrete,
    off_policy,
    plain_losses,
    probability,
    rollouts,
    sequence_losses,
    statistics,
)
from proofs.freeze.contract import OPERATIONS
from proofs.freeze.design import Design, exactly
from proofs.freeze.digits import Uncertain, exact, rounded
from proofs.freeze.kills import KILLS

DESIGNS: dict[str, tuple[Design, ...]] = {
    **rollouts.DESIGNS, **probability.DESIGNS, **losses.DESIGNS, **statistics.DESIGNS,
    **off_policy.DESIGNS, **plain_losses.DESIGNS, **groups.DESIGNS, **sequence_losses.DESIGNS,
    **bernoulli.DESIGNS, **multidiscrete.DESIGNS, **beta.DESIGNS}

PRECISIONS = (256, 1024, 4096)
"""Working bits to try.  256 are enough but where e^1000 meets a difference of logs."""


def vectors(operation: str) -> list[dict[str, Any]]:
    """The frozen vectors of an operation, ready for JSON."""
    return [_vector(operation, design) for design in DESIGNS[operation]]


def _vector(operation: str, design: Design) -> dict[str, Any]:
    inputs = {name: exactly(value) for name, value in design.inputs.items()}
    return {
        "id": f"{operation}/vector/{design.name}",
        "level": OPERATIONS[operation].level,
        "says": design.says,
        "exact": design.exact,
        "kills": [f"{operation}/{name}" for name in KILLS[operation][design.name].split()],
        "inputs": {name: _spelled(value) for name, value in inputs.items()},
        "outputs": _agreed(operation, design.name, inputs),
    }


def _agreed(operation: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs by the definition, if no other route gives others; ArithmeticError if one does."""
    wanted = _outputs(DEFINITIONS[operation], operation, inputs)
    for route in ALTERNATIVES[operation]:
        for output, value in _outputs(route, operation, inputs).items():
            if value != wanted[output]:
                raise ArithmeticError(f"{operation}/vector/{name}: {output} is not the same by {route.__name__}")
    return {output: _judged(output, wanted[output], inputs.get("mask")) for output in OPERATIONS[operation].outputs}


def _outputs(route: Definition, operation: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What a route returns of the contract, at the first precision that settles every digit."""
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            try:
                answers = route(**inputs)
                return {name: _rounded(answers[name]) for name in OPERATIONS[operation].outputs if name in answers}
            except (Uncertain, Undecided) as reason:
                doubt = reason
    raise ArithmeticError(f"{operation}: {doubt} (at {PRECISIONS[-1]} bits)")


def _rounded(nested: Any) -> Any:
    return [_rounded(item) for item in nested] if isinstance(nested, list) else rounded(nested)


def _spelled(value: Any) -> Any:
    """Real numbers as strings; flags, counts and indices as they are."""
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value if isinstance(value, int) else exact(value)


def _judged(output: str, nested: Any, mask: Any) -> Any:
    """None at masked slots, where any answer will do; a gradient there must be 0."""
    if mask is None or not isinstance(nested, list) or output.startswith("grad_"):
        return nested
    return [_judged(output, *pair) if isinstance(pair[0], list) else pair[0] if pair[1] else None
            for pair in zip(nested, mask, strict=True)]
