"""S1 against S2: collect anew after every step, or use one batch several times.

The same episodes and the same step length in a small world; judged by the exact value of the policy.  The source claims
that the second is faster.  It is, per environment step; each update costs more arithmetic, which the times show.
"""

from __future__ import annotations

import time

import numpy as np
from picture import figure, save

from ppocore.worlds import Run, Settings, exact_optimum, pupil, sampled_ppo

UPDATES, EPISODES, SEEDS = 40, 32, 10
WAYS = {
    "on-policy, 1 step a batch (S1)": Settings("on-policy", UPDATES, 1, 0.25),
    "clipped, 8 steps a batch (S2, S14)": Settings("clip", UPDATES, 8, 0.25),
}


def runs(settings: Settings) -> tuple[list[Run], float]:
    """Ten trainings, and the seconds of one."""
    began = time.process_time()
    found = [sampled_ppo(pupil(8), settings, num_episodes=EPISODES, gae_lambda=0.95, seed=seed)
             for seed in range(SEEDS)]
    return found, (time.process_time() - began) / SEEDS


def main() -> None:
    """Print how much of the best value both reach, and draw the curves with their spread over seeds."""
    best = exact_optimum(pupil(8)).objective
    drawing, panel = figure("S1 and S2: the same episodes, used once or several times")
    for label, settings in WAYS.items():
        found, seconds = runs(settings)
        curves = np.array([run.objectives for run in found]) / best
        early, last = np.median(curves[:, [UPDATES // 4, -1]], axis=0)
        print(f"{label}: {early:.0%} of the best after {UPDATES // 4 * EPISODES} episodes, "
              f"{last:.0%} after {UPDATES * EPISODES}; {1000 * seconds:.0f} ms")
        episodes = np.arange(UPDATES + 1) * EPISODES
        panel.plot(episodes, np.median(curves, axis=0), label=label)
        panel.fill_between(episodes, curves.min(axis=0), curves.max(axis=0), alpha=0.2)
    panel.set_xlabel("episodes collected")
    panel.set_ylabel("share of the best value")
    panel.legend(loc="lower right")
    save(drawing, __file__)


if __name__ == "__main__":
    main()
