"""Compiled kernels against plain bodies, and the thresholds of the clip in float64."""

from __future__ import annotations

import math
from types import FunctionType, SimpleNamespace

import numba
import numpy as np
import pytest

from ppocore import clip_loss
from ppocore._kernels import plain
from ppocore.advantages import gae_kernel, td_error_kernel
from ppocore.divergences import k3_kernel
from ppocore.losses import clip_kernel
from ppocore.squashed import log_tanh_slope_kernel
from ppocore.value_losses import clipped_value_kernel

SPECIAL = [0.0, -0.0, 1.25, -0.3, math.inf, -math.inf, math.nan, 5e-324, -1.7e308]


def bits(value: object) -> bytes:
    """The bytes of floats, all NaN alike."""
    floats = np.atleast_1d(np.array(value, dtype=np.float64))
    return np.where(np.isnan(floats), np.nan, floats).tobytes()


@pytest.mark.theorem("FLT-01")
def test_compiled_and_plain_bodies_return_the_same_bits_on_special_numbers() -> None:
    for x in SPECIAL:
        for y in SPECIAL:
            a, b = np.float64(x), np.float64(y)
            with np.errstate(all="ignore"):
                pairs = [
                    (clip_kernel(x, y, 0.2, 0.2, 3.0), plain(clip_kernel)(a, b, 0.2, 0.2, 3.0)),
                    (td_error_kernel(x, y, y, False, 0.99), plain(td_error_kernel)(a, b, b, False, 0.99)),
                    (gae_kernel(x, y, False, 0.99, 0.95), plain(gae_kernel)(a, b, False, 0.99, 0.95)),
                    (clipped_value_kernel(x, y, 0.1, 0.2), plain(clipped_value_kernel)(a, b, 0.1, 0.2)),
                ]
            for compiled, body in pairs:
                assert bits(compiled) == bits(body)


@pytest.mark.theorem("FLT-02")
@pytest.mark.parametrize("kernel", [k3_kernel, log_tanh_slope_kernel])
def test_compiled_body_is_the_plain_body_on_the_compiled_scalar_functions(kernel: object) -> None:
    functions = {
        "expm1": numba.njit(lambda x: np.expm1(x)),
        "exp": numba.njit(lambda x: np.exp(x)),
        "log1p": numba.njit(lambda x: np.log1p(x)),
    }
    body = plain(kernel)
    on_libm = FunctionType(body.__code__, {**body.__globals__, "np": SimpleNamespace(**functions)})

    for x in np.linspace(-20, 20, 401):
        assert bits(kernel(x)) == bits(on_libm(x))


@pytest.mark.theorem("FLT-03")
def test_ratios_next_to_the_end_are_clipped_although_the_products_tie() -> None:
    r = math.nextafter(1.2, 2)

    assert r * 1.7 == 1.2 * 1.7
    assert clip_kernel(r, 1.7, 0.2, 0.2, math.inf) == (1.2 * 1.7, 0)
    assert clip_kernel(1.2, 1.7, 0.2, 0.2, math.inf) == (1.2 * 1.7, 1.2 * 1.7)


@pytest.mark.theorem("FLT-03")
@pytest.mark.parametrize("eps", [0.0, 5e-324, 1e-17, 2.0**-53, 0.1, 1.0])
def test_no_eps_clips_the_old_policy_itself(eps: float) -> None:
    assert clip_loss([-0.3, -0.3], [-0.3, -0.3], [1.0, -1.0], clip_eps=eps).grad_log_prob.tolist() == [-0.5, 0.5]
