"""Malformed things of every kind that the gate is given: `python -m tests.fuzz --count 100000 [--seed S]`.

Whatever they are, the gate raises nothing but its own one-line errors, calls nothing green that is not right, and
keeps its exit status.  Each target is one entry of `TARGETS`: how a thing is made from a seed, and what must hold.
"""

from __future__ import annotations

from tests.fuzz import declarations, names, outputs, protocol, records
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {target.name: target for target in (
    *outputs.TARGETS, *protocol.TARGETS, *records.TARGETS, *declarations.TARGETS, *names.TARGETS)}
