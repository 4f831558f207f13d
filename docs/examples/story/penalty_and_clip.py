"""S13 against S14: hold the policy by a KL penalty of coefficient beta, or by clipping at eps.

One world, exact expectations, the same number and length of steps: how far the policy moves in an update (KL) and
what it has learned after all of them.  S17 says that the clip "replaces" the penalty: it bounds no KL, it only stops
pushing.
"""

from __future__ import annotations

import numpy as np
from picture import figure, save

from ppocore.worlds import Settings, exact_optimum, exact_ppo, garnet

WORLD = garnet(6, 3, 2, seed=3)
BETAS, EPSILONS = np.logspace(-2, 1, 7), np.linspace(0.05, 0.95, 7)
UPDATES, EPOCHS, RATE = 30, 20, 0.5


def trained(settings: Settings) -> tuple[float, float]:
    """Largest KL of an update, and the share of the best value in the end."""
    run = exact_ppo(WORLD, settings)
    first, best = run.objectives[0], exact_optimum(WORLD).objective
    return float(run.kls.max()), float((run.objectives[-1] - first) / (best - first))


def main() -> None:
    """Print both families, and draw what they learn against how far they move."""
    families = {
        "KL penalty": [(f"beta {beta:.3g}", Settings("kl", UPDATES, EPOCHS, RATE, kl_coef=beta)) for beta in BETAS],
        "clip": [(f"eps {eps:.3g}", Settings("clip", UPDATES, EPOCHS, RATE, clip_eps=eps)) for eps in EPSILONS],
    }
    drawing, panel = figure("S13 and S14: what is learned against how far an update goes")
    for family, settings in families.items():
        found = np.array([trained(choice) for _, choice in settings])
        for (name, _), (kl, share) in zip(settings, found, strict=True):
            print(f"{family:10s} {name:12s} largest KL of an update {kl:8.4f}, learned {share:7.1%}")
        panel.semilogx(found[:, 0], found[:, 1], "o-", label=family)
        for place in (0, -1):
            beside = (8, -12 if place else 6)
            panel.annotate(settings[place][0], found[place], xytext=beside, textcoords="offset points")
    kl, share = trained(Settings("surrogate", UPDATES, EPOCHS, RATE))
    print(f"neither: largest KL of an update {kl:.4f}, learned {share:.1%}")
    panel.plot(kl, share, "x", color="black", label="neither (S9)")
    panel.set_xlabel("largest KL(old, new) of an update")
    panel.set_ylabel("share of the best value")
    panel.legend()
    save(drawing, __file__)


if __name__ == "__main__":
    main()
