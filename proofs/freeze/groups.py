"""Inputs of advantages within a group, of token rewards, and of the coefficient that is moved in proportion."""

from __future__ import annotations

from proofs.freeze.design import Design

TRUE, FALSE = True, False


def group(name: str, says: str, rewards: list[list[float]]) -> Design:
    return Design(name, says, {"rewards": rewards})


GROUPS = (
    group("two-prompts", "Two prompts with three completions each.", [[1.0, -2.0, 0.5], [6.0, 8.5, 7.0]]),
    group("right-and-wrong", "Rewards of 0 and 1; in one row all are equal.",
          [[0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]),
    group("square", "As many prompts as completions.", [[1.0, 3.0, -2.0], [40.0, 41.5, 39.0], [-90.0, -80.5, -99.0]]),
    group("one-prompt", "One prompt, one reward far above the rest.", [[0.5, -0.25, 64.0, 1.0, 0.0]]),
    group("two-completions", "Two completions of three prompts.", [[1.0, 3.0], [-0.5, 0.25], [2.0, 2.0]]),
    group("tiny-spread", "A spread near 3e-6, so that the stabiliser 1e-8 shows.",
          [[3 * 2.0**-20, -(2.0**-20), 2 * 2.0**-20, -5 * 2.0**-20], [1.0, 0.0, 2.0, -1.0]]),
)


def answers(name: str, says: str, scores: list[float], log_prob: list[list[float]], ref: list[list[float]],
            mask: list[list[bool]], kl_coef: float) -> Design:
    return Design(name, says, {"scores": scores, "log_prob": log_prob, "ref_log_prob": ref, "mask": mask,
                               "kl_coef": kl_coef})


NEW = [[-1.0, -0.5, -2.25, -1.5], [-0.75, -3.0, -0.25, -1.0]]
REF = [[-1.5, -0.25, -1.0, -4.0], [-1.25, -2.0, -0.5, -0.75]]

REWARDS = (
    answers("every-token", "Two answers of four tokens.", [2.0, -7.0], NEW, REF, [[TRUE] * 4] * 2, 0.5),
    answers("padded-right", "Answers of three and two tokens, padded at the end.", [1.5, -0.5], NEW, REF,
            [[TRUE, TRUE, TRUE, FALSE], [TRUE, TRUE, FALSE, FALSE]], 0.25),
    answers("padded-left", "The padding is in front.", [1.5, 12.0], NEW, REF,
            [[FALSE, TRUE, TRUE, TRUE], [FALSE, FALSE, TRUE, TRUE]], 0.25),
    answers("holes", "Tool output in the middle is masked.", [-3.0, 8.0], NEW, REF,
            [[TRUE, FALSE, TRUE, TRUE], [TRUE, FALSE, TRUE, FALSE]], 0.125),
    answers("one-token", "An answer of one token among padding.", [0.75], [[-1.0, -2.5, -3.0]], [[-2.0, -0.5, -1.0]],
            [[FALSE, TRUE, FALSE]], 2.0),
    answers("no-penalty", "kl_coef = 0: the scores alone.", [6.0, -0.25], NEW, REF,
            [[TRUE, TRUE, FALSE, FALSE], [TRUE, TRUE, TRUE, FALSE]], 0.0),
)


def control(name: str, says: str, kl_coef: float, kl: float, target_kl: float, batch_steps: int,
            horizon: int) -> Design:
    return Design(name, says, {"kl_coef": kl_coef, "kl": kl, "target_kl": target_kl, "batch_steps": batch_steps,
                               "horizon": horizon})


CONTROLS = (
    control("at-target", "KL at its target: nothing changes.", 0.5, 0.25, 0.25, 64, 256),
    control("well-above", "KL at four times its target: the largest step up.", 0.75, 1.0, 0.25, 64, 256),
    control("well-below", "KL at an eighth of its target: the largest step down.", 0.75, 0.75, 6.0, 100, 10000),
    control("a-little-above", "KL at 9/8 of its target: in proportion.", 3.0, 6.75, 6.0, 64, 256),
    control("a-little-below", "KL at 15/16 of its target: in proportion.", 0.25, 0.234375, 0.25, 3, 8),
    control("negative", "An estimate below 0.", 0.2001953125, -0.5, 6.0, 256, 10000),
    control("longer-batch", "A batch longer than the horizon.", 2.0, 1.125, 1.0, 300, 128),
)

DESIGNS = {
    "grpo_advantages": GROUPS,
    "rloo_advantages": GROUPS,
    "dr_grpo_advantages": GROUPS,
    "kl_reward": REWARDS,
    "adapt_kl_coef_proportional": CONTROLS,
}
