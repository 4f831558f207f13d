"""Numbers hidden in code are read off its answers, to the digits that the code has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ppocore

SCALES: dict[str, Callable[[Any, float], Any]] = {
    "floor": lambda x, eps: np.maximum(x.std(), eps),
    "inside": lambda x, eps: np.sqrt(x.var() + eps),
    "outside": lambda x, eps: x.std() + eps,
}
DENOMINATORS: dict[str, Callable[[Any, float], Any]] = {
    "var+": lambda r, eps: np.var(r) + eps,
    "floor:": lambda r, eps: np.maximum(np.var(r), eps),
}
NUMBERS = {"3e-7": 3e-7, "5e-6": 5e-6, "1e-5": 1e-5, "2.5e-4": 2.5e-4, "1e-3": 1e-3}
both_dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def conventions(functions: dict[str, Any], dtype: str) -> dict[str, str]:
    report = ppocore.check(functions | {"DTYPE": dtype})
    assert report.green
    return dict(next(v for v in report.verdicts if v.operation in functions).conventions)


@both_dtypes
@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("kind", SCALES)
def test_std_eps_is_found(kind: str, text: str, dtype: str) -> None:
    def normalize_advantages(advantages: Any, mask: Any = None) -> Any:
        x = advantages if mask is None else advantages[mask]
        return (advantages - x.mean()) / SCALES[kind](x, NUMBERS[text])

    found = conventions({"normalize_advantages": normalize_advantages}, dtype)

    assert found == {"std_eps": f"{kind}:{text}"}


@both_dtypes
@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("kind", DENOMINATORS)
def test_explained_variance_floor_is_found(kind: str, text: str, dtype: str) -> None:
    def explained_variance(values: Any, returns: Any) -> Any:
        return 1 - np.var(returns - values) / DENOMINATORS[kind](returns, NUMBERS[text])

    found = conventions({"explained_variance": explained_variance}, dtype)

    assert found == {"explained_variance": f"{kind}{text}"}


@both_dtypes
@pytest.mark.parametrize("clamp", [5, 10, 20, 40])
def test_log_ratio_clamp_is_found(clamp: int, dtype: str) -> None:
    report = ppocore.check({"ratio": lambda log_prob, old_log_prob: np.exp(
        np.clip(log_prob - old_log_prob, -clamp, clamp)), "DTYPE": dtype})

    verdict = next(v for v in report.verdicts if v.operation == "ratio")
    assert (dict(verdict.conventions), verdict.green) == ({"log_ratio_clamp": str(clamp)}, False)


@both_dtypes
@pytest.mark.parametrize("bound", [1.5, 2, 3, 4])
def test_hidden_dual_clip_is_found(bound: float, dtype: str) -> None:
    def clip_loss(log_prob: Any, old_log_prob: Any, advantages: Any, clip_eps: float) -> Any:
        r = np.exp(log_prob - old_log_prob)
        least = np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages)
        return -np.where(advantages < 0, np.maximum(least, bound * advantages), least).mean()

    report = ppocore.check({"clip_loss": clip_loss, "DTYPE": dtype})

    verdict = next(v for v in report.verdicts if v.operation == "clip_loss")
    assert (dict(verdict.conventions), verdict.green) == ({"dual_clip": f"{bound:g}"}, False)
