"""Mistakes that any operation can make, told from the way it answers rather than by a formula."""

from __future__ import annotations

from ppocore.conformance.mistakes.catalogue import Mistake

GENERAL = {
    "nan-leak": (
        "A NaN, an infinity or a huge number in a slot that does not matter reaches the result.",
        "x * (1 - done) or x * mask; 0 * nan is nan",
        "Missing final observations and padding are where garbage lives; select with where, do not multiply.",
        ("pytorch/rl #3744", "verl-project/verl #1779"),
    ),
    "mutates-input": (
        "The call changes one of its inputs.",
        "x -= mean(x); returns += values",
        "The next epoch reads the changed array.",
        ("openai/baselines 8b3a6c2", "opendilab/DI-engine gae (next_value overwritten)"),
    ),
    "keeps-state": (
        "What was asked before changes the answer.",
        "a cache keyed by shapes; running statistics that one call hands on to the next; a default argument that grows",
        "The second minibatch is answered with the numbers of the first one.",
        (),
    ),
    "reduced-precision": (
        "float64 inputs are answered with float32 accuracy or less.",
        "0.99 * (~done).int() is a float32 tensor; values.float(); a float32 buffer",
        "Long horizons lose digits: with gamma = 0.999 and gae_lambda = 1 the error is 1e-4 after 3,000 steps.",
        ("torchrl 0.14.1", "skrl 2.1.1", "OpenRLHF #620 (bfloat16)", "THUDM/slime f65a64373"),
    ),
}


def general(slug: str) -> Mistake:
    """The general mistake `operation/name`; KeyError if there is none of that name."""
    says, wrong, matters, seen = GENERAL[slug.split("/", 1)[1]]
    return Mistake(slug, says, wrong, matters, seen, ())
