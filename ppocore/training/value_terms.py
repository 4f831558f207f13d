"""The error of a value, by the name of its convention; compiled."""

from __future__ import annotations

from ppocore._kernels import inner
from ppocore.value_losses import (
    clipped_only_kernel,
    clipped_value_kernel,
    error_clamp_kernel,
    huber_kernel,
    squared_error_kernel,
)

SQUARED, MAX, CLIPPED_ONLY, ERROR_CLAMP, HUBER = range(5)
CLIPPED = {"max": MAX, "clipped_only": CLIPPED_ONLY, "error_clamp": ERROR_CLAMP}
"""The forms that have a width, by their names in `Config.value_clip`."""
HUBER_DELTA = 1.0


def form_of(value_loss: str, value_clip: str, value_clip_eps: float) -> int:
    """The form that these settings of `Config` name; a width of 0 clips nothing."""
    if value_loss == "huber":
        return HUBER
    return CLIPPED[value_clip] if value_clip_eps > 0 else SQUARED


@inner
def value_term(form: int, width: float, value: float, target: float, old_value: float) -> tuple[float, float]:
    """A sample's error and its derivative in the value; `width` is the band, or the largest error."""
    if form == SQUARED:
        return squared_error_kernel(value, target)
    if form == MAX:
        return clipped_value_kernel(value, target, old_value, width)
    if form == CLIPPED_ONLY:
        return clipped_only_kernel(value, target, old_value, width)
    if form == ERROR_CLAMP:
        return error_clamp_kernel(value, target, width)
    return huber_kernel(value, target, HUBER_DELTA)
