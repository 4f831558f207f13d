"""Policies of several choices: a categorical on each slice of the logits, added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import categorical_entropy, categorical_kl, categorical_log_prob, rowwise
from ppocore.conformance.oracle.reals import Array

Formula = Callable[[Inputs, Choices], Outputs]


def heads(x: Inputs) -> Iterator[Inputs]:
    """The inputs of each choice, as a categorical takes them."""
    start = 0
    for k, size in enumerate(x.nvec):
        part = slice(start, start + size)
        wide = {name: x.get(name) for name in ("logits", "other_logits", "action_mask")}
        changes = {name: value[:, part] for name, value in wide.items() if value is not None}
        actions = x.get("actions")
        yield x.but(**changes, **({} if actions is None else {"actions": actions[:, k]}))
        start += size


def terms(formula: Formula, x: Inputs, c: Choices) -> Array:
    """The first output of a categorical operation for each choice, (B, K)."""
    return np.stack([next(iter(formula(head, c).values())) for head in heads(x)], axis=1)


def multidiscrete_log_prob(x: Inputs, c: Choices) -> Outputs:
    return {"log_prob": rowwise(terms(categorical_log_prob, x, c))}


def multidiscrete_entropy(x: Inputs, c: Choices) -> Outputs:
    return {"entropy": rowwise(terms(categorical_entropy, x, c))}


def multidiscrete_kl(x: Inputs, c: Choices) -> Outputs:
    return {"kl": rowwise(terms(categorical_kl, x, c))}
