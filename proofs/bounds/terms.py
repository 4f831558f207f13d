"""Majorants of the errors of single kernels, in units of u, as functions of absolute values.

The numbers may be of any kind: `proofs.theorems.accuracy` puts polynomials in and compares them with what the
kernel's own body gives, `proofs.bounds` puts balls in.  What is called ``..._error`` is a majorant for that argument.
"""

from __future__ import annotations

from typing import Any

from proofs.methods.rounding import LIBM_UNITS as LIBM

Number = Any

K3 = 10
"""k3 of a given d, relatively."""


def td_error(reward: Number, value: Number, next_value: Number, gamma: Number) -> Number:
    return 2 * reward + 3 * gamma * next_value + value


def squared_error(error: Number) -> tuple[Number, Number]:
    """(V - R)^2 and 2 (V - R), by |V - R|."""
    return 3 * error * error, 2 * error


def huber_near(error: Number) -> Number:
    """e^2 / 2, by |e|."""
    return 3 * error * error / 2


def huber_far(error: Number, delta: Number) -> Number:
    """delta (|e| - delta / 2), by |e|."""
    return delta * (3 * error + delta)


def edge_error(edge: Number, error: Number) -> Number:
    """(edge - R)^2 with edge = V_old +- eps, by |edge| and |edge - R|."""
    return 3 * error * error + 2 * error * edge


def log_softmax(gap: Number, log_total: Number, rest: Number) -> Number:
    """log pi_j: by |z_j - z_top|, log(1 + sum of the others), and the error that the sum hands on."""
    return 2 * gap + (LIBM + 1) * log_total + rest


def log_softmax_rest(gap: Number, prob: Number, others: int) -> Number:
    """What one action other than the top adds to the error of the log of the sum: pi_i (|z_i - z_top| + others + 1)."""
    return prob * (gap + (others - 1 + LIBM))


def kl_term_below(log_p_error: Number, p: Number, k3: Number, by_difference: Number) -> Number:
    """p k3(d), d < 1/2: `by_difference` is p times the error of k3 that the error of d causes."""
    return p * k3 * (log_p_error + LIBM + K3 + 1) + by_difference


def kl_term_above(log_p_error: Number, log_q_error: Number, d_error: Number, p: Number, q: Number, d: Number) -> Number:
    """q - p (1 + d), d >= 1/2."""
    return q * (log_q_error + LIBM + 1) + p * (1 + d) * (log_p_error + LIBM + 3) + p * d_error


def gaussian_log_prob(z: Number, log_std: Number, constant: Number) -> tuple[Number, Number]:
    """One dimension, and z^2 - 1."""
    return 11 * z * z / 2 + 2 * log_std + 2 * constant, 10 * z * z + 1


def gaussian_slope(z: Number, inverse_std: Number) -> Number:
    """z / s."""
    return 7 * z * inverse_std


def gaussian_from_action_error(z: Number, action_error: Number, inverse_std: Number) -> tuple[Number, Number]:
    """What an error of the action adds to the log-density, and to z^2 - 1; its square is kept."""
    moved = action_error * inverse_std
    return z * moved + moved * moved / 2**53, 2 * (z * moved + moved * moved / 2**53)


def log_second_moment(
    z: Number, gap: Number, edge_error: Number, growth_error: Number, inverse: Number, log: Number
) -> Number:
    """By |log s - log s'|, the relative error of t = 1 - G, the error of G = e^2g - 1, 1 / t and |log t|."""
    return z * z * inverse * (edge_error + 12) + growth_error * inverse / 2 + 3 * gap + 3 * log / 2


def artanh(up: Number, down: Number) -> tuple[Number, Number]:
    """(log(1 + a) - log(1 - a)) / 2 and their sum, by both absolute values."""
    return 3 * (up + down) / 2, 3 * (up + down)


def log_tanh_slope(u: Number, log: Number, log_two: Number) -> Number:
    """By |u| and log(1 + e^(-2|u|))."""
    return 6 * log_two + 4 * u + 10 * log


def adam_moments(first: Number, grad: Number, second: Number, beta1: Number, rest1: Number, beta2: Number,
                 rest2: Number) -> tuple[Number, Number]:
    """rest is 1 - beta."""
    return 2 * beta1 * first + 3 * rest1 * grad, 2 * beta2 * second + 4 * rest2 * grad * grad
