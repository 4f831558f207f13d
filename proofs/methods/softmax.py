"""The shipped loops of `ppocore.softmax_rows` on one row of numbers of any kind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ppocore import softmax_rows
from ppocore._kernels import plain

ANY_NUMBER = SimpleNamespace(inf=np.inf, float64=lambda x: x)
"""NumPy for loops over numbers that are no floats: float64(x) is there to widen float32."""


def body(kernel: Any) -> Any:
    """The plain body of a loop, over numbers of any kind."""
    function: Any = plain(kernel)
    function.__globals__["np"] = ANY_NUMBER
    return function


def table(*row: Any) -> Any:
    """One row, two-dimensional."""
    out = np.empty((1, len(row)), dtype=object)
    out[0] = row
    return out


class Softmax:
    """Gaps, weights, the total without one of the largest, and its log: what both functions begin with."""

    def __init__(self, logits: list[Any], legal: tuple[bool, ...]) -> None:
        self.gaps = table(*logits)
        if all(legal):
            self.right = body(softmax_rows._open_gaps)(table(*logits), self.gaps)
        else:
            self.right = body(softmax_rows._legal_gaps)(table(*logits), table(*legal), self.gaps)
        zero = logits[0] * 0
        self.weights = table(*(gap.exp() if ok else zero for gap, ok in zip(self.gaps[0], legal, strict=True)))
        self.totals = table(zero)[0]
        body(softmax_rows._totals)(self.gaps, self.weights, self.totals)
        self.totals = self.totals + zero
        self.log_totals = np.log1p(self.totals)

    def chosen(self, action: int) -> tuple[bool, Any, list[Any]]:
        """Whether all is finite, log pi of the action, its derivatives."""
        taken, log_prob, slopes = self.log_totals.copy(), self.log_totals.copy(), self.gaps.copy()
        body(softmax_rows._take)(self.gaps, self.log_totals, [action], taken, log_prob)
        body(softmax_rows._chosen_slopes)(self.weights, self.totals, [action], np.expm1(taken), slopes)
        return self.right, log_prob[0], list(slopes[0])

    def entropy(self) -> tuple[bool, Any, list[Any], list[Any], list[Any]]:
        """Whether all is finite, the entropy, its derivatives, all pi and all -log pi."""
        terms, entropy, slopes = self.gaps[0].copy(), self.log_totals.copy(), self.gaps.copy()
        body(softmax_rows._entropies)(self.gaps, self.weights, self.totals, self.log_totals, terms, entropy, slopes)
        return self.right, entropy[0], list(slopes[0]), list(self.weights[0]), list(self.gaps[0])
