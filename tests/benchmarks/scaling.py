"""How time grows with size: exponents over four decades, beyond the fixed cost of a call.

    python tests/benchmarks/scaling.py [--small]

Prints a Markdown table.  Through the least times of each subject goes c + a n^k, fitted by least squares of logarithms:
k is the exponent, 1 is linear.  Deviations are of times from that curve.  Proofs know their sizes by heart and have no
option for them; what grows here is what GAE-01 does for longer rollouts: polynomials in all rewards and values, for
every pattern of flags.  How `ppocore check` grows with `--examples` stands in check.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from gae import GAMMA, LAMBDA, rollout
from log_probs import batch as policy
from losses import EPS, batch
from scipy.optimize import least_squares
from timing import measure, pretty

import ppocore
from ppocore.training import Config, Trainer

Work = Callable[[], object]
STEPS, ACTIONS = 128, 4


def gae(size: int) -> Work:
    steps = min(size, STEPS)
    given = rollout(steps, size // steps)
    return lambda: ppocore.gae(*given, gamma=GAMMA, gae_lambda=LAMBDA)


def clip_loss(size: int) -> Work:
    given = batch(size)
    return lambda: ppocore.clip_loss(*given, clip_eps=EPS)


def categorical_log_prob(size: int) -> Work:
    logits, actions = policy(size // ACTIONS, ACTIONS)
    return lambda: ppocore.categorical_log_prob(logits, actions)


def training(size: int) -> Work:
    """One update: four epochs of four minibatches, with as many environments as steps."""
    side = round(size**0.5)
    config = Config("CartPole-v1", num_envs=side, num_steps=side, total_steps=10**12)
    updates = Trainer(config).run()
    return lambda: next(updates)


def gae_01(size: int) -> Work:
    """Identities between polynomials for all patterns of T steps; the size is their number, T 4^T."""
    from proofs.methods.polynomials import same
    from proofs.theorems.gae import every_flags, masked_sum, shipped, symbols

    steps = next(t for t in range(1, 20) if t * 4**t == size)
    return lambda: same(pair for flags in every_flags(steps) for of in [symbols(flags)]
                        for pair in zip(shipped(of), masked_sum(of), strict=True))


def powers(least: int, most: int, step: int) -> list[int]:
    return [2**i for i in range(least, most + 1, step)]


SUBJECTS: dict[str, tuple[Callable[[int], Work], list[int], int]] = {
    f"`gae`, {STEPS} steps, float32": (gae, [1, *powers(10, 24, 2)], 7),
    "`clip_loss` with gradient, float32": (clip_loss, [1, *powers(10, 24, 2)], 7),
    f"`categorical_log_prob` with gradient, {ACTIONS} actions, float32":
        (categorical_log_prob, [ACTIONS, *powers(10, 24, 2)], 7),
    "an update of `Trainer`, CartPole-v1": (training, powers(6, 20, 2), 3),
}
"""How to make the work of a size, the sizes, and how many rounds."""
if importlib.util.find_spec("flint") and importlib.util.find_spec("z3"):
    SUBJECTS["GAE-01 by polynomials, all patterns of flags"] = (gae_01, [t * 4**t for t in range(1, 8)], 3)


def fitted(sizes: list[int], seconds: list[float]) -> tuple[float, float, Any]:
    """The fixed cost, the exponent, and the curve at the sizes."""
    log_sizes, log_seconds = np.log(sizes), np.log(seconds)

    def curve(numbers: Any) -> Any:
        return np.logaddexp(numbers[0], numbers[1] + numbers[2] * log_sizes)

    start = [log_seconds[0], log_seconds[-1] - log_sizes[-1], 1.0]
    found = least_squares(lambda numbers: curve(numbers) - log_seconds, start).x
    return float(np.exp(found[0])), float(found[2]), np.exp(curve(found))


def row(name: str, make: Callable[[int], Work], sizes: list[int], rounds: int) -> str:
    seconds = []
    for size in sizes:
        print(f"  {name}: {size:,}", file=sys.stderr, flush=True)
        seconds.append(min(measure(name, size, {name: make(size)}, rounds).seconds[name]))
    fixed, exponent, curve = fitted(sizes, seconds)
    worst = max(range(len(sizes)), key=lambda i: abs(np.log(seconds[i] / curve[i])))
    return (f"| {name} | {sizes[0]:,} to {sizes[-1]:,} | {pretty(seconds[0])} to {pretty(seconds[-1])}"
            f" | {pretty(fixed)} | {exponent:.2f} | {(seconds[worst] / curve[worst] - 1) * 100:+.0f} %"
            f" at {sizes[worst]:,} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the four smallest sizes, one round: to see that it works")
    small = parser.parse_args().small
    print("| what | sizes | least times | fixed cost | exponent | worst deviation |\n|---|---|---|---|---|---|")
    for name, (make, sizes, rounds) in SUBJECTS.items():
        print(row(name, make, sizes[: 4 if small else None], 1 if small else rounds), flush=True)


if __name__ == "__main__":
    main()
