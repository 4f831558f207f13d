"""Rounding errors of a kernel's body for all floats of a box, by Gappa.

The body runs on recorded numbers: every operation becomes one rounded statement of a script, and beside it grows the
expression of the exact value.  So a kernel that computes something else, or in another order, is another script.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from proofs.ledger.outcome import MissingTool, Outcome, proved, rejected


class Recorded:
    """A float64 number that writes down how it is computed."""

    def __init__(self, script: list[str], name: str, exact: str) -> None:
        self.script, self.name, self.exact = script, name, exact

    def __add__(self, other: Recorded) -> Recorded:
        return self._rounded("+", other)

    def __sub__(self, other: Recorded) -> Recorded:
        return self._rounded("-", other)

    def __mul__(self, other: Recorded) -> Recorded:
        return self._rounded("*", other)

    def _rounded(self, operator: str, other: Recorded) -> Recorded:
        name = f"t{len(self.script)}"
        self.script.append(f"{name} rnd= {self.name} {operator} {other.name};")
        return Recorded(self.script, name, f"({self.exact} {operator} {other.exact})")


def bounded(body: Callable[..., Recorded], ranges: dict[str, str], bound: str) -> Outcome:
    """Whether Gappa proves |computed - exact| <= `bound` for all floats in the ranges, such as ``[-1, 1]``.

    The arguments of the body are in the order of `ranges`.  That Gappa does not prove a bound is no disproof.
    """
    if shutil.which("gappa") is None:
        raise MissingTool("gappa is not installed (Debian: apt-get install --no-install-recommends gappa)")
    script: list[str] = []
    result = body(*(Recorded(script, name, name) for name in ranges))
    inputs = [f"{name} = rnd({name}_);" for name in ranges]
    box = " /\\ ".join(f"{name} in {interval}" for name, interval in ranges.items())
    goal = f"{{ {box} -> |{result.name} - exact| <= {bound} }}"
    lines = ["@rnd = float<ieee_64, ne>;", *inputs, *script, f"exact = {result.exact};", goal]
    answer = subprocess.run(["gappa"], input="\n".join(lines), capture_output=True, text=True, timeout=60)
    if answer.returncode == 0:
        return proved(f"{len(script)} roundings")
    return rejected(" ".join(answer.stderr.split())[-200:])
