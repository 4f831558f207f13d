"""Right code on random cases of many seeds, in one process: `python -m tests.soak --seeds 2000` has to find nothing.

The reference and the textbook forms answer the random cases of every operation, in both dtypes.  JAX compiles anew for
every shape it meets, so its form answers those of every 100th seed.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np

from ppocore.conformance import forms, frameworks, signatures
from ppocore.conformance.calls import answer
from ppocore.conformance.case import GATING, UNIT, Answer, Case, Question
from ppocore.conformance.cases import cases
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices

RIGHT = {
    "ppocore.conformance.reference": "numpy", "tests.forms.textbook_numpy": "numpy",
    "tests.forms.textbook_torch": "torch", "tests.forms.textbook_jax": "jax",
}
"""Modules of right code, and their framework."""
JAX_EVERY = 100


@cache
def _fixed(operation: str) -> frozenset[str]:
    return frozenset(case.id for case in cases(operation, "float64", 0, 0))


def random_cases(operation: str, dtype: str, seed: int, examples: int) -> list[Case]:
    """The cases that `--seed` moves."""
    found = cases(operation, dtype, seed, examples)
    return [case for case in found if case.id not in _fixed(operation) and case.level in GATING]


def alarms(seeds: Iterable[int], modules: Iterable[str], examples: int = 1) -> Iterator[str | None]:
    """For every answer, None if it is right, and what the gate says of it if not."""
    loaded = {name: importlib.import_module(name) for name in modules}
    for seed, dtype in itertools.product(seeds, UNIT):
        asked = {name: module for name, module in loaded.items() if RIGHT[name] != "jax" or seed % JAX_EVERY == 0}
        for name in asked:
            frameworks.find(RIGHT[name]).prepare(dtype)
        for operation in OPERATIONS.values():
            bench = Bench(operation, dtype)
            chosen = random_cases(operation.name, dtype, seed, examples)
            put: dict[tuple[int, tuple[str, ...]], Question] = {}
            for name, module in asked.items():
                for said in _judged(bench, getattr(module, operation.name), RIGHT[name], chosen, put):
                    yield said and f"seed {seed} {dtype} {name} {said}"


def _judged(
    bench: Bench, function: Callable[..., Any], framework: str, chosen: list[Case],
    put: dict[tuple[int, tuple[str, ...]], Question],
) -> Iterator[str | None]:
    declared = signatures.parameters(bench.operation, function)
    for turn, case in enumerate(chosen):
        question = forms.question(bench.operation, declared, case, turn)
        if question is not None:
            # Whoever is asked the same is judged by the same targets.
            question = put.setdefault((turn, tuple(sorted(question.passed))), question)
            given = {name: question.inputs[name] for name in question.passed}
            got = answer(function, bench.operation, frameworks.find(framework), bench.dtype, given)
            yield _said(bench, question, got)


def _said(bench: Bench, question: Question, got: Answer) -> str | None:
    if got.outcome != "ok" or got.mutated:
        return f"{question.case.id}: {got.outcome} {got.message} {got.mutated}"
    with np.errstate(all="ignore"):
        found = bench.mismatch(DEFINITIONS[bench.operation.name], question, got, Choices())
    return f"{question.case.id}: {found.message}" if found else None


def main() -> int:
    """Soak, say how it went, and how long it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--examples", type=int, default=1, help="random cases per operation and seed")
    options = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = "cpu"
    start, answers, wrong = time.monotonic(), 0, 0
    for said in alarms(range(options.first, options.first + options.seeds), RIGHT, options.examples):
        answers += 1
        if said is not None:
            wrong += 1
            print(said, flush=True)
    print(f"{options.seeds} seeds, {answers} answers of right code, {wrong} false alarms,"
          f" {time.monotonic() - start:.0f} s")
    return int(wrong > 0 or answers == 0)


if __name__ == "__main__":
    sys.exit(main())
