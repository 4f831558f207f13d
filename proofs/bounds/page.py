"""Writes `docs/accuracy.md`: what is claimed, the worst that was found, and what frameworks do on the same inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from proofs.bounds.book import BOUNDS
from proofs.bounds.exhaustive import Sweep
from proofs.bounds.search import PEER_DRAWS, Found, counts

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
EXACT = ("exact_expectation", "exact_importance_expectation", "exact_importance_variance", "exact_truncation_bias",
         "exact_variance")

OPENING = """\
# Accuracy

Written by `python -m proofs.bounds`; do not edit.

For every public function: how far a result may be from the real number that the same inputs define, the worst that a
search found, and the worst of the usual expression in PyTorch and JAX **on the same inputs**.

**The bound.** $u = 2^{-53} \\approx 1.1 \\cdot 10^{-16}$ is the largest relative error of one float64 operation.
A bound reads

    |computed - exact| <= u * scale * (1 + 2^-20)

and *exact* is the value at the very floats that were passed, nothing else. The scale, a formula of the inputs, is in
the first table; constants belong to it. It counts every rounding as if all of them pushed the same way. The
derivations are machine-checked theorems, [ACC-01 to ACC-15](theorems.md#acc-01).

**float32.** Arrays of float32 are computed in float64 and rounded once: the bound is the same plus $2^{-24}$ times
|exact|. That is why ppocore uses nearly all of it, and never more.

**Assumptions.** Nothing overflows or falls below the normal range. exp, log, expm1, log1p and pow are within one ulp
and tanh within two (a test samples this). Log-probabilities, spreads of logits, log-stds and sizes are at most
$2^{24}$. Where a derivative or a count jumps, nothing is claimed within $2^{-30}$ of the jump.

**The columns.** *used* is the largest error found as a part of the bound: 1 would be all of it, more a violation. In
float64 the error is *used* times u times the scale. *where* is the input that attains it
(`proofs.bounds.inputs.made(function, draw)`, then hill climbing up to that step), the entry and its exact value.
*torch* and *JAX* are in the same unit: 40 is an error of 40 times the bound of ppocore, ∞ an infinite or undefined
result. A large number means that the usual expression loses digits on hard inputs (near equal policies, an action that
is nearly sure, a large offset, all arithmetic in float32), not that it is wrong on easy ones. The second digit of a
measured number may differ between machines.

$h(n)$ is the height of NumPy's tree of additions: $n - 1$ for $n < 8$, at most 24 up to 128 numbers, and one more with
every doubling. $h$ without an argument is that of all slots of the batch.
"""


def page(rows: Iterable[Found], sweeps: Iterable[Sweep]) -> str:
    """The whole page."""
    rows = list(rows)
    return "\n".join([claimed(), "## What was found\n", _summary(rows), _found(rows), _swept(sweeps)])


def claimed() -> str:
    """The part that does not depend on the machine: what ``--check`` compares."""
    return "\n".join([OPENING, "## What is claimed\n", _claims()])


def is_current(text: str) -> bool:
    """Whether a page makes the claims of the code."""
    return text.startswith(claimed())


def _summary(rows: list[Found]) -> str:
    worst = max(row.use.fraction for row in rows if row.dtype == "float64")
    lost = {row.function for row in rows if any(value > 1000 for value in row.peers.values())}
    functions = {row.function for row in rows}
    return (
        f"{len(rows)} rows, no violation; in float64 the most that is used is {_number(worst)} of a bound."
        f" For {len(lost)} of {len(functions)} functions a peer is somewhere more than 1000 times the bound away.\n"
    )


def _claims() -> str:
    lines = ["| function | output | scale | theorem |", "|---|---|---|---|"]
    for bound in (BOUNDS[name] for name in sorted(BOUNDS)):
        for output, says in bound.says.items():
            link = f"[{bound.theorem}](theorems.md#{bound.theorem.lower()})"
            lines.append(f"| `{bound.function}` | {output} | {_cell(says)} | {link} |")
    lines += [f"| `{name}` | value | 0: exact fractions | |" for name in EXACT]
    lines.append("\n`pareto_k_hat` and `batch_health` are statistical: their docstrings state the spread.\n")
    return "\n".join(lines)


def _found(rows: list[Found]) -> str:
    lines = ["| function | output | dtype | used | how | where | torch | JAX |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        draws, steps = counts(row.function)
        place = f"{row.where}, entry {row.use.entry}, {row.use.true:.2g}" if row.use.fraction else "exact everywhere"
        how = f"searched {draws} + {steps}"
        ours = [f"`{row.function}`", row.output, row.dtype, _number(row.use.fraction), how, place]
        theirs = [_number(row.peers.get(name)) for name in ("torch", "JAX")]
        lines.append("| " + " | ".join(ours + theirs) + " |")
    lines.append(f"\nThe peers run on the first {PEER_DRAWS} draws.\n")
    return "\n".join(lines)


def _swept(sweeps: Iterable[Sweep]) -> str:
    lines = ["## Exhaustive\n", "Kernels of one number, at every float16 of a range, against balls.\n",
             "| kernel | range | numbers | used | at |", "|---|---|---|---|---|"]
    lines += [
        f"| `{s.kernel}` | {_cell(s.grid)} | {s.count:,} | {_number(s.fraction)} | {s.worst:.4g} |" for s in sweeps
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _number(x: float | None) -> str:
    if x is None:
        return ""
    return "∞" if math.isinf(x) else f"{x:.2g}"
