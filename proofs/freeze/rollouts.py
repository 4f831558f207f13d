"""Inputs with a time axis, and of advantage normalisation."""

from __future__ import annotations

from typing import Any

from proofs.freeze.design import Design

TRUE, FALSE = True, False


def track(rewards: list[float], values: list[float], ends: str, finals: list[float]) -> list[list[Any]]:
    """One environment as the columns of a rollout.

    `ends` has one letter a step: `.` goes on, `T` terminates, `C` is cut by a time limit, `B` is both.  The value after
    a step is the next step's, or the next of `finals` where an episode ends or the rollout does.
    """
    after, left = [], list(finals)
    for t, end in enumerate(ends):
        after.append(values[t + 1] if end == "." and t + 1 < len(ends) else left.pop(0))
    assert not left, "a final value is left over"
    return [rewards, values, after, [end in "TB" for end in ends], [end in "CB" for end in ends]]


def rollout(*tracks: list[list[Any]]) -> dict[str, Any]:
    """Environments side by side, time along axis 0."""
    names = ("rewards", "values", "next_values", "terminated", "truncated")
    return {name: [list(row) for row in zip(*columns, strict=True)]
            for name, columns in zip(names, zip(*tracks, strict=True), strict=True)}


def halving(name: str, says: str, inputs: dict[str, Any], gamma: float = 0.5, gae_lambda: float = 0.5) -> Design:
    """A rollout on which nothing is rounded."""
    return Design(name, says, inputs | {"gamma": gamma, "gae_lambda": gae_lambda}, exact=True)


ROLLOUTS = (
    halving("nothing-ends", "Two environments run on past the end of the rollout.", rollout(
        track([1.0, -2.0, 0.5, 4.0], [2.0, -1.0, 3.0, 0.5], "....", [-6.0]),
        track([-1.5, 3.0, 1.0, -0.5], [0.5, 4.0, -2.0, 1.5], "....", [7.5]))),
    halving("terminated-midway", "One environment terminates at step 1, the other at step 2.", rollout(
        track([1.0, -2.0, 4.0, 0.5, 3.0], [2.0, -1.0, 3.0, 0.5, -1.5], ".T...", [8.0, -6.0]),
        track([-1.5, 3.0, 1.0, -0.5, 2.0], [0.5, 4.0, -2.0, 1.5, 3.5], "..T..", [-7.5, 5.0]))),
    halving("truncated-midway", "A time limit cuts one environment at step 1, the other at step 2.", rollout(
        track([1.0, -2.0, 4.0, 0.5, 3.0], [2.0, -1.0, 3.0, 0.5, -1.5], ".C...", [8.0, -6.0]),
        track([-1.5, 3.0, 1.0, -0.5, 2.0], [0.5, 4.0, -2.0, 1.5, 3.5], "..C..", [-7.5, 5.0]))),
    halving("terminated-then-truncated", "An episode terminates, and a time limit cuts the next one.", rollout(
        track([2.0, -1.0, 3.0, 0.5, -4.0], [1.0, 2.5, -0.5, 3.0, 1.5], ".T.C.", [7.0, -8.0, 4.5]),
        track([0.5, 1.5, -2.0, 4.0, 1.0], [-1.0, 0.5, 2.0, -3.0, 2.5], "C.T..", [6.5, -7.0, 3.0]))),
    halving("both-flags-at-once", "A step that is terminated and truncated is terminal.", rollout(
        track([1.0, 2.0, -3.0, 0.5], [0.5, -1.5, 2.0, 1.0], ".B..", [6.0, -5.0]))),
    halving("ends-with-the-rollout", "The last step terminates one environment and cuts the other.", rollout(
        track([3.0, -1.0, 2.0], [1.0, 0.5, -2.5], "..T", [7.0]),
        track([-0.5, 2.5, 1.0], [2.0, -1.0, 0.5], "..C", [-6.5]))),
    halving("more-environments-than-steps", "Time is axis 0, even where it is the shorter one.", rollout(
        track([1.0, -0.5], [2.0, 0.5], "..", [-3.0]), track([2.0, 4.0], [-1.0, 1.5], "T.", [5.0, 2.0]),
        track([-3.0, 0.5], [0.5, -2.0], "..", [6.0])), 0.5, 1.0),
    Design("long-decay", "gamma = 31/32 and gae_lambda = 15/16, an episode that ends and one that does not.", rollout(
        track([0.625, -1.375, 2.25, 0.125, -0.75, 1.5], [0.875, 1.125, -0.375, 2.5, 0.25, -1.25], "...T..",
              [4.75, -2.125]),
        track([1.0, 0.0, -0.25, 3.375, 0.5, -2.0], [-0.5, 0.75, 1.625, -1.0, 2.875, 0.375], "......", [3.5]))
        | {"gamma": 0.96875, "gae_lambda": 0.9375}),
)


def without(designs: tuple[Design, ...], *names: str) -> tuple[Design, ...]:
    """The same designs for an operation that does not take these inputs."""
    return tuple(Design(d.name, d.says.replace(" and gae_lambda = 15/16", "") if "gae_lambda" in names else d.says,
                        {n: v for n, v in d.inputs.items() if n not in names}, d.exact) for d in designs)


def tokens(name: str, says: str, rewards: list[list[float]], values: list[list[float]], mask: list[list[bool]],
           gamma: float = 0.5, gae_lambda: float = 0.5, exact: bool = True) -> Design:
    return Design(name, says, {"rewards": rewards, "values": values, "mask": mask, "gamma": gamma,
                               "gae_lambda": gae_lambda}, exact)


TOKENS = (
    tokens("every-token-counts", "Two rows without padding.",
           [[1.0, -2.0, 0.5, 4.0], [-1.5, 3.0, 1.0, -0.5]], [[2.0, -1.0, 3.0, 0.5], [0.5, 4.0, -2.0, 1.5]],
           [[TRUE] * 4, [TRUE] * 4]),
    tokens("padded-right", "Rows of unequal length with numbers in the padding.",
           [[1.0, -2.0, 0.5, 7.0], [2.0, 6.0, -5.0, 3.0]], [[2.0, -1.0, 3.0, -6.0], [0.5, 4.0, -7.0, 1.5]],
           [[TRUE, TRUE, TRUE, FALSE], [TRUE, FALSE, FALSE, FALSE]]),
    tokens("padded-left", "Rows of unequal length, padded at the front.",
           [[7.0, 1.0, -2.0, 0.5], [3.0, -5.0, 6.0, 2.0]], [[-6.0, 2.0, -1.0, 3.0], [1.5, -7.0, 4.0, 0.5]],
           [[FALSE, TRUE, TRUE, TRUE], [FALSE, FALSE, TRUE, TRUE]]),
    tokens("holes", "Masked tokens in the middle: the recursion passes through them.",
           [[1.0, 7.0, -2.0, 5.0, -6.0, 0.5], [-1.5, 3.0, 8.0, 1.0, 4.0, -0.5]],
           [[2.0, -6.0, -1.0, 8.0, 5.0, 3.0], [0.5, 4.0, -7.0, -2.0, 6.0, 1.5]],
           [[TRUE, FALSE, TRUE, FALSE, FALSE, TRUE], [TRUE, TRUE, FALSE, TRUE, FALSE, TRUE]]),
    tokens("undiscounted-holes", "gamma = gae_lambda = 1 over holes: plain sums to the end of the row.",
           [[1.0, 7.0, -2.0, 0.5], [6.0, 3.0, 1.0, -0.5]], [[2.0, -6.0, -1.0, 3.0], [-5.0, 4.0, -2.0, 1.5]],
           [[TRUE, FALSE, TRUE, TRUE], [FALSE, TRUE, TRUE, FALSE]], 1.0, 1.0),
    tokens("long-decay", "gamma = 31/32, gae_lambda = 15/16, one hole.",
           [[0.625, -1.375, 2.25, 0.125, -0.75]], [[0.875, 1.125, -0.375, 2.5, 0.25]],
           [[TRUE, TRUE, FALSE, TRUE, TRUE]], 0.96875, 0.9375, exact=False),
)


def advantages(name: str, says: str, values: list[float], mask: list[bool] | None = None) -> Design:
    return Design(name, says, {"advantages": values} | ({} if mask is None else {"mask": mask}))


ADVANTAGES = (
    advantages("four", "Four advantages.", [1.0, -2.0, 3.5, 0.25]),
    advantages("offset", "A common offset far above the spread.", [100.0, 101.5, 98.0, 100.5, 103.0]),
    advantages("tiny-spread", "A spread near 3e-6, so that the stabiliser 1e-8 shows.",
               [3 * 2.0**-20, -(2.0**-20), 2 * 2.0**-20, -5 * 2.0**-20]),
    advantages("equal", "Equal advantages become 0.", [1.5, 1.5, 1.5, 1.5]),
    advantages("masked", "Masked entries are far away and do not count.", [1.0, 50.0, -2.0, 3.5, -40.0, 0.25],
               [TRUE, FALSE, TRUE, TRUE, FALSE, TRUE]),
    advantages("masked-tail", "Only the first three of five count.", [2.0, -1.0, 0.5, 8.0, -3.0],
               [TRUE, TRUE, TRUE, FALSE, FALSE]),
    advantages("outlier", "One advantage eleven standard deviations out.", [1.0, -1.0] * 63 + [1.0, 1024.0]),
)

DESIGNS = {
    "td_errors": without(ROLLOUTS, "gae_lambda"),
    "gae": ROLLOUTS,
    "discounted_returns": without(ROLLOUTS, "gae_lambda", "values"),
    "token_gae": TOKENS,
    "normalize_advantages": ADVANTAGES,
}
