"""The mistakes that the vectors of groups, token rewards and the proportional coefficient kill."""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "grpo_advantages": {
        "two-prompts": (
            "groups-cut-across over-the-prompts over-the-batch unchanged sign-flipped negative-advantages-dropped "
            "best-as-baseline not-centred not-scaled spread-of-the-batch mean-of-the-batch own-reward-left-out "
            "divided-by-variance spread-about-zero epsilon-too-large mean-deviation-for-std divided-by-the-range "
            "normalized-twice"),
        "right-and-wrong": "normalized-twice",
        "square": "mean-deviation-for-std divided-by-the-range normalized-twice",
        "one-prompt": "axis-of-one-lost",
        "two-completions": "epsilon-too-large divided-by-the-range normalized-twice",
        "tiny-spread": "mean-deviation-for-std divided-by-the-range normalized-twice",
    },
    "rloo_advantages": {
        "two-prompts": (
            "groups-cut-across over-the-prompts over-the-batch unchanged sign-flipped negative-advantages-dropped "
            "best-as-baseline own-reward-in-the-baseline sum-of-the-others divided-by-the-group-size "
            "own-reward-not-taken-out correction-inverted divided-by-the-spread best-of-the-others "
            "neighbour-as-baseline"),
        "right-and-wrong": "divided-by-the-spread best-of-the-others neighbour-as-baseline",
        "square": "divided-by-the-spread best-of-the-others neighbour-as-baseline",
        "one-prompt": "axis-of-one-lost",
        "two-completions": "own-reward-not-taken-out correction-inverted divided-by-the-spread",
        "tiny-spread": "divided-by-the-spread best-of-the-others neighbour-as-baseline",
    },
    "dr_grpo_advantages": {
        "two-prompts": (
            "groups-cut-across over-the-prompts over-the-batch unchanged sign-flipped negative-advantages-dropped "
            "best-as-baseline divided-by-the-spread spread-of-the-batch own-reward-left-out "
            "divided-by-the-group-size median-for-mean first-as-baseline"),
        "right-and-wrong": "divided-by-the-group-size median-for-mean first-as-baseline",
        "square": "divided-by-the-group-size median-for-mean first-as-baseline",
        "one-prompt": "axis-of-one-lost",
        "two-completions": "own-reward-left-out divided-by-the-group-size first-as-baseline",
        "tiny-spread": "divided-by-the-group-size median-for-mean first-as-baseline",
    },
    "kl_reward": {
        "every-token": (
            "kl-added penalty-missing coefficient-missing squared-log-ratio k3-for-k1 absolute-value "
            "negative-log-ratios-dropped probabilities-for-logarithms score-missing score-at-every-token "
            "score-shared-by-the-tokens score-at-the-first-token score-one-token-early score-replaces-the-penalty "
            "penalty-at-the-end-only mean-penalty-at-the-end penalty-averaged-over-the-answer "
            "penalty-divided-by-the-length score-clamped scores-centred"),
        "padded-right": "score-at-the-last-slot",
        "padded-left": "score-at-the-count score-before-the-first-hole score-clamped",
        "holes": "score-before-the-first-hole",
        "one-token": "axis-of-one-lost",
        "no-penalty": "score-one-token-early score-clamped scores-centred",
    },
    "adapt_kl_coef_proportional": {
        "at-target": "one-not-subtracted",
        "well-above": (
            "error-not-clipped clipped-at-another-width step-clipped sign-flipped quotient-inverted "
            "horizon-ignored batch-ignored share-inverted share-rounded-down added exponential never-raised "
            "threshold-rule never-changed"),
        "well-below": "never-lowered",
        "a-little-above": "absolute-error quotient-inverted logarithmic-error",
        "a-little-below": "never-lowered threshold-rule never-changed",
        "negative": "never-lowered threshold-rule never-changed",
        "longer-batch": "never-raised threshold-rule never-changed",
    },
}
