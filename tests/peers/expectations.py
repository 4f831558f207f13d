"""What the gate should say about each adapter of this folder, and why. Data for `test_peers.py`.

The reasons say in our own words what the package's source does; numbers in square brackets point into the
notes on real packages that this project started from (`P` the section of field/peers.md, `C` of
field/conventions.md). An operation that an adapter offers and that is not listed here is expected to
conform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Expected:
    """The verdict on one operation."""

    verdict: str
    green: bool
    because: str
    conventions: Mapping[str, str] = field(default_factory=dict)
    """Values with a number may be given by their kind alone: `floor:E`."""
    declared: bool = False
    mistakes: tuple[str, ...] | None = ()
    """Slugs without the operation's name, all of them; None where any will do."""


@dataclass(frozen=True)
class Peer:
    """An adapter, the package it needs, and the operations that do more or other than conform."""

    requires: str
    differs: Mapping[str, Expected] = field(default_factory=dict)


CONFORMS = Expected("conforms", True, "The package computes the definition.")

UNNAMED = "known-mistake|unknown-difference"
"""Wrong, whether or not the catalogue has a name for it yet."""


def free(because: str, **conventions: str) -> Expected:
    return Expected("conforms-under", True, because, conventions)


def declared(because: str, **conventions: str) -> Expected:
    return Expected("conforms-under", True, because, conventions, declared=True)


def undeclared(because: str, **conventions: str) -> Expected:
    return Expected("conforms-under", False, because, conventions)


def mistake(*slugs: str, because: str, **conventions: str) -> Expected:
    return Expected("known-mistake", False, because, conventions, mistakes=slugs)


def unnamed(because: str, **conventions: str) -> Expected:
    return Expected(UNNAMED, False, because, conventions, mistakes=None)


# --- reasons that several packages share ---

HALF = "Half of the squared error. [C 4.4]"
BESSEL = "torch's std: the variance is divided by n - 1. [C 4.3, P 3]"
BINDING = "Counts a clip only where it takes effect. [C 4.5, P 3]"
CLIP_ONLY = "The squared error of the clipped value alone, no maximum. [C 4.4]"
LEAKS = "The unused entry is multiplied by zero, which leaves a NaN. [P 1: exact on finite inputs]"
SINGLE = "A step in between is float32, whatever comes in. [P 4]"
PRETENDS = "Starts from mean 0, variance 1 and a count that is not zero: the made-up batch stays in the result."

PEERS: dict[str, Peer] = {
    "brax_float64": Peer(
        "brax",
        {
            "gae": declared(
                "No lambda on the first link; truncated steps get no advantage. [P 2.10, C 4.2]",
                gae_recursion="brax",
                truncation="mask",
            ),
            "value_loss": free(HALF, value_loss_scale="half"),
            "clipped_value_loss": free(HALF, value_loss_scale="half"),
        },
    ),
    "gymnasium_float64": Peer("gymnasium", {"running_moments": mistake("pseudo-observation", because=PRETENDS)}),
    "openrlhf_clean": Peer(
        "openrlhf",
        {
            "token_gae": declared(
                "Masked tokens are steps of value and reward 0. [P 2.7, C 4.1]", token_mask="multiply"
            ),
            "normalize_advantages": free(
                "Variance by n, floored at 1e-8: the deviation at 1e-4. [C 4.3]", std_eps="floor:1e-4"
            ),
            "clip_loss": declared("Log-ratios are clamped to [-20, 20]. [P 2.12]", log_ratio_clamp="20"),
            "value_loss": free(HALF, value_loss_scale="half"),
            "clipped_value_loss": free(HALF, value_loss_scale="half"),
        },
    ),
    "openrlhf_sequences": Peer(
        "openrlhf",
        {"truncated_is_loss": declared("Log-ratios are clamped to [-20, 20]. [P 2.12]", log_ratio_clamp="20")},
    ),
    "openrlhf_float32": Peer(
        "openrlhf",
        {
            "token_gae": mistake(
                "nan-leak",
                because="Masked tokens are steps of value and reward 0. " + LEAKS + " [P 2.7, C 4.1]",
                token_mask="multiply",
            ),
            "normalize_advantages": mistake(
                "nan-leak",
                because="Variance by n, floored at 1e-8: the deviation at 1e-4. [C 4.3] " + LEAKS,
                std_eps="floor:1e-4",
            ),
            "kl_k1": mistake(
                "nan-leak",
                because="Every estimate is clamped to [-10, 10], here the log-ratio itself. [P 2.12] " + LEAKS,
                log_ratio_clamp="10",
            ),
            "kl_k2": unnamed("Every estimate is clamped to [-10, 10]. [P 2.12, C 4.3] " + LEAKS),
            "kl_k3": mistake(
                "clamped",
                "nan-leak",
                because="Every estimate is clamped to [-10, 10]. [P 2.12, C 4.3] " + LEAKS,
            ),
            "clip_loss": mistake(
                "nan-leak",
                because="Log-ratios are clamped to [-20, 20]. [P 2.12] " + LEAKS,
                log_ratio_clamp="20",
            ),
            "clip_fraction": free(BINDING, clip_fraction="binding"),
            "value_loss": mistake("nan-leak", because=HALF + " " + LEAKS, value_loss_scale="half"),
            "clipped_value_loss": mistake("nan-leak", because=HALF + " " + LEAKS, value_loss_scale="half"),
            "masked_mean": mistake("nan-leak", because=LEAKS),
            "sequence_mean": mistake("nan-leak", because=LEAKS),
        },
    ),
    "rejax_float32": Peer(
        "rejax",
        {"gae": undeclared("One flag for both ends, and it cuts everything. [C 4.1, P 2.11]", truncation="terminal")},
    ),
    "rlax_float32": Peer(
        "rlax",
        {
            "td_errors": mistake("nan-leak", because="The discount is 0 at a terminal step. " + LEAKS),
            "value_loss": free("`l2_loss` is half of the square.", value_loss_scale="half"),
        },
    ),
    "rlax_float64": Peer(
        "rlax",
        {
            "td_errors": mistake("nan-leak", because="The discount is 0 at a terminal step. " + LEAKS),
            "value_loss": free("`l2_loss` is half of the square.", value_loss_scale="half"),
        },
    ),
    "rllib_float32": Peer(
        "ray.rllib",
        {
            "gae": mistake("nan-leak", because="The value after a terminal step is multiplied by 0. " + LEAKS),
            "normalize_advantages": unnamed("The extra row of the episode is standardised along. [P 2.4]"),
            "adapt_kl_coef": undeclared("x1.5 above twice the target, x0.5 below half of it. [C 4.5]", kl_rule="rllib"),
            "clipped_value_loss": undeclared(
                "The squared error is limited, not the step. [C 4.4]", value_clip="error_clamp"
            ),
            "explained_variance": mistake(
                "floored-at-minus-one",
                because="Never below -1: the number is cut off there. (And 1e-6 in the denominator.)",
                explained_variance="var+E",
            ),
        },
    ),
    "rsl_rl_float32": Peer(
        "rsl_rl",
        {
            "gae": undeclared(
                "A time-out is bootstrapped with the value before the step. [P 2.11, C 4.2]",
                timeout_value="current_observation",
            ),
            "normalize_advantages": free(BESSEL, advantage_std="ddof1"),
        },
    ),
    "sb3_contrib_float32": Peer(
        "sb3_contrib",
        {
            name: Expected(
                "known-mistake|error",
                False,
                "Its base class refuses NaN among the logits, before any mask is applied.",
                mistakes=None,
            )
            for name in ("categorical_log_prob", "categorical_entropy")
        },
    ),
    "sbx_float32": Peer("sbx"),
    "skrl_float32": Peer(
        "skrl",
        {
            "gae": undeclared(
                "By default a truncated step runs on into the next episode. [P 2.2, C 4.2]", truncation="leak"
            ),
            "normalize_advantages": free(BESSEL, advantage_std="ddof1"),
            "clipped_value_loss": undeclared(CLIP_ONLY, value_clip="clipped_only"),
            "running_moments": unnamed("Sample variances are merged as if they were divided by n. " + PRETENDS),
        },
    ),
    "skrl_time_limits": Peer(
        "skrl",
        {
            "gae": mistake(
                "truncation-overrides-termination",
                "nan-leak",
                because="A step with both flags is bootstrapped, by multiplication. [P 2.2]",
            )
        },
    ),
    "stable_baselines3_collect": Peer("stable_baselines3"),
    "stable_baselines3_float32": Peer(
        "stable_baselines3",
        {
            "normalize_advantages": free(BESSEL, advantage_std="ddof1"),
            "clipped_value_loss": undeclared(CLIP_ONLY, value_clip="clipped_only"),
            "running_moments": mistake("pseudo-observation", because=PRETENDS),
        },
    ),
    "stable_baselines3_float64": Peer(
        "stable_baselines3",
        {
            "normalize_advantages": free(BESSEL, advantage_std="ddof1"),
            "clipped_value_loss": declared(CLIP_ONLY, value_clip="clipped_only"),
            "squashed_gaussian_log_prob": mistake(
                "epsilon-in-jacobian", because="1e-6 is added inside the logarithm of 1 - a^2. [C 4.5]"
            ),
        },
    ),
    "tianshou_clean": Peer("tianshou"),
    "tianshou_float32": Peer(
        "tianshou",
        {
            "gae": mistake("nan-leak", because="Next values are multiplied by the value mask. " + LEAKS),
            "normalize_advantages": free(BESSEL, advantage_std="ddof1"),
        },
    ),
    "tianshou_float64": Peer(
        "tianshou",
        {
            "gae": mistake("nan-leak", because="Next values are multiplied by the value mask. " + LEAKS),
            "normalize_advantages": mistake(
                "reduced-precision",
                because="Seen through the ratio, which is float32. [P 2.12] " + BESSEL,
                advantage_std="ddof1",
            ),
            "surrogate_loss": mistake("reduced-precision", because="The ratio is made float32. [P 2.12]"),
            "clip_loss": mistake("reduced-precision", because="The ratio is made float32. [P 2.12]"),
            "ppo_loss": mistake("reduced-precision", because="The ratio is made float32. [P 2.12]"),
        },
    ),
    "torch_float32": Peer("torch", {"clip_grad_norm": free("1e-6 is added to the norm.", grad_norm_eps="1e-6")}),
    "torch_float64": Peer("torch", {"clip_grad_norm": free("1e-6 is added to the norm.", grad_norm_eps="1e-6")}),
    "torchrl_clean": Peer(
        "torchrl",
        {
            "normalize_advantages": free(BESSEL + " Floored at 1e-6.", advantage_std="ddof1", std_eps="floor:E"),
            "explained_variance": free("The spacing of the type is added to the variance.", explained_variance="var+E"),
        },
    ),
    "torchrl_float32": Peer(
        "torchrl",
        {
            "td_errors": mistake("nan-leak", because=LEAKS),
            "gae": mistake("nan-leak", because=LEAKS),
            "discounted_returns": mistake("nan-leak", because=LEAKS),
            "vtrace": mistake("nan-leak", because=LEAKS),
            "normalize_advantages": free(BESSEL + " Floored at 1e-6.", advantage_std="ddof1", std_eps="floor:E"),
            "kl_penalty_loss": unnamed(
                "The coefficient is changed in place before the gradient is taken. [docs/found.md 1]"
            ),
            "explained_variance": free("The spacing of the type is added to the variance.", explained_variance="var+E"),
        },
    ),
    "torchrl_float64": Peer(
        "torchrl",
        {
            "td_errors": mistake(
                "nan-leak", "reduced-precision", because="gamma times an int tensor is float32. [P 2.3]"
            ),
            "gae": mistake("nan-leak", "reduced-precision", because="gamma times an int tensor is float32. [P 2.3]"),
            "discounted_returns": mistake("nan-leak", because=LEAKS),
            "vtrace": mistake("nan-leak", "reduced-precision", because="gamma times an int tensor is float32. [P 2.3]"),
            "normalize_advantages": free(BESSEL + " Floored at 1e-6.", advantage_std="ddof1", std_eps="floor:E"),
            "adapt_kl_coef": mistake("reduced-precision", because="The coefficient is a float32 buffer. [P 2.3]"),
            # One constant rounded once errs one way, which does not look like rounding: no name is claimed.
            "clip_loss": unnamed("The clip bounds are float32 buffers. [P 2.3]"),
            "clipped_value_loss": unnamed("The clip bound is a float32 buffer. [P 2.3]"),
            "ppo_loss": unnamed("Clip bounds and coefficients are float32 buffers. [P 2.3]"),
            "kl_penalty_loss": unnamed(
                "The coefficient is changed in place before the gradient is taken. [docs/found.md 1]"
            ),
            "explained_variance": free("The spacing of the type is added to the variance.", explained_variance="var+E"),
        },
    ),
    "torchrl_vectorized": Peer(
        "torchrl",
        {
            "gae": Expected(
                UNNAMED + "|error",
                False,
                "Raises for lambda or gamma 0; the sum of a small gamma lambda stops one term early. [P 2.3]",
                mistakes=None,
            ),
            "discounted_returns": Expected("error", False, "Raises for gamma 0. [P 2.3]"),
        },
    ),
    "trl_float64": Peer(
        "trl",
        {
            "kl_k3": mistake("nan-leak", because=LEAKS),
            "surrogate_loss": mistake("nan-leak", because=LEAKS),
            "clip_loss": mistake("nan-leak", because=LEAKS),
            "masked_mean": mistake("nan-leak", because=LEAKS),
            "sequence_mean": mistake("nan-leak", because=LEAKS),
            "sequence_sum_mean": mistake("nan-leak", because=LEAKS),
            "clip_fraction": free(BINDING, clip_fraction="binding"),
        },
    ),
    "trl_grpo": Peer(
        "trl",
        {
            "clip_loss": mistake(
                "mean-of-row-means", "nan-leak", because="A mean over sequences of token means. [C 4.3] " + LEAKS
            )
        },
    ),
    "verl_float32": Peer(
        "verl",
        {
            "token_gae": mistake(
                "nan-leak", because="Masked tokens are skipped, by multiplication. [P 2.7, C 4.1] " + LEAKS
            ),
            "normalize_advantages": free(
                "Variance by n - 1, 1e-8 inside the root. [C 4.3, P 3]",
                advantage_std="ddof1",
                std_eps="inside:1e-8",
            ),
            "clip_loss": declared("Log-ratios are clamped to [-20, 20]. [P 2.12]", log_ratio_clamp="20"),
            "clip_fraction": free(BINDING, clip_fraction="binding"),
            "clipped_value_loss": free(HALF, value_loss_scale="half"),
            "sequence_mean": mistake("nan-leak", because=LEAKS),
            "sequence_sum_mean": mistake("nan-leak", because=LEAKS),
        },
    ),
    "verl_groups": Peer(
        "verl",
        {
            "grpo_advantages": free(
                "std by n - 1, 1e-6 outside. [C 4.3]", advantage_std="ddof1", std_eps="outside:1e-6"
            ),
            "truncated_is_loss": unnamed("The log-ratio of the weight is clamped to [-20, 20] too: e^-20 for e^-50."),
        },
    ),
    "verl_float64": Peer(
        "verl",
        {
            "token_gae": mistake(
                "nan-leak", because="Masked tokens are skipped, by multiplication. [P 2.7, C 4.1] " + LEAKS
            ),
            "normalize_advantages": mistake(
                "reduced-precision",
                because="n / (n - 1) of integer tensors is float32. [C 4.3]",
                advantage_std="ddof1",
                std_eps="inside:1e-8",
            ),
            "kl_k3": mistake(
                "clamped", because="The log-ratio is clamped to [-20, 20], the estimate to [-10, 10]. [P 2.12]"
            ),
            "clip_loss": undeclared(
                "Clips twice by default, with 3; log-ratios are clamped to [-20, 20]. [P 1, P 2.12, C 4.3]",
                log_ratio_clamp="20",
                dual_clip="3",
            ),
            "clip_fraction": free(BINDING, clip_fraction="binding"),
            "clipped_value_loss": free(HALF, value_loss_scale="half"),
            "sequence_mean": mistake("nan-leak", because=LEAKS),
            "sequence_sum_mean": mistake("nan-leak", because=LEAKS),
        },
    ),
}
