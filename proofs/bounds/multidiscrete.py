"""Bounds of `ppocore.multidiscrete`: those of the categoricals, and K - 1 additions (ACC-32)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from proofs.bounds import divergences, policies
from proofs.bounds.book import Balls, bound
from proofs.bounds.divergences import k3, kl_rows


def _parts(nvec: list[int]) -> Iterator[tuple[int, slice]]:
    """Every choice: its number and its columns."""
    ends = np.cumsum(nvec)
    return ((k, slice(end - size, end)) for k, (size, end) in enumerate(zip(nvec, ends, strict=True)))


def _legal(action_mask: Any, part: slice) -> Any:
    return None if action_mask is None else action_mask[:, part]


def _joined(found: list[dict[str, Balls]], name: str, whole: Balls) -> dict[str, Balls]:
    """Errors of the choices added up, the additions themselves, and the derivatives side by side."""
    slopes = {key: np.concatenate([one[key] for one in found], axis=1) for key in found[0] if key != name}
    return {name: sum(one[name] for one in found) + (len(found) - 1) * abs(whole), **slopes}


@bound("multidiscrete_log_prob", "ACC-32", log_prob="Σ_k of categorical_log_prob + (K - 1)|exact|",
       grad_logits="as categorical_log_prob")
def multidiscrete_log_prob(
    true: Any, logits: Balls, actions: Any, nvec: list[int], action_mask: Any = None
) -> dict[str, Balls]:
    found = [policies.categorical_log_prob(None, logits[:, part], actions[:, k], _legal(action_mask, part))
             for k, part in _parts(nvec)]
    return _joined(found, "log_prob", true["log_prob"])


@bound("multidiscrete_entropy", "ACC-32", entropy="Σ_k of categorical_entropy + (K - 1) exact",
       grad_logits="as categorical_entropy")
def multidiscrete_entropy(true: Any, logits: Balls, nvec: list[int], action_mask: Any = None) -> dict[str, Balls]:
    found = [policies.categorical_entropy(None, logits[:, part], _legal(action_mask, part))
             for _, part in _parts(nvec)]
    return _joined(found, "entropy", true["entropy"])


@bound("multidiscrete_kl", "ACC-32", kl="Σ_k of categorical_kl + (K - 1) exact", grad_logits="as categorical_kl",
       grad_other_logits="as categorical_kl")
def multidiscrete_kl(true: Any, logits: Balls, other_logits: Balls, nvec: list[int]) -> dict[str, Balls]:
    found = []
    for _, part in _parts(nvec):
        pair = logits[:, part], other_logits[:, part]
        rows = kl_rows(*pair)
        own = (rows.p.probs * k3(rows.difference)).sum(axis=1)
        found.append(divergences.categorical_kl({"kl": own}, *pair))
    return _joined(found, "kl", true["kl"])
