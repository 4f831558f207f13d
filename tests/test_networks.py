"""Networks: forward and backward against the literal formula, exactly where numbers allow it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest

from ppocore._kernels import plain
from ppocore.networks import BLOCK, mlp, mlp_size, orthogonal_mlp, tanh_rational
from proofs.definitions.duals import Dual
from tests.closeness import assert_within


def literal(params: list, row: list, sizes: list[int], activation: Any) -> list:
    """The formula, one number at a time."""
    place, below = 0, row
    for layer in range(1, len(sizes)):
        into, out = sizes[layer - 1], sizes[layer]
        matrix, bias = params[place : place + into * out], params[place + into * out : place + (into + 1) * out]
        above = [Dual.total([bias[j], *(below[k] * matrix[k * out + j] for k in range(into))]) for j in range(out)]
        below = [activation(x) for x in above] if layer < len(sizes) - 1 else above
        place += (into + 1) * out
    return below


def derivatives(params: Any, rows: Any, pulls: Any, sizes: list[int], activation: Any, number: Any) -> tuple:
    """Outputs, and the gradient of sum(outputs * pulls) in parameters and inputs, by dual numbers."""
    count = len(params)
    variables = [Dual(number(p), {i: number(1)}) for i, p in enumerate(params)]
    outputs, total = [], Dual(number(0), {})
    for b, row in enumerate(rows):
        inputs = [Dual(number(x), {count + b * sizes[0] + d: number(1)}) for d, x in enumerate(row)]
        found = literal(variables, inputs, sizes, activation)
        outputs.append([float(out.value) for out in found])
        total = Dual.total([total, *(out * number(pull) for out, pull in zip(found, pulls[b], strict=True))])
    slopes = [float(total.partials.get(i, 0)) for i in range(count + len(rows) * sizes[0])]
    return np.array(outputs), np.array(slopes[:count]), np.array(slopes[count:]).reshape(len(rows), sizes[0])


def relu(x: Dual) -> Dual:
    return x if x.value > 0 else Dual(0 * x.value, {})


def tanh(x: Dual) -> Dual:
    value = math.tanh(x.value)
    return x.through(value, 1 - value * value)


@pytest.mark.parametrize("sizes", [[3, 2], [2, 4, 3], [3, 5, 4, 2], [1, 1, 1]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_networks_are_exact_on_short_numbers(sizes: list[int], dtype: str) -> None:
    rng = np.random.default_rng(sum(sizes))
    params = rng.integers(-4, 5, size=mlp_size(sizes)) / 2
    rows, pulls = rng.integers(-4, 5, size=(5, sizes[0])) / 2, rng.integers(-4, 5, size=(5, sizes[-1])) / 2

    found = mlp(params.astype(dtype), rows.astype(dtype), pulls.astype(dtype), sizes=sizes, activation="relu")

    expected = derivatives(params, rows, pulls, sizes, relu, lambda x: Fraction(float(x)))
    for got, want in zip(found, expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, want)


def elu(x: Dual) -> Dual:
    return x if x.value > 0 else x.through(math.expm1(x.value), math.exp(x.value))


@pytest.mark.parametrize("activation", [tanh, elu])
@pytest.mark.parametrize(("dtype", "units"), [("float64", 64), ("float32", 64)])
def test_smooth_networks(activation: Any, dtype: str, units: int) -> None:
    """Sums of at most six terms below 4 in three layers, each tanh off by up to 3 units of float32: far below 64."""
    sizes, rng = [3, 5, 4, 2], np.random.default_rng(1)
    params = rng.normal(size=mlp_size(sizes)).astype(dtype)
    rows, pulls = (rng.normal(size=(6, size)).astype(dtype) for size in (3, 2))

    found = mlp(params, rows, pulls, sizes=sizes, activation=activation.__name__)

    expected = derivatives(params, rows, pulls, sizes, activation, float)
    for got, want in zip(found, expected, strict=True):
        assert_within(got, want, units=units, scale=np.maximum(4.0, np.abs(want)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elu_at_its_ends(dtype: str) -> None:
    """One hidden unit between weights of 1: far below -1 and flat, at 0 of slope 1, near 0 without losing a digit."""
    for x, value, slope in ((-200.0, -1.0, 0.0), (0.0, 0.0, 1.0), (-1e-30, -1e-30, 1.0), (3.0, 3.0, 1.0)):
        given = (np.array(numbers, dtype) for numbers in ([1, 0, 1, 0], [[x]], [[1]]))
        found = mlp(*given, sizes=[1, 1, 1], activation="elu")
        assert found.outputs.dtype == dtype
        assert (found.outputs[0, 0], found.grad_inputs[0, 0]) == (np.dtype(dtype).type(value), slope)


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_rows_do_not_depend_on_the_batch_they_come_in(count: int) -> None:
    sizes, rng = [4, 64, 64, 2], np.random.default_rng(2)
    params = orthogonal_mlp(sizes, hidden_gain=1.4, output_gain=1.0, rng=rng)
    rows, pulls = rng.normal(size=(count, 4)), rng.normal(size=(count, 2))

    whole = mlp(params, rows, pulls, sizes=sizes, activation="tanh")
    alone = [mlp(params, rows[i : i + 1], pulls[i : i + 1], sizes=sizes, activation="tanh") for i in range(count)]

    assert_within(whole.outputs, np.concatenate([one.outputs for one in alone]), units=512, scale=1.0)
    assert_within(whole.grad_params, np.sum([one.grad_params for one in alone], axis=0), units=2048, scale=count)
    assert_within(whole.grad_inputs, np.concatenate([one.grad_inputs for one in alone]), units=2048, scale=1.0)


def test_tanh_in_float32_is_within_six_units() -> None:
    """On two million numbers of every size, and on the ends."""
    rng = np.random.default_rng(3)
    x = np.concatenate([
        rng.uniform(-10, 10, size=1_000_000), rng.normal(size=500_000) * 10.0 ** rng.integers(-30, 2, size=500_000),
        np.linspace(-9.1, 9.1, 500_000), [0.0, -0.0, np.inf, -np.inf, 1e-45, 3.4e38],
    ]).astype(np.float32)

    found = _each_tanh(x)

    expected = np.tanh(x.astype(np.float64))
    assert (np.abs(found - expected) <= 6 * np.spacing(np.abs(expected).astype(np.float32))).all()
    assert (np.abs(found) <= 1.0).all()
    assert np.isnan(tanh_rational(np.float32(np.nan)))
    assert [plain(tanh_rational)(one) for one in x[::1000]] == list(found[::1000])


@numba.njit
def _each_tanh(x: Any) -> Any:
    found = np.empty_like(x)
    for i in range(len(x)):
        found[i] = tanh_rational(x[i])
    return found


@pytest.mark.parametrize("sizes", [[3, 7, 2], [8, 3]])
def test_orthogonal_matrices(sizes: list[int]) -> None:
    params = orthogonal_mlp(sizes, hidden_gain=2.0, output_gain=0.5, rng=np.random.default_rng(4))
    place = 0
    for layer, (into, out) in enumerate(zip(sizes, sizes[1:], strict=False)):
        matrix = params[place : place + into * out].reshape(into, out)
        bias = params[place + into * out : place + (into + 1) * out]
        gain = 0.5 if layer == len(sizes) - 2 else 2.0
        product = matrix @ matrix.T if into < out else matrix.T @ matrix
        assert_within(product, gain**2 * np.eye(min(into, out)), units=256, scale=gain**2)
        assert not bias.any()
        place += (into + 1) * out


@pytest.mark.parametrize(("change", "says"), [
    ({"sizes": [2]}, r"mlp: sizes has 1 entries; it must name at least the inputs and the outputs"),
    ({"sizes": [2, 0]}, r"sizes\[1\] is 0"),
    ({"activation": "gelu"}, r"activation is 'gelu'; it must be one of tanh, relu, elu"),
    ({"params": [1.0, 2.0]}, r"params has 2 columns; sizes \[2, 1\] need 3"),
    ({"inputs": [[1.0]]}, r"inputs has 1 columns; sizes \[2, 1\] need 2"),
    ({"grad_outputs": [[1.0, 1.0]]}, r"grad_outputs has 2 columns"),
    ({"inputs": [[np.nan, 0.0]]}, r"inputs\[0, 0\] is nan"),
    ({"grad_outputs": [[1.0], [1.0]]}, r"grad_outputs has shape \(2, 1\)"),
])
def test_bad_arguments_are_refused(change: dict, says: str) -> None:
    given = {"params": [1.0, 1.0, 0.0], "inputs": [[1.0, 2.0]], "grad_outputs": [[1.0]], "sizes": [2, 1],
             "activation": "tanh"} | change

    with pytest.raises(ValueError, match=says):
        mlp(given.pop("params"), given.pop("inputs"), given.pop("grad_outputs"), **given)
