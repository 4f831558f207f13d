"""S10: the pupil plays with probability 0.2, you with 0.4, so you must adjust by twice as much.  Is that so?

The weight is exactly 2.  The change of the logits is not: it also depends on how likely the action already is.
"""

from __future__ import annotations

import numpy as np
from picture import figure, save
from scipy.special import softmax

from ppocore import categorical_log_prob, surrogate_loss

PUPIL, YOU, ADVANTAGE = 0.2, 0.4, 1.0


def change(chance: float) -> tuple[float, float]:
    """The ratio to the pupil's chance, and the derivative of the objective in the logit of playing."""
    logits = np.log([[chance, 1 - chance]])
    log_prob = categorical_log_prob(logits, [0])
    loss = surrogate_loss(log_prob.log_prob, np.log([PUPIL]), [ADVANTAGE])
    grad_logits = -loss.grad_log_prob[:, None] * log_prob.grad_logits
    return float(chance / PUPIL), float(grad_logits[0, 0])


def main() -> None:
    """Print the two numbers, and draw them for every chance."""
    (_, own), (weight, yours) = change(PUPIL), change(YOU)
    print(f"weight of the pupil's experience for you: {weight:.3f}")
    print(f"the pupil's own logit moves by {own:.3f} A, yours by {yours:.3f} A: {yours / own:.3f} times as much")

    drawing, (left, right) = figure("S10: twice the weight is not twice the change", columns=2)
    chances = softmax(np.stack([np.linspace(-4, 4, 200), np.zeros(200)]), axis=0)[0]
    changes = np.array([change(chance) for chance in chances])
    for panel, column, label in ((left, 0, "weight  p / 0.2"), (right, 1, "change of the logit / A")):
        panel.plot(chances, changes[:, column], color="C0")
        for chance, name in ((PUPIL, "pupil"), (YOU, "you")):
            height = change(chance)[column]
            panel.plot(chance, height, "o", color="C1")
            panel.annotate(f"{name}: {height:.2f}", (chance, height), xytext=(8, -12), textcoords="offset points")
        panel.set_xlabel("chance to play")
        panel.set_title(label)
    save(drawing, __file__)


if __name__ == "__main__":
    main()
