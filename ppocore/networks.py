r"""Small networks on a CPU: forward and backward by hand, over one flat vector of parameters.

A network of sizes (D, h, ..., O) is its matrices and biases one after another:
``W1 (D, h) row by row, b1 (h), W2, b2, ...``.  Rows of a batch go through in blocks of `BLOCK`, so that what a block
needs stays in the cache and the order of every sum is the same whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import ArrayLike, NDArray

from ppocore._arrays import Array, Doorman, Floats, Ints
from ppocore._fused import fma
from ppocore._kernels import bare, inner, kernel
from ppocore._products import product

BLOCK = 64
"""Rows that go through the layers together: measured fastest for layers of 64 (64 KB of float32 activations)."""
ACTIVATIONS = ("tanh", "relu", "elu")
TANH, RELU, ELU = range(3)
"""Places in it: what compiled code is told."""


class MLPGradients(NamedTuple):
    """Outputs (B, O), and the gradients of sum(outputs * grad_outputs): parameters flat, inputs (B, D)."""

    outputs: Array
    grad_params: Array
    grad_inputs: Array


def mlp_size(sizes: Sequence[int]) -> int:
    """How many parameters a network of these layers has.

    Examples
    --------
    >>> mlp_size([4, 64, 64, 2])
    4610
    """
    widths = _widths(Doorman("mlp_size"), sizes)
    return sum((below + 1) * above for below, above in zip(widths, widths[1:], strict=False))


def orthogonal_mlp(sizes: Sequence[int], *, hidden_gain: float, output_gain: float, rng: np.random.Generator) -> Floats:
    r"""Parameters with orthogonal matrices and biases of 0.

    .. math:: W = g\, Q, \qquad Q^T Q = I \text{ or } Q Q^T = I

    Parameters
    ----------
    sizes : sequence of int, (D, h, ..., O)
    hidden_gain, output_gain : float >= 0
        Of all matrices but the last, and of the last: sqrt(2), and 0.01 for a policy or 1 for values, in most code.
    rng : numpy.random.Generator

    Returns
    -------
    array of float64, shape (mlp_size(sizes),)

    Raises
    ------
    ValueError
        If there are fewer than two sizes, one is below 1, or a gain is negative.

    Notes
    -----
    *Conventions.* Q is drawn uniformly (Haar): the signs of the QR factors are made unique.

    References
    ----------
    Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning, arXiv:1312.6120.

    Examples
    --------
    >>> params = orthogonal_mlp([3, 3], hidden_gain=1.0, output_gain=2.0, rng=np.random.default_rng(0))
    >>> matrix = params[:9].reshape(3, 3)
    >>> np.allclose(matrix.T @ matrix, 4 * np.eye(3))
    True
    """
    door = Doorman("orthogonal_mlp")
    widths = _widths(door, sizes)
    gains = [door.number("hidden_gain", hidden_gain, "[0, inf)")] * (len(widths) - 2)
    gains.append(door.number("output_gain", output_gain, "[0, inf)"))
    layers = []
    for gain, below, above in zip(gains, widths, widths[1:], strict=False):
        tall = rng.normal(size=(max(below, above), min(below, above)))
        basis, triangle = np.linalg.qr(tall)
        basis = basis * np.sign(np.diagonal(triangle))
        layers += [gain * (basis if below >= above else basis.T).ravel(), np.zeros(above)]
    return np.concatenate(layers)


def mlp(
    params: ArrayLike, inputs: ArrayLike, grad_outputs: ArrayLike, *, sizes: Sequence[int], activation: str
) -> MLPGradients:
    r"""A network with its gradients: hidden layers with an activation, a last one without.

    .. math:: h_l = \phi(h_{l-1} W_l + b_l), \qquad \text{outputs} = h_{L-1} W_L + b_L

    Parameters
    ----------
    params : array of float, shape (mlp_size(sizes),)
    inputs : array of float, shape (B, D)
    grad_outputs : array of float, shape (B, O)
        Of whatever the outputs are used for.
    sizes : sequence of int, (D, h, ..., O)
    activation : "tanh", "relu" or "elu"
        elu is x above 0, exp(x) - 1 below.  The slope of relu at 0 is 0, that of elu 1.

    Returns
    -------
    MLPGradients
        Named tuple ``(outputs, grad_params, grad_inputs)``.

    Raises
    ------
    ValueError
        If shapes disagree, an entry is not finite, or the activation is another.
    TypeError
        If a dtype is wrong.

    Notes
    -----
    *Conventions.* Computed in the dtype of `params`.

    *Accuracy.* Sums by blocks of 64 rows; tanh in float32 by a rational function, within 3 ulp.

    References
    ----------
    Rumelhart, Hinton, Williams, Learning representations by back-propagating errors, 1986.

    Examples
    --------
    >>> out = mlp([2.0, 1.0], [[3.0]], [[1.0]], sizes=[1, 1], activation="tanh")
    >>> out.outputs, out.grad_params, out.grad_inputs
    (array([[7.]]), array([3., 1.]), array([[2.]]))
    """
    door = Doorman("mlp")
    widths = np.array(_widths(door, sizes))
    code = ACTIVATIONS.index(door.option("activation", activation, ACTIVATIONS))
    flat = door.floats("params", params, "P")
    rows = door.floats("inputs", inputs, "B D")
    pulls = door.floats("grad_outputs", grad_outputs, "B O")
    expected = {"params": mlp_size(sizes), "inputs": int(widths[0]), "grad_outputs": int(widths[-1])}
    for name, found in (("params", len(flat)), ("inputs", rows.shape[1]), ("grad_outputs", pulls.shape[1])):
        if found != expected[name]:
            raise door.refusal(name, f"has {found} columns", f"sizes {list(map(int, widths))} need {expected[name]}")
    number: Any = np.asarray(params).dtype if np.asarray(params).dtype.kind == "f" else np.dtype(np.float64)
    weights, seen, wanted = (np.ascontiguousarray(array, dtype=number) for array in (flat, rows, pulls))
    outputs, gradient, backward = np.zeros_like(wanted), np.zeros_like(weights), np.zeros_like(seen)
    _mlp_rows(weights, widths, code, seen, wanted, outputs, gradient, backward, np.empty_like(weights),
              workspace(widths, number))  # fmt: skip
    return MLPGradients(door.out(outputs), door.out(gradient), door.out(backward))


def workspace(sizes: Ints, number: Any) -> NDArray[Any]:
    """Room for a block in every layer, inputs and outputs among them, as much again for what flows back, and ones."""
    room = np.zeros(2 * BLOCK * int(sizes.sum()) + BLOCK, dtype=number)
    room[-BLOCK:] = 1
    return room


@inner
def places(sizes: Ints) -> tuple[int, int, int]:
    """Where in a workspace the outputs of a block begin, its second half, and there the gradients of the outputs."""
    total = 0
    for size in sizes:
        total += BLOCK * size
    outputs = total - BLOCK * sizes[-1]
    return outputs, total, total + outputs


@inner
def _size(sizes: Ints) -> int:
    total = 0
    for layer in range(1, len(sizes)):
        total += (sizes[layer - 1] + 1) * sizes[layer]
    return total


@inner
def forward_block(params: Array, sizes: Ints, activation: int, rows: int, work: Array) -> None:
    """Write the layers of a block of rows (at most `BLOCK`) into `work`, which begins with their inputs."""
    place, room, last = 0, 0, len(sizes) - 1
    for layer in range(1, last + 1):
        into, out = sizes[layer - 1], sizes[layer]
        below = work[room : room + rows * into].reshape(rows, into)
        room += BLOCK * into
        above = work[room : room + rows * out].reshape(rows, out)
        product(below, False, params[place : place + into * out].reshape(into, out), False, False, above)
        place += into * out
        bias = params[place : place + out]
        place += out
        if layer < last:
            _activate(above, bias, activation)
        else:
            _add_bias(above, bias)


@inner
def turn(params: Array, sizes: Ints, to_inputs: bool, turned: Array) -> None:
    """Write the transposed matrices that `backward_block` multiplies by, each where its matrix stands in `params`.

    BLAS has no fast way to multiply small matrices by a transposed one.
    """
    place = 0
    for layer in range(1, len(sizes)):
        into, out = sizes[layer - 1], sizes[layer]
        if layer > 1 or to_inputs:
            matrix = params[place : place + into * out].reshape(into, out)
            written = turned[place : place + into * out].reshape(out, into)
            for j in range(out):
                for i in range(into):
                    written[j, i] = matrix[i, j]
        place += (into + 1) * out


@inner
def backward_block(
    turned: Array, sizes: Ints, activation: int, rows: int, work: Array, gradient: Array, begins: bool, to_inputs: bool
) -> None:
    """Add the gradients of the parameters for a block that `forward_block` has just seen.

    Where a sum `begins`, they are written instead.  `turned` is what `turn` wrote of the parameters.  `work` holds the
    gradients of the outputs where `places` says, and takes those of the layers below, with `to_inputs` down to the
    inputs.
    """
    (room, half, _), place = places(sizes), _size(sizes)
    ones = work[len(work) - rows :].reshape(1, rows)
    for layer in range(len(sizes) - 1, 0, -1):
        into, out = sizes[layer - 1], sizes[layer]
        pulls = work[half + room : half + room + rows * out].reshape(rows, out)
        room -= BLOCK * into
        below = work[room : room + rows * into].reshape(rows, into)
        place -= out
        product(ones, False, pulls, False, not begins, gradient[place : place + out].reshape(1, out))
        place -= into * out
        product(below, True, pulls, False, not begins, gradient[place : place + into * out].reshape(into, out))
        if layer > 1 or to_inputs:
            back = work[half + room : half + room + rows * into].reshape(rows, into)
            product(pulls, False, turned[place : place + into * out].reshape(out, into), False, False, back)
            if layer > 1:
                _slope(back, below, activation)


@inner
def _add_bias(rows: Array, bias: Array) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            rows[i, j] += bias[j]


@inner
def _activate(rows: Array, bias: Array, activation: int) -> None:
    # Constants in the dtype at hand: an integer beside a float32 would make Numba compute in float64.
    zero = rows.dtype.type(0)
    for i in range(rows.shape[0]):
        if activation == RELU:
            for j in range(rows.shape[1]):
                rows[i, j] = max(rows[i, j] + bias[j], zero)
        elif activation == ELU:
            for j in range(rows.shape[1]):
                x = rows[i, j] + bias[j]
                rows[i, j] = x if x > zero else np.expm1(x)
        else:
            for j in range(rows.shape[1]):
                rows[i, j] = tanh(rows[i, j] + bias[j])


@inner
def _slope(back: Array, activated: Array, activation: int) -> None:
    """Times the derivative of the activation, from its value."""
    zero, one = back.dtype.type(0), back.dtype.type(1)
    for i in range(back.shape[0]):
        if activation == RELU:
            for j in range(back.shape[1]):
                back[i, j] = back[i, j] if activated[i, j] > zero else zero
        elif activation == ELU:
            for j in range(back.shape[1]):
                back[i, j] *= min(activated[i, j], zero) + one
        else:
            for j in range(back.shape[1]):
                back[i, j] *= one - activated[i, j] * activated[i, j]


def tanh(x: Any) -> Any:
    """tanh of one number, as compiled code computes it: libm's in float64, `tanh_rational` in float32."""
    return tanh_rational(x) if isinstance(x, np.float32) else np.tanh(x)


@overload(tanh)
def _compiled_tanh(x):  # type: ignore[no-untyped-def]  # Numba compares the names and notes of arguments
    if x == types.float32:
        return lambda x: tanh_rational(x)
    return lambda x: np.tanh(x)


@kernel
def tanh_rational(x: Any) -> Any:
    """tanh in float32 as x P(x^2) / Q(x^2): no branch, no call, so that a row of them runs in vector registers.

    Fitted to the relative error on [0, 9.02], where tanh rounds to 1: at most 2.2e-8; with roundings, six units.
    """
    one, far = np.float32(1.0), np.float32(9.02)
    v = min(max(x, -far), far)
    s = v * v
    p = fma(np.float32(1.331876842841265e-08), s, np.float32(2.05832561024366e-05))
    p = fma(fma(p, s, np.float32(0.0034940207960128793)), s, np.float32(0.1337970639703967))
    q = fma(np.float32(7.761893137043364e-07), s, np.float32(0.00032830703449653937))
    q = fma(fma(q, s, np.float32(0.02587102093383102)), s, np.float32(0.46713021648455466))
    return min(max(v * fma(p, s, one) / fma(q, s, one), -one), one)


@bare
def _mlp_rows(
    params: Array,
    sizes: Ints,
    activation: int,
    inputs: Array,
    grad_outputs: Array,
    outputs: Array,
    gradient: Array,
    grad_inputs: Array,
    turned: Array,
    work: Array,
) -> None:
    found, half, pulls = places(sizes)
    turn(params, sizes, True, turned)
    for first in range(0, len(inputs), BLOCK):
        block = slice(first, first + BLOCK)
        rows = len(inputs[block])
        put(inputs[block], work)
        put(grad_outputs[block], work[pulls:])
        forward_block(params, sizes, activation, rows, work)
        backward_block(turned, sizes, activation, rows, work, gradient, first == 0, True)
        _paste(work[found:], outputs[block])
        _paste(work[half:], grad_inputs[block])


@inner
def put(rows: Array, room: Array) -> None:
    """Copy rows one after another to the beginning of `room`."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            room[i * rows.shape[1] + j] = rows[i, j]


@inner
def _paste(room: Array, rows: Array) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            rows[i, j] = room[i * rows.shape[1] + j]


def _widths(door: Doorman, sizes: Sequence[int]) -> list[int]:
    widths = [door.whole(f"sizes[{index}]", size, 1) for index, size in enumerate(sizes)]
    if len(widths) < 2:
        raise door.refusal("sizes", f"has {len(widths)} entries", "it must name at least the inputs and the outputs")
    return widths
