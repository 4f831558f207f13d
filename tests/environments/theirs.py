"""Gymnasium's environment of an id; under the earlier number of its version where the newer is not there yet."""

from __future__ import annotations

from typing import Any

from ppocore.environments.catalogue import FORMER
from tests.optional import require

EARLIER = {now: former for former, now in FORMER.items()}


def registered(id: str) -> str:
    """The id under which the installed Gymnasium has it."""
    return id if id in require("gymnasium").registry else EARLIER[id]


def make(id: str, **options: Any) -> Any:
    """The environment."""
    return require("gymnasium").make(registered(id), **options)
