"""S16: with a positive advantage and eps = 0.2 the ratio "cannot exceed 1.2".  It can.

Two samples of one state, policy (.3, .6, .1), advantage +1 on the first action and -1 on the second.  The first sample
stops pushing at 1.2; the second goes on, and what it takes from its action goes mostly to the first.
"""

from __future__ import annotations

import numpy as np
from picture import figure, save
from scipy.special import softmax

from ppocore import categorical_log_prob, clip_loss

OLD, ACTIONS, ADVANTAGES = np.array([0.3, 0.6, 0.1]), np.array([0, 1]), np.array([1.0, -1.0])
CLIP_EPS, RATE, STEPS = 0.2, 0.01, 93


def run() -> np.ndarray:
    """Ratios of the three actions after every step of ascent, shape (STEPS + 1, 3)."""
    logits, old_log_prob = np.log(OLD), np.log(OLD[ACTIONS])
    ratios = [np.ones(3)]
    for _ in range(STEPS):
        rows = categorical_log_prob(np.tile(logits, (2, 1)), ACTIONS)
        loss = clip_loss(rows.log_prob, old_log_prob, ADVANTAGES, clip_eps=CLIP_EPS)
        logits = logits - RATE * (loss.grad_log_prob[:, None] * rows.grad_logits).sum(axis=0)
        ratios.append(softmax(logits) / OLD)
    return np.array(ratios)


def main() -> None:
    """Print when the ratio passes 1.2 and where it ends, and draw the three ratios."""
    ratios = run()
    passed = int(np.argmax(ratios[:, 0] > 1 + CLIP_EPS))
    print(f"the ratio of the first action passes {1 + CLIP_EPS} at step {passed} and ends at {ratios[-1, 0]:.4f}")
    print(f"the second action's ends at {ratios[-1, 1]:.4f}, where its sample stops too")

    drawing, panel = figure("S16: clipping ends one sample's push, not the ratio's way")
    for action, label in enumerate(("A = +1", "A = -1", "never sampled")):
        panel.plot(ratios[:, action], label=f"action {action + 1}, {label}")
    panel.axhspan(1 - CLIP_EPS, 1 + CLIP_EPS, color="grey", alpha=0.15, label="the band")
    panel.set_xlabel("step")
    panel.set_ylabel("ratio")
    panel.legend(loc="center right")
    save(drawing, __file__)


if __name__ == "__main__":
    main()
