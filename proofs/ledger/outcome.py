"""What a check may say, and how it says that a tool is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["proved", "refuted", "rejected", "unknown", "error"]


@dataclass(frozen=True)
class Outcome:
    """The answer of one check.

    ``proved``: the statement holds.  ``refuted``: it is false, and `witness` shows it.  ``rejected``: the checker did
    not accept a damaged proof or definition (weaker than refuted).  ``unknown``: no answer within the limits.
    """

    verdict: Verdict
    says: str = ""
    """For people: how many paths, instances, which file."""
    witness: Mapping[str, Any] = field(default_factory=dict)
    """Values by name under which the statement is false: numbers, tuples of numbers, or short strings."""


class MissingTool(Exception):
    """A tool is not installed; the message names it and how to get it."""


def proved(says: str = "") -> Outcome:
    return Outcome("proved", says)


def refuted(says: str = "", **witness: Any) -> Outcome:
    return Outcome("refuted", says, witness)


def rejected(says: str = "") -> Outcome:
    return Outcome("rejected", says)


def unknown(says: str = "") -> Outcome:
    return Outcome("unknown", says)
