"""What people ask for by name: an operation, a mistake, a vector, a case, a template, a KL term, a divergence."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from ppocore.conformance import handout, listing, museum, vectors
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.estimators.audit import audit_estimator
from ppocore.conformance.estimators.divergences import BY_NAME
from ppocore.conformance.estimators.known import KNOWN
from ppocore.conformance.estimators.shown import lines
from ppocore.conformance.mistakes import MISTAKES
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.runner import Options
from tests.fuzz import mutations
from tests.fuzz.target import Complaint, Target

BOOK = "ratio"
FEW = Options("kl_k1", examples=0)
K1 = audit_estimator("k1", on_policy=True)


def _term(text: str) -> Iterable[str]:
    return lines(audit_estimator(text, on_policy=True), 80)


def _follows(text: str) -> Iterable[str]:
    return [str(K1.follows(text))]


DOORS: dict[str, tuple[Callable[[str], Iterable[str]], tuple[str, ...]]] = {
    "operation": (listing.operations, tuple(OPERATIONS)),
    "template": (lambda text: [listing.template(text)], ("numpy", "torch", "jax")),
    "museum": (lambda text: museum.museum(text, 80), (*list(MISTAKES)[::40], "kl_k1", "*mask*", "ratio/keeps-state")),
    "vectors": (handout.listed, (BOOK, "gae")),
    "vector": (handout.shown, tuple(vector.case.id for vector in vectors.of(BOOK))),
    "case": (lambda text: listing.explanation(None, text, FEW), ("kl_k1/sides", "kl_k1/again/first")),
    "term": (_term, tuple(known.term for known in KNOWN)),
    "divergence": (_follows, (*BY_NAME, "zero")),
}
"""Who is asked, and names that are right."""


def make(random: random.Random) -> bytes:
    """The door in the first line, a name in the rest."""
    door = random.choice(list(DOORS))
    name = random.choice(DOORS[door][1]).encode()
    if random.random() < 0.85:
        name = mutations.bytes_(random, name)
    # No argument of a command can hold a NUL.
    return door.encode() + b"\n" + name.replace(b"\0", b"")


def check(data: bytes) -> Complaint:
    door, _, name = data.partition(b"\n")
    ask, right = DOORS.get(door.decode("utf-8", "replace"), (None, ()))
    if ask is None:
        return None
    text = name.decode("utf-8", "surrogateescape")
    try:
        told = list(ask(text))
    except BadAdapter as error:
        if text in right:
            return f"{text} is refused: {error}"
        return None if "\n" not in str(error) and str(error).isprintable() else f"its error is not one line: {error!r}"
    return None if told and all("Traceback" not in line for line in told) else "nothing is said"


TARGETS = (Target("names", make, check),)
