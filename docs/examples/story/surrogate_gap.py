"""S7: the gradient with the ratio equals the policy gradient.  Where?

At the policy that collected the data, exactly; elsewhere it misses that the states change, at first order in the
distance.  The surrogate's value is right to one order more.  A small random world, everything exact.
"""

from __future__ import annotations

import numpy as np
from picture import figure, save
from scipy.special import softmax

from ppocore.worlds import exact_policy_gradient, exact_surrogate, exact_values, garnet

DISTANCES = np.logspace(-3, 0, 13)


def gaps() -> tuple[np.ndarray, np.ndarray]:
    """At each distance from the old policy: by how much the gradient and the value of the surrogate are off."""
    world = garnet(6, 3, 2, seed=3)
    rng = np.random.default_rng(1)
    start, direction = rng.normal(size=(2, 6, 3))
    old = softmax(start, axis=1)
    first = exact_values(world, old).objective
    found = []
    for distance in DISTANCES:
        new = softmax(start + distance * direction, axis=1)
        surrogate = exact_surrogate(world, new, old, discount_states=True)
        missing = exact_policy_gradient(world, new, discount_states=True) - surrogate.grad_logits
        gained = exact_values(world, new).objective - first
        found.append((np.linalg.norm(missing), abs(gained - surrogate.objective)))
    gradient, value = np.array(found).T
    return gradient, value


def main() -> None:
    """Print both gaps and how they grow, and draw them."""
    gradient, value = gaps()
    near = slice(0, 5)
    orders = [np.polyfit(np.log(DISTANCES[near]), np.log(gap[near]), 1)[0] for gap in (gradient, value)]
    print("distance   gap of the gradient   gap of the value")
    for row in zip(DISTANCES[::4], gradient[::4], value[::4], strict=True):
        print("{:8.3f}   {:19.3e}   {:16.3e}".format(*row))
    print(f"order of the gap: gradient {orders[0]:.2f}, value {orders[1]:.2f}")

    drawing, panel = figure("S7: off-policy, the gradient is off at first order")
    panel.loglog(DISTANCES, gradient, "o-", label=f"gradient, order {orders[0]:.2f}")
    panel.loglog(DISTANCES, value, "s-", label=f"value, order {orders[1]:.2f}")
    panel.set_xlabel("distance of the logits from the old policy")
    panel.set_ylabel("what the surrogate misses")
    panel.legend()
    save(drawing, __file__)


if __name__ == "__main__":
    main()
