"""Every public function keeps its error bound, and kernels that lose digits do not."""

from __future__ import annotations

from fractions import Fraction
from types import FunctionType
from typing import Any

import numba
import numpy as np
import pytest

import ppocore
from ppocore import advantages, divergences, squashed
from ppocore._kernels import plain
from tests.optional import require

require("flint")

from flint import arb  # noqa: E402

from proofs.bounds import BOUNDS  # noqa: E402
from proofs.bounds.book import at_precision  # noqa: E402
from proofs.bounds.inputs import made  # noqa: E402
from proofs.bounds.measure import Target, call, held, in_dtype  # noqa: E402
from proofs.bounds.page import EXACT, PAGE, is_current  # noqa: E402
from proofs.bounds.trees import height, numpy_sum  # noqa: E402
from proofs.methods.rounding import Desk, TooCoarse  # noqa: E402

STATISTICAL = {"pareto_k_hat", "batch_health"}
DRAWS = {"squashed_gaussian_entropy": 2}


def _violations(function: str, inputs: dict[str, Any]) -> dict[str, float]:
    uses = Target(function, inputs).uses(call(function, inputs))
    return {name: use.fraction for name, use in uses.items() if not use.fraction <= 1}


def test_every_public_function_has_a_bound_for_every_output() -> None:
    functions = {
        name for room, names in ppocore._ROOMS.items() if room != "conformance" for name in names if name[0].islower()
    }
    assert set(BOUNDS) == functions - set(EXACT) - STATISTICAL
    for name in BOUNDS:
        assert set(BOUNDS[name].says) == set(call(name, made(name, 0))), name


@pytest.mark.theorem(
    "ACC-01", "ACC-02", "ACC-03", "ACC-04", "ACC-05", "ACC-06", "ACC-07", "ACC-08",
    "ACC-09", "ACC-10", "ACC-11", "ACC-12", "ACC-13", "ACC-14", "ACC-15", "ACC-31", "ACC-32", "ACC-33",
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("function", sorted(BOUNDS))
def test_every_output_keeps_its_bound_on_hard_inputs(function: str, dtype: Any) -> None:
    for kind in range(DRAWS.get(function, 9)):
        assert not _violations(function, in_dtype(made(function, kind), dtype)), kind


@pytest.mark.theorem("ACC-01")
def test_long_sums_that_cancel_keep_their_bound() -> None:
    x = np.random.default_rng(1).normal(size=20_000) * 10.0 ** np.arange(20_000) ** 0.1
    x[1::2] = -x[::2] * (1 + 2.0**-40)

    assert held("masked_mean", {"x": x, "mask": np.ones(x.shape, dtype=bool)})
    assert held("trajectory_mean", {"x": x.astype(np.float32), "lengths": np.array([19_999, 1])})


@pytest.mark.theorem("ACC-03")
def test_one_step_and_many_steps_keep_their_bound() -> None:
    draw = np.random.default_rng(2)
    for steps in (1, 80):
        flags = {name: draw.random((steps, 1)) < 0.002 for name in ("terminated", "truncated")}
        arrays = {name: draw.normal(size=(steps, 1)) * 100 for name in ("rewards", "values", "next_values")}
        assert held("gae", {**arrays, **flags, "gamma": 0.999, "gae_lambda": 0.99})


@pytest.mark.theorem("ACC-06", "ACC-08")
def test_equal_and_extreme_policies_keep_their_bound() -> None:
    z = np.array([[700.0, -700.0, 0.1], [1e-9, 0.0, -1e-9], [3e4, 3e4, 3e4 - 0.3]])

    for other in (z, z + 17.3, z * (1 + 2.0**-50)):
        assert held("categorical_kl", {"logits": z, "other_logits": other})
    assert held("categorical_entropy", {"logits": z / 2})


def _rows_of(actions: int) -> Any:
    """Flat and spread rows, ties, one action ahead, gaps of 60 and of 1400, offsets: every legal logit counts."""
    draw = np.random.default_rng(actions)
    rows = draw.normal(size=(10, actions)) * np.array([[1e-9], [1], [8], [30], [300], [1], [1], [1], [0], [1]])
    rows[5] = draw.choice((-30.0, 30.0), actions)
    rows[6] = draw.choice((-700.0, 700.0), actions)
    rows[7] = draw.integers(-1, 2, actions)
    rows[9, 0] += 40
    return rows + np.array([[0], [1e3], [0], [0], [0], [1e3], [0], [0], [7.7], [0]])


@pytest.mark.theorem("ACC-06")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("actions", [1, 2, 3, 7, 8, 9, 31, 300])
@pytest.mark.parametrize("masked", ["none", "some", "all but one"])
def test_rows_in_chunks_keep_their_bound(actions: int, dtype: Any, masked: str) -> None:
    logits, draw = _rows_of(actions), np.random.default_rng(0)
    legal = np.ones(logits.shape, dtype=bool)
    if masked != "none":
        legal = draw.random(logits.shape) < (0.6 if masked == "some" else 0)
        legal[np.arange(10), draw.integers(0, actions, 10)] = True
    # Whatever a masked action holds, 0 serves as well: the definitions read numbers only.
    given = np.where(legal, logits, 0).astype(dtype)
    best = np.where(legal, given, -np.inf).argmax(axis=1)
    worst = np.where(legal, given, np.inf).argmin(axis=1)

    assert held("categorical_entropy", {"logits": given, "action_mask": legal})
    for taken in (best, worst):
        assert held("categorical_log_prob", {"logits": given, "actions": taken, "action_mask": legal})


@pytest.mark.theorem("ACC-15")
def test_the_adaptive_coefficient_is_exact_on_both_sides_of_both_thresholds() -> None:
    for kl, factor in ((0.0150001, 2.0), (0.0149999, 1.0), (0.0066667, 1.0), (0.0066666, 0.5), (-1.0, 0.5)):
        assert ppocore.adapt_kl_coef(0.3, kl, 0.01) == 0.3 * factor


@pytest.mark.theorem("ACC-01")
def test_numpy_adds_along_the_tree_whose_height_the_bounds_use() -> None:
    x = np.random.default_rng(3).normal(size=5000) * 10.0 ** np.arange(5000) ** 0.2

    for n in [*range(1, 300), 1000, 1023, 4097, 5000]:
        assert x[:n].sum() == numpy_sum(x[:n].tolist())
        assert height(n) <= min(n - 1, 18 + np.log2(n))
    square = x[:4900].reshape(70, 70)
    assert [*square.sum(axis=1)] == [numpy_sum(row) for row in square.tolist()]
    assert square.sum() == numpy_sum(square.ravel().tolist())


@pytest.mark.parametrize(("name", "ulps"), [("exp", 1), ("expm1", 1), ("log", 1), ("log1p", 1), ("tanh", 2)])
def test_libm_and_numpy_keep_the_assumption_on_samples(name: str, ulps: int) -> None:
    draw = np.random.default_rng(4)
    x = draw.choice((-1, 1), 3000) * 10.0 ** draw.uniform(-8, 2, 3000)
    x = abs(x) if name.startswith("log") else x
    ufunc = getattr(np, name)
    compiled = numba.njit(lambda y: ufunc(y))

    def worst() -> float:
        exact = [getattr(arb(entry), name)() for entry in x]
        errors = (abs((arb(got) - true) / true) for got, true in zip(ufunc(x), exact, strict=True))
        again = (abs((arb(compiled(entry)) - true) / true) for entry, true in zip(x, exact, strict=True))
        return max(float(error.upper()) for error in (*errors, *again))

    assert at_precision(worst) <= ulps * 2.0**-52


def _with(loop: Any, *path: str, kernel: Any) -> Any:
    """The plain body of a loop in which the kernel at the end of `path` is another one."""
    body: Any = plain(loop)
    inner: FunctionType = body
    for name in path[:-1]:
        inner = inner.__globals__[name]
    assert path[-1] in inner.__globals__
    inner.__globals__[path[-1]] = kernel
    return body


def _by_series(d: Any) -> Any:
    return plain(divergences.k3_kernel)(d)


def _by_exp(d: Any) -> Any:
    return np.exp(d) - 1 - d


@pytest.mark.theorem("ACC-07")
@pytest.mark.parametrize(("kernel", "kept"), [(_by_series, True), (_by_exp, False)])
def test_k3_by_exp_is_seen(monkeypatch: pytest.MonkeyPatch, kernel: Any, kept: bool) -> None:
    """The whole public function, with exp(d) - 1 - d in the place of its kernel."""
    damaged = _with(divergences._estimate_terms, "kl_estimate_kernel", "k3_kernel", kernel=kernel)
    monkeypatch.setattr(divergences, "_estimate_terms", damaged)

    assert held("kl_k3", {"log_prob": np.array([-1.0, -2.0 + 1e-5]), "old_log_prob": np.array([-1.0, -2.0])}) == kept


def _by_size(u: Any) -> Any:
    return plain(squashed.log_tanh_slope_kernel)(u)


def _by_tanh(u: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log1p(-(np.tanh(u) ** 2))


@pytest.mark.theorem("ACC-10")
@pytest.mark.parametrize(("kernel", "kept"), [(_by_size, True), (_by_tanh, False)])
def test_the_log_of_one_minus_tanh_squared_is_seen(monkeypatch: pytest.MonkeyPatch, kernel: Any, kept: bool) -> None:
    damaged = _with(squashed._squashed_entropy_rows, "log_tanh_slope_kernel", kernel=kernel)
    monkeypatch.setattr(squashed, "_squashed_entropy_rows", damaged)

    # At u = 15 the usual form has lost all but three digits.
    with np.errstate(invalid="ignore"):
        assert held("squashed_gaussian_entropy", {"mean": np.array([[15.0]]), "log_std": np.array([[-3.0]])}) == kept


def test_the_method_refuses_a_bound_that_is_too_small_and_a_divisor_that_may_vanish() -> None:
    desk = Desk()
    r, v, later = (desk.number() for _ in range(3))
    gamma = desk.number(signed=False)
    error = plain(advantages.td_error_kernel)(r, v, later, False, gamma)
    reach = gamma.size * later.size

    assert error.within(2 * r.size + 3 * reach + v.size)
    assert not error.within(2 * r.size + 2 * reach + v.size)
    with pytest.raises(TooCoarse, match="may be 0"):
        r / v
    with pytest.raises(TooCoarse, match="not a polynomial in small symbols"):
        np.exp(r * v)


def test_a_majorant_covers_what_rounding_really_does() -> None:
    """k3 in float64 against fractions, and the value of its majorant at the same numbers."""
    desk = Desk()
    d = desk.number()
    _, series = next(desk.paths(lambda: plain(divergences.k3_kernel)(d)))
    for x in (0.4999, -0.4999, 0.1, -1e-3, 1e-100):
        value, error = (
            sum(Fraction(int(c.p), int(c.q)) * Fraction(size) ** int(sum(powers)) for powers, c in p.to_dict().items())
            for p, size in ((series.value, x), (series.error, abs(x)))
        )
        assert abs(Fraction(divergences.k3_kernel(x)) - value) <= error / 2**53


def test_the_page_of_the_docs_makes_the_claims_of_the_code() -> None:
    assert is_current(PAGE.read_text(encoding="utf-8"))
