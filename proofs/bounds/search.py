"""Searches for the inputs that use most of a bound: fixed draws, then hill climbing from the worst of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from proofs.bounds import inputs as hard
from proofs.bounds import peers
from proofs.bounds.book import BOUNDS
from proofs.bounds.measure import Inputs, Target, Use, call, in_dtype

DTYPES = (np.float64, np.float32)
DRAWS, STEPS = 40, 40
SLOW = {"squashed_gaussian_entropy": (4, 0)}
"""Functions whose exact value takes a tenth of a second: fewer draws and steps."""
PEER_DRAWS = 12


@dataclass
class Found:
    """The worst of one output in one dtype."""

    function: str
    output: str
    dtype: str
    use: Use
    where: str
    peers: dict[str, float] = field(default_factory=dict)
    """By framework, the worst on the same inputs in the same units; missing if it has no such output."""


def search(function: str, modules: dict[str, ModuleType]) -> list[Found]:
    """The worst use of every bound of a function, and what the peers make of the same inputs."""
    return [row for dtype in DTYPES for row in _in_dtype(function, dtype, modules)]


def counts(function: str) -> tuple[int, int]:
    """Draws, and steps of climbing for each output."""
    return SLOW.get(function, (DRAWS, STEPS))


def _in_dtype(function: str, dtype: Any, modules: dict[str, ModuleType]) -> list[Found]:
    draws, steps = counts(function)
    rows: dict[str, Found] = {}
    best: dict[str, Inputs] = {}
    theirs: dict[tuple[str, str], float] = {}
    for kind in range(draws):
        inputs = in_dtype(hard.made(function, kind), dtype)
        target = Target(function, inputs)
        for output, use in target.uses(call(function, inputs)).items():
            if output not in rows or use.fraction > rows[output].use.fraction:
                rows[output] = Found(function, output, np.dtype(dtype).name, use, f"draw {kind}")
                best[output] = inputs
        if kind < PEER_DRAWS:
            _compare(target, modules, theirs)
    for output, row in rows.items():
        _climb(row, best[output], steps)
        row.peers = {name: worst for (name, o), worst in theirs.items() if o == output}
    return list(rows.values())


def _compare(target: Target, modules: dict[str, ModuleType], worst: dict[tuple[str, str], float]) -> None:
    for name, module in modules.items():
        for output, use in target.uses(peers.outputs(module, target.function, dict(target.inputs))).items():
            worst[name, output] = max(worst.get((name, output), 0.0), use.fraction)


def _climb(row: Found, inputs: Inputs, steps: int) -> None:
    """Change one number at a time, keep what makes it worse."""
    draw = np.random.default_rng([*row.function.encode(), *row.output.encode()])
    for step in range(steps):
        moved = _moved(inputs, draw)
        try:
            use = Target(row.function, moved).uses(call(row.function, moved))[row.output]
        except ValueError:
            continue
        if row.use.fraction < use.fraction:
            inputs, row.use = moved, use
            row.where = f"{row.where.split(',')[0]}, step {step + 1}"


def _moved(inputs: Inputs, draw: np.random.Generator) -> dict[str, Any]:
    names = [name for name, x in inputs.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    if not names:
        return dict(inputs)
    name = names[draw.integers(len(names))]
    changed = inputs[name].copy()
    place = draw.integers(changed.size)
    changed.reshape(-1)[place] *= 1 + draw.choice((-1, 1)) * 2.0 ** -draw.integers(2, 52)
    return {**inputs, name: changed}


def searched(modules: dict[str, ModuleType], progress: Callable[[str], None]) -> list[Found]:
    """Every function in turn."""
    rows = []
    for function in sorted(BOUNDS):
        progress(function)
        rows += search(function, modules)
    return rows
