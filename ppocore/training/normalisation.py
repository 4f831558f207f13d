"""How advantages are brought to mean 0 and standard deviation 1: which deviation, and where its small number stands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ppocore._arrays import Doorman, Floats, Ints
from ppocore._kernels import bare

FORMS = ("outside", "inside", "floor", "none")
OUTSIDE, INSIDE, FLOOR, NONE = range(4)
REQUIRED = "it must be outside:E, inside:E or floor:E with 0 < E <= 0.001, or none"


class Normaliser(NamedTuple):
    """What is done to a set of advantages."""

    wanted: bool
    ddof: int
    form: int
    """Place in `FORMS`: std + eps, sqrt(var + eps), max(std, eps), std."""
    eps: float


def std_eps_of(text: str) -> tuple[int, float]:
    """The place in `FORMS` and the number of a setting such as outside:1e-8."""
    door = Doorman("train")
    if not isinstance(text, str):
        raise door.mistake("std_eps", f"is {text!r:.60}", REQUIRED)
    if text == "none":
        return NONE, 0.0
    form, _, number = text.partition(":")
    try:
        eps = float(number)
    except ValueError:
        eps = np.nan
    if form not in FORMS[:NONE] or not 0 < eps <= 1e-3:
        raise door.refusal("std_eps", f"is {text!r}", REQUIRED)
    return FORMS.index(form), eps


@bare
def normalisation(advantages: Floats, chosen: Ints, normaliser: Normaliser) -> tuple[float, float]:
    """What to subtract from a chosen advantage, and what to multiply it by then."""
    if not normaliser.wanted:
        return 0.0, 1.0
    total = 0.0
    for i in chosen:
        total += advantages[i]
    mean, squares = total / len(chosen), 0.0
    for i in chosen:
        squares += (advantages[i] - mean) * (advantages[i] - mean)
    variance = squares / (len(chosen) - normaliser.ddof)
    if normaliser.form == INSIDE:
        return mean, 1.0 / np.sqrt(variance + normaliser.eps)
    if normaliser.form == FLOOR:
        return mean, 1.0 / max(np.sqrt(variance), normaliser.eps)
    return mean, 1.0 / (np.sqrt(variance) + normaliser.eps)
