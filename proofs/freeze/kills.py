"""The named mistakes that each vector is there to kill, by the name of the vector; a test holds each to it.

Together the vectors of an operation name every mistake that the gate knows of it.  Mistakes that nearly any input
shows stand with the first vector that shows them, the others with the vector made for them.
"""

from __future__ import annotations

from proofs.freeze.kills_groups import GROUPS
from proofs.freeze.kills_sequence_losses import SEQUENCE_LOSSES

KILLS: dict[str, dict[str, str]] = {
    **GROUPS,
    **SEQUENCE_LOSSES,
    "td_errors": {
        "nothing-ends": "bootstraps-from-last-acted-observation value-not-subtracted sign-flipped",
        "terminated-midway": "done-read-one-step-late done-read-one-step-early terminal-state-bootstrapped",
        "truncated-midway": "no-bootstrap-at-the-end bootstrap-not-discounted",
        "terminated-then-truncated": "done-read-one-step-late done-read-one-step-early",
        "both-flags-at-once": "axis-of-one-lost truncation-overrides-termination",
        "ends-with-the-rollout": "terminated-flag-on-two-steps terminal-state-bootstrapped",
        "more-environments-than-steps": "reward-masked-at-the-end delta-masked-at-the-end",
        "long-decay": "gamma-on-the-value gamma-on-the-reward",
    },
    "gae": {
        "nothing-ends": (
            "returns-from-stale-advantages returns-from-normalized-advantages returns-are-advantages "
            "returns-subtract-values returns-are-rewards-to-go returns-one-row-too-many normalized "
            "returns-in-place-of-advantages rewards-of-the-next-row bootstraps-from-last-acted-observation "
            "bootstrap-counted-twice one-step-only immediate-reward-only value-not-subtracted sign-flipped "
            "bootstrap-not-discounted gamma-on-the-value gamma-on-the-reward last-row-zero"),
        "terminated-midway": (
            "recursion-cut-one-step-late recursion-cut-one-step-early recursion-never-cut "
            "carry-zeroed-after-the-end reward-masked-at-the-end delta-masked-at-the-end"),
        "truncated-midway": "time-limit-zeroes-the-bootstrap-and-leaks bootstraps-from-reset-observation",
        "terminated-then-truncated": (
            "lambda-return-leaks-past-the-end done-read-one-step-late done-read-one-step-early ends-ignored"),
        "both-flags-at-once": "axis-of-one-lost truncation-overrides-termination",
        "ends-with-the-rollout": "terminated-flag-on-two-steps terminal-state-bootstrapped no-bootstrap-at-the-end",
        "more-environments-than-steps": "wrong-time-axis axes-flattened time-reversed",
        "long-decay": "no-lambda no-gamma-in-recursion decay-squared lambda-complement recursion-undecayed",
    },
    "discounted_returns": {
        "nothing-ends": "immediate-reward-only",
        "terminated-midway": "reset-after-use reward-masked-at-the-end",
        "truncated-midway": "ends-ignored no-bootstrap-at-the-end",
        "terminated-then-truncated": "done-read-one-step-late done-read-one-step-early",
        "both-flags-at-once": "axis-of-one-lost truncation-overrides-termination",
        "ends-with-the-rollout": "terminated-flag-on-two-steps",
        "more-environments-than-steps": "wrong-time-axis axes-flattened time-reversed",
        "long-decay": "undiscounted discounts-the-first-reward bootstrap-not-discounted",
    },
    "vtrace": {
        "nothing-ends": "rho-not-clipped ratios-inverted lambda-on-rho wrong-time-axis advantage-weight-at-one",
        "terminated-midway": (
            "c-not-clipped log-ratios-as-weights delta-not-weighed done-read-one-step-late advantage-from-values"),
        "truncated-midway": (
            "not-clipped log-ratios-clipped no-gamma-in-recursion time-reversed advantage-is-the-correction "
            "advantage-reads-the-next-episode"),
        "terminated-then-truncated": (
            "clips-exchanged weights-forgotten trace-of-the-next-step corrections-returned advantage-of-the-target"),
        "both-flags-at-once": (
            "c-clipped-with-rho-clip c-is-lambda one-step-only values-added-twice advantage-mixes-target-and-value "
            "axis-of-one-lost"),
        "ends-with-the-rollout": (
            "clips-fixed-at-one cumulative-ratios terminal-state-bootstrapped advantage-not-weighed"),
        "more-environments-than-steps": (
            "rho-clip-fixed-at-one rho-squared recursion-never-cut advantage-weight-not-clipped"),
        "long-decay": "floor-for-cap no-lambda no-bootstrap-at-the-end advantage-weighed-by-c",
    },
    "token_gae": {
        "every-token-counts": (
            "one-step-only values-one-position-early returns-in-place-of-advantages immediate-reward-only "
            "sign-flipped"),
        "padded-right": "mask-ignored rewards-not-masked values-not-masked",
        "padded-left": "values-one-position-late",
        "holes": "carry-zeroed-at-masked decayed-across-masked",
        "undiscounted-holes": "mask-shifted-left last-token-dropped bootstraps-past-the-end",
        "long-decay": "axis-of-one-lost no-lambda no-gamma-in-recursion",
    },
    "normalize_advantages": {
        "four": (
            "not-scaled unchanged divided-by-variance multiplied-by-std largest-size-for-std to-an-interval "
            "sign-flipped two-degrees-lost unit-length standard-error-for-std mean-deviation-for-std "
            "over-an-axis-of-one halves-apart mean-kept"),
        "offset": "not-centred root-mean-square-for-std scaled-before-centring",
        "tiny-spread": "epsilon-too-large normalized-twice",
        "equal": "unchanged mean-kept",
        "masked": "mask-ignored mask-inverted",
        "masked-tail": "masked-entries-as-zeros spread-over-all-slots mask-missing-in-std mask-missing-in-mean",
        "outlier": "result-clipped",
    },
    "ratio": {
        "around-one": "exponential-of-quotient one-subtracted base-two always-one summed-exponentials",
        "unequal-policies": "averaged-log-ratio summed-log-ratio outer-broadcast",
        "one-action": "axis-of-one-lost inverted exponential-missing quotient-of-log-probabilities",
        "minus-eight-hundred": "quotient-of-exponentials",
        "densities-above-one": "difference-of-probabilities old-policy-forgotten",
        "far": "linearised clipped truncated",
    },
    "importance_estimate": {
        "three-samples": (
            "log-weights-as-weights weights-squared proposal-forgotten normalized-and-averaged product-of-means"),
        "equal-distributions": "sum-for-mean divided-by-n-minus-one",
        "one-sample": "weights-inverted self-normalized",
        "large-and-small-weights": "weights-truncated",
        "weights-near-zero": "weights-forgotten shift-not-undone",
        "offset-thousand": "quotient-of-exponentials",
        "offset-minus-thousand": "quotient-of-log-densities",
    },
    "self_normalized_estimate": {
        "three-samples": (
            "weights-inverted log-weights-as-weights weights-forgotten weights-squared proposal-forgotten "
            "numerator-not-weighted divided-by-sum-of-fx"),
        "equal-distributions": "averaged-once-more divided-by-norm-of-weights",
        "one-sample": "not-normalized sum-for-weights-sum",
        "large-and-small-weights": "weights-truncated",
        "weights-near-zero": "epsilon-in-denominator",
        "offset-thousand": "quotient-of-exponentials",
        "offset-minus-thousand": "quotient-of-log-densities quotient-of-exponentials",
    },
    "effective_sample_size": {
        "unequal": (
            "inverted numerator-not-squared exponential-of-entropy largest-weight-only variance-of-raw-weights "
            "sample-variance log-weights-as-weights weights-squared epsilon-in-denominator"),
        "equal": "fraction-of-n weights-not-normalized logarithm-returned",
        "one-weight": "weights-not-normalized",
        "dominated": "weights-truncated",
        "offset-thousand": "unshifted-exponent",
        "offset-minus-thousand": "unshifted-exponent epsilon-in-denominator",
    },
    "truncated_importance_estimate": {
        "three-samples": "not-truncated cap-is-one log-weights-as-weights",
        "below-the-cap": "maximum-for-minimum cut-after-normalising weights-forgotten",
        "above-the-cap": "large-weights-dropped cap-is-root-n",
        "one-sample": "mean-over-kept-samples self-normalized",
        "cap-below-one": "product-truncated sum-for-mean",
        "offset-thousand": "log-weight-truncated product-of-means quotient-of-exponentials",
        "offset-minus-thousand": "cut-from-below-as-well weights-inverted",
    },
    "per_decision_importance_estimate": {
        "every-step-counts": "per-step-ratios geometric-mean discounts-the-first-reward row-means",
        "holes": "whole-trajectory-weight log-ratios-as-weights masked-steps-take-time masked-ratios-in-the-product",
        "padded-right": "product-one-step-short ratios-inverted masked-rewards-counted mask-ignored",
        "undiscounted": "product-of-later-steps product-across-trajectories sum-over-rows",
        "one-step": "traces-cut-at-one weights-forgotten weighted-per-step",
        "minus-eight-hundred": "product-down-the-batch undiscounted mean-over-steps",
    },
    "kl_k1": {
        "both-signs": "sum-for-mean mean-missing epsilon-in-logarithm absolute-value in-bits halved",
        "one-sample": "sign-flipped minus-mean-ratio",
        "three-samples": "floored-at-zero",
        "near": "epsilon-in-logarithm k2-instead k3-instead",
        "far": "reweighted logarithm-of-mean-ratio",
        "minus-eight-hundred": "quotient-of-exponentials",
        "masked": "mask-ignored mask-inverted epsilon-in-count",
        "masked-head": "all-slots-counted mask-as-length",
    },
    "kl_k2": {
        "both-signs": "epsilon-in-logarithm square-of-mean variance root-mean-square",
        "one-sample": "half-missing halved-twice square-missing",
        "three-samples": "sum-for-mean mean-missing",
        "near": "epsilon-in-logarithm k1-instead ratio-minus-one",
        "far": "reweighted k3-instead",
        "minus-eight-hundred": "quotient-of-exponentials",
        "masked": "mask-ignored mask-inverted epsilon-in-count",
        "masked-head": "all-slots-counted mask-as-length",
    },
    "kl_k3": {
        "both-signs": (
            "epsilon-in-logarithm reweighted negated mean-before-exponential logarithm-of-mean-ratio halved"),
        "one-sample": "k1-instead k2-instead sign-flipped",
        "three-samples": "sum-for-mean mean-missing",
        "near": "one-not-subtracted log-ratio-missing log-ratio-added negated",
        "far": "clamped",
        "minus-eight-hundred": "quotient-of-exponentials",
        "masked": "mask-ignored mask-inverted epsilon-in-count",
        "masked-head": "all-slots-counted mask-as-length",
    },
    "categorical_kl": {
        "three-actions": (
            "arguments-swapped weighted-by-other negated averaged-over-actions not-summed cross-entropy "
            "difference-of-entropies total-variation logarithms-missing logits-as-log-probs partition-missing "
            "sigmoid-for-softmax in-bits"),
        "square": "reduced-over-batch softmax-over-batch",
        "two-actions": "axis-of-one-lost squared-difference symmetrised jensen-shannon",
        "near": "arguments-swapped weighted-by-other",
        "rare": "epsilon-in-logarithm probabilities-clamped",
        "offset-thousand": "unshifted-exponent",
    },
    "gaussian_kl": {
        "two-dimensions": (
            "negated half-of-quadratic-missing minus-half-missing minus-half-once one-for-half log-term-missing "
            "log-term-flipped mean-term-missing variance-term-missing gap-not-squared log-std-as-log-variance "
            "softplus-std in-bits cross-entropy"),
        "one-dimension": "arguments-swapped log-term-scaled symmetrised",
        "square": "reduced-over-batch averaged-over-dimensions not-summed",
        "narrow": "axis-of-one-lost epsilon-in-logarithm epsilon-in-denominator",
        "wide": "divided-by-own-variance std-not-squared log-std-as-std",
    },
    "adapt_kl_coef": {
        "at-target": "thresholds-swapped target-forgotten",
        "well-above": "inverted never-raised never-changed factor-one-and-a-half mixed-factors proportional",
        "well-below": "never-lowered mixed-factors learning-rate-rule",
        "just-above-the-upper-threshold": "thresholds-two-and-half mixed-thresholds",
        "just-below-the-upper-threshold": "no-dead-zone",
        "just-above-the-lower-threshold": "no-dead-zone",
        "just-below-the-lower-threshold": "thresholds-two-and-half mixed-thresholds",
        "large-coefficient": "proportional-controller additive",
    },
    "categorical_log_prob": {
        "three-actions": (
            "softmax-twice logits-as-log-probs exponential-missing probability-returned negated "
            "action-not-selected averaged-over-actions one-hot-mean reduced-over-batch in-bits"),
        "square": "softmax-over-batch index-shifted every-row-with-every-action",
        "two-actions": "axis-of-one-lost sigmoid-for-softmax most-likely-action",
        "spread": "epsilon-in-logarithm probability-clamped",
        "offset-thousand": "unshifted-exponent",
        "illegal-actions": "mask-ignored mask-inverted",
        "illegal-above-legal": "mask-too-weak mask-multiplied-into-logits",
    },
    "categorical_entropy": {
        "three-actions": (
            "softmax-twice logits-as-log-probs exponential-missing minus-missing in-bits averaged-over-actions "
            "perplexity partition-missing weights-missing logarithm-missing most-likely-action-only"),
        "square": "softmax-over-batch not-summed reduced-over-batch",
        "two-actions": "axis-of-one-lost sigmoid-for-softmax normalized",
        "spread": "epsilon-in-logarithm probabilities-clamped",
        "offset-thousand": "unshifted-exponent",
        "illegal-actions": "mask-ignored mask-inverted not-renormalized zero-times-infinity",
        "illegal-above-legal": "mask-too-weak mask-multiplied-into-logits",
    },
    "gaussian_log_prob": {
        "two-dimensions": (
            "half-on-log-std log-std-doubled log-std-missing log-std-added quadratic-sign-flipped "
            "constant-missing pi-for-two-pi averaged-over-dimensions density-returned "
            "density-of-each-dimension-added negated constant-once jacobian-applied"),
        "one-dimension": "half-missing score-not-squared constant-not-halved",
        "square": "not-summed first-dimension-only reduced-over-batch",
        "narrow": "axis-of-one-lost divided-by-std-once not-divided-by-std epsilon-added-to-std",
        "wide": "log-std-as-std log-std-as-log-variance softplus-std",
    },
    "gaussian_entropy": {
        "two-dimensions": (
            "constant-once sum-inside-logarithm constant-not-halved pi-for-two-pi constant-missing log-std-halved "
            "log-std-doubled log-std-subtracted log-std-missing negated in-bits multiplied-over-dimensions"),
        "one-dimension": "one-missing one-not-halved two-pi-missing",
        "square": "averaged-over-dimensions not-summed reduced-over-batch",
        "narrow": "axis-of-one-lost kept-positive",
        "wide": "std-for-log-std log-std-as-std softplus-std",
    },
    "squashed_gaussian_log_prob": {
        "two-dimensions": (
            "half-on-log-std log-std-doubled log-std-missing log-std-added log-std-as-std log-std-as-log-variance "
            "softplus-std half-missing score-not-squared quadratic-sign-flipped divided-by-std-once "
            "not-divided-by-std constant-missing constant-not-halved pi-for-two-pi averaged-over-dimensions "
            "first-dimension-only reduced-over-batch density-returned density-of-each-dimension-added negated "
            "constant-once squashed-twice-in-jacobian jacobian-of-unsquashed squashed-again atanh-without-half"),
        "one-dimension": "jacobian-missing jacobian-sign-flipped jacobian-scaled",
        "square": "not-summed jacobian-averaged jacobian-not-summed jacobian-over-batch",
        "near-the-bound": "axis-of-one-lost square-missing-in-jacobian epsilon-in-jacobian action-clamped",
        "near-zero": "squashed-twice-in-jacobian",
        "narrow": "epsilon-added-to-std gaussian-at-action not-squashed mean-squashed",
    },
    "bernoulli_log_prob": {
        "two-choices": (
            "not-summed reduced-over-batch negated in-bits only-ones-scored all-scored-as-taken sides-exchanged "
            "softmax-for-sigmoid sigmoid-twice logits-as-log-probs probability-returned probabilities-added "
            "most-likely-side"),
        "one-choice": "sides-exchanged",
        "square": "averaged-over-dimensions",
        "nothing-chosen": "axis-of-one-lost",
        "rare": "first-dimension-only probability-clamped epsilon-in-logarithm",
        "near": "only-ones-scored",
    },
    "bernoulli_entropy": {
        "two-choices": (
            "not-summed reduced-over-batch negated in-bits only-ones-counted softmax-for-sigmoid sigmoid-twice "
            "weights-missing logarithm-missing likelier-side-only partition-missing"),
        "one-choice": "sigmoid-twice",
        "square": "averaged-over-dimensions",
        "nothing-chosen": "axis-of-one-lost",
        "rare": "first-dimension-only probabilities-clamped epsilon-in-logarithm",
        "near": "only-ones-counted",
    },
    "bernoulli_kl": {
        "two-choices": (
            "not-summed reduced-over-batch negated in-bits arguments-swapped only-ones-counted weights-missing "
            "softmax-for-sigmoid sigmoid-twice cross-entropy weighted-by-other symmetrised squared-difference"),
        "one-choice": "symmetrised",
        "square": "averaged-over-dimensions",
        "nothing-chosen": "axis-of-one-lost",
        "rare": "first-dimension-only probabilities-clamped epsilon-in-logarithm",
        "near": "arguments-swapped",
    },
    "beta_log_prob": {
        "two-dimensions": (
            "not-summed reduced-over-batch negated in-bits density-returned parameters-exchanged normaliser-missing "
            "normaliser-added exponents-not-lowered concentrations-shifted mean-and-spread second-side-missing"),
        "one-dimension": "parameters-exchanged",
        "square": "averaged-over-dimensions",
        "one-row": "axis-of-one-lost",
        "ends": "first-dimension-only epsilon-in-logarithm",
        "peaked": "concentrations-shifted",
    },
    "beta_entropy": {
        "two-dimensions": (
            "not-summed reduced-over-batch negated in-bits normaliser-missing normaliser-subtracted "
            "digamma-of-sum-missing factor-of-sum-wrong exponents-not-lowered second-side-missing log-for-digamma "
            "concentrations-shifted gaussian-entropy spread-for-entropy mean-and-spread of-scaled-actions"),
        "one-dimension": "second-side-missing",
        "square": "averaged-over-dimensions",
        "one-row": "axis-of-one-lost",
        "ends": "first-dimension-only log-for-digamma",
        "peaked": "gaussian-entropy",
    },
    "beta_kl": {
        "two-dimensions": (
            "not-summed reduced-over-batch negated in-bits arguments-swapped weighted-by-other symmetrised "
            "sides-exchanged normalisers-missing normalisers-exchanged steps-negated digamma-of-sum-missing "
            "second-side-missing log-for-digamma cross-entropy difference-of-entropies gaussian-kl mean-and-spread "
            "concentrations-shifted squared-difference"),
        "one-dimension": "sides-exchanged",
        "square": "averaged-over-dimensions",
        "one-row": "axis-of-one-lost",
        "ends": "first-dimension-only log-for-digamma",
        "peaked": "gaussian-kl symmetrised",
    },
    "multidiscrete_log_prob": {
        "two-and-three": "not-summed reduced-over-batch negated in-bits logits-as-log-probs probability-returned",
        "three-and-two": "axis-of-one-lost one-softmax-for-all choices-reversed",
        "one-choice": "not-summed",
        "equal-sizes": "averaged-over-choices offsets-missing",
        "offset-of-each": "first-choice-only split-into-equal-parts",
        "illegal-actions": "last-choice-only probabilities-added mask-ignored",
    },
    "multidiscrete_entropy": {
        "two-and-three": "not-summed reduced-over-batch negated in-bits weights-missing logarithm-missing perplexity",
        "three-and-two": "axis-of-one-lost one-softmax-for-all",
        "one-choice": "perplexity",
        "equal-sizes": "averaged-over-choices multiplied-over-choices",
        "offset-of-each": "first-choice-only split-into-equal-parts",
        "illegal-actions": "last-choice-only mask-ignored",
    },
    "multidiscrete_kl": {
        "two-and-three": (
            "not-summed last-choice-only reduced-over-batch negated in-bits arguments-swapped weighted-by-other "
            "cross-entropy symmetrised squared-difference partition-missing"),
        "three-and-two": "axis-of-one-lost one-softmax-for-all",
        "one-choice": "weighted-by-other",
        "equal-sizes": "averaged-over-choices",
        "offset-of-each": "first-choice-only split-into-equal-parts",
    },
    "policy_gradient_loss": {
        "positive-advantages": "probability-for-log-probability advantages-added-up averaged-twice",
        "negative-advantages": "ratio-for-log-probability advantages-shifted last-sample-alone",
        "both-signs": "advantages-forgotten in-bits first-sample-alone",
        "one-sample": "advantages-normalised halved mean-missing",
        "minus-eight-hundred": "advantages-without-sign detached",
        "far": "negative-advantages-dropped loss-negated",
        "masked": (
            "advantages-centred gradient-negated gradient-at-masked-slots mask-ignored masked-slots-in-the-sum "
            "mask-inverted mask-of-the-previous-slot mask-of-the-next-slot last-valid-slot-dropped "
            "mask-read-as-a-length holes-in-the-mask-filled"),
        "masked-rows": (
            "every-pair-averaged gradient-not-averaged mean-of-row-means mean-of-column-means "
            "divided-by-the-padded-length"),
    },
    "huber_value_loss": {
        "both-pieces": "smooth-l1 doubled gradient-not-clipped gradient-negated",
        "wide": "delta-ignored halved gradient-zero-far gradient-not-averaged",
        "one-value": "never-linear offset-missing-far log-cosh mean-missing",
        "all-near": "squared-error gradient-doubled mean-before-the-error averaged-twice",
        "all-far": "absolute-error offset-not-halved every-pair-averaged last-sample-alone",
        "exactly-delta": "half-missing-near pseudo-huber returns-shifted first-sample-alone",
        "masked": "never-quadratic slope-one-far detached mask-read-as-a-length holes-in-the-mask-filled",
        "masked-tail": (
            "pieces-exchanged error-clipped loss-negated gradient-at-masked-slots mask-ignored "
            "masked-slots-in-the-sum mask-inverted mask-of-the-previous-slot mask-of-the-next-slot "
            "last-valid-slot-dropped"),
    },
    "surrogate_loss": {
        "positive-advantages": (
            "ratio-inverted exp-missing probability-difference old-policy-ignored log-prob-for-ratio "
            "log-probs-divided epsilon-in-the-ratio old-policy-is-the-current-one ratio-pooled-over-the-batch "
            "log-ratio-centred hidden-clip ratio-used-twice advantages-centred advantages-scaled "
            "advantages-clamped every-ratio-with-every-advantage loss-negated gradient-negated "
            "gradient-not-averaged averaged-twice last-sample-alone first-sample-alone mean-missing"),
        "negative-advantages": "advantages-without-sign negative-advantages-dropped",
        "both-signs": "log-probs-shifted advantages-normalised advantages-shifted",
        "one-sample": "ratio-detached gradient-without-the-ratio weighted-log-prob",
        "minus-eight-hundred": "ratio-underflows",
        "far": "ratio-linearised hidden-clip",
        "masked": (
            "gradient-at-masked-slots mask-ignored masked-slots-in-the-sum mask-inverted "
            "mask-of-the-previous-slot mask-of-the-next-slot last-valid-slot-dropped mask-read-as-a-length "
            "holes-in-the-mask-filled masked-log-ratios-count-as-zero"),
        "masked-rows": (
            "ratio-averaged-over-the-row ratio-multiplied-over-the-row ratio-summed-over-the-row "
            "advantages-averaged-over-the-row mean-of-row-means mean-of-column-means divided-by-the-padded-length"),
    },
    "clip_loss": {
        "positive-advantages": (
            "ratio-inverted exp-missing probability-difference old-policy-ignored log-prob-for-ratio "
            "log-probs-divided epsilon-in-the-ratio ratio-detached old-policy-is-the-current-one "
            "gradient-without-the-ratio log-probs-shifted ratio-pooled-over-the-batch log-ratio-centred "
            "ratio-used-twice advantages-normalised advantages-centred advantages-scaled advantages-clamped "
            "advantages-shifted advantages-negated every-ratio-with-every-advantage clipped-samples-dropped "
            "mean-over-unclipped-samples band-around-zero one-not-added-back log-ratio-clipped-at-eps "
            "edges-exchanged bounds-exchanged eps-hard-coded product-clipped advantage-clipped "
            "clipped-branch-without-advantage one-branch-normalised clipped-weight-times-log-prob "
            "gradient-cut-on-both-sides gradient-cut-on-the-wrong-side clipped-branch-detached loss-negated "
            "gradient-negated gradient-not-averaged averaged-twice last-sample-alone first-sample-alone "
            "mean-missing"),
        "negative-advantages": (
            "advantages-without-sign negative-advantages-dropped min-before-the-advantage lower-side-not-clipped "
            "lower-edge-is-eps upper-edge-for-both-signs"),
        "both-signs": "max-of-branches clipped-branch-alone not-clipped mean-before-min",
        "one-sample": "upper-side-not-clipped gradient-not-cut-by-the-clip",
        "minus-eight-hundred": "ratio-underflows",
        "far": "ratio-linearised clipped-branch-alone hidden-dual-clip-for-both-signs",
        "masked": (
            "mask-ignored masked-slots-in-the-sum mask-inverted mask-of-the-previous-slot mask-of-the-next-slot "
            "last-valid-slot-dropped mask-read-as-a-length holes-in-the-mask-filled "
            "masked-log-ratios-count-as-zero"),
        "masked-rows": (
            "ratio-averaged-over-the-row ratio-multiplied-over-the-row ratio-summed-over-the-row "
            "advantages-averaged-over-the-row gradient-at-masked-slots mean-of-row-means mean-of-column-means "
            "divided-by-the-padded-length"),
        "asymmetric": "low-and-high-exchanged low-used-for-both-sides high-used-for-both-sides",
        "dual-clip": (
            "dual-clip-ignored dual-clip-for-both-signs dual-clip-for-positive-advantages "
            "dual-clip-takes-the-minimum dual-clip-counted-from-one dual-clip-with-the-absolute-advantage "
            "dual-clip-without-the-advantage dual-clip-keeps-the-gradient"),
    },
    "kl_penalty_loss": {
        "square": (
            "ratio-inverted exp-missing ratio-linearised probability-difference old-policy-ignored "
            "log-prob-for-ratio log-probs-divided epsilon-in-the-ratio ratio-detached "
            "old-policy-is-the-current-one gradient-without-the-ratio log-probs-shifted "
            "ratio-pooled-over-the-batch log-ratio-centred weighted-log-prob advantages-normalised "
            "advantages-centred advantages-scaled advantages-without-sign negative-advantages-dropped "
            "advantages-clamped advantages-shifted every-ratio-with-every-advantage kl-squared kl-halved "
            "kl-in-bits kl-summed-over-the-batch kl-averaged-over-actions largest-kl cross-entropy-for-kl "
            "entropy-for-kl kl-weights-missing softmax-over-the-batch actions-of-every-row "
            "softmax-derivative-of-the-taken-action-alone loss-negated gradient-negated gradient-not-averaged "
            "averaged-twice last-sample-alone first-sample-alone mean-missing"),
        "two-rows": "kl-coef-ignored kl-coef-squared kl-coef-on-the-surrogate kl-coef-on-both-terms",
        "one-row": "kl-of-taken-actions-k1 kl-of-taken-actions-k2 kl-of-taken-actions-k3",
        "no-coefficient": "hidden-clip surrogate-negated surrogate-missing",
        "no-advantages": "kl-subtracted kl-missing kl-detached kl-symmetric",
        "offset-thousand": "epsilon-in-the-ratio logits-taken-as-log-probabilities",
    },
    "value_loss": {
        "four": (
            "huber-error error-clipped-at-one root-of-the-mean mean-before-the-square variance-of-the-error "
            "gradient-halved gradient-doubled detached every-pair-averaged returns-shifted returns-normalised "
            "loss-negated gradient-negated gradient-not-averaged averaged-twice last-sample-alone "
            "first-sample-alone mean-missing"),
        "one-value": "square-missing halved-twice doubled",
        "small-errors": "absolute-error huber-error",
        "large": "squared-error-clamped",
        "masked": (
            "gradient-at-masked-slots mask-inverted mask-of-the-previous-slot mask-of-the-next-slot "
            "last-valid-slot-dropped mask-read-as-a-length holes-in-the-mask-filled"),
        "masked-tail": "mask-ignored masked-slots-in-the-sum",
    },
    "clipped_value_loss": {
        "inside-the-band": (
            "absolute-error huber-error square-missing error-clipped-at-one root-of-the-mean "
            "mean-before-the-square halved-twice doubled gradient-halved gradient-doubled detached "
            "every-pair-averaged returns-shifted error-clipped-instead-of-the-move clipped-around-zero "
            "old-value-not-added-back move-added-to-the-new-value move-reversed returns-and-old-values-exchanged "
            "values-and-old-values-exchanged clipped-branch-detached loss-negated gradient-negated "
            "gradient-not-averaged averaged-twice last-sample-alone first-sample-alone mean-missing"),
        "upwards": (
            "min-of-branches max-before-the-square mean-before-max clipped-from-below-only "
            "gradient-not-cut-by-the-clip gradient-cut-outside-of-the-band"),
        "downwards": "clipped-from-above-only",
        "narrow-band": "clipped-like-a-ratio eps-hard-coded",
        "one-value": "not-clipped branches-averaged branches-added",
        "masked": (
            "gradient-at-masked-slots mask-ignored masked-slots-in-the-sum mask-inverted "
            "mask-of-the-previous-slot mask-of-the-next-slot last-valid-slot-dropped mask-read-as-a-length "
            "holes-in-the-mask-filled"),
    },
    "ppo_loss": {
        "both-signs": (
            "ratio-inverted exp-missing ratio-linearised probability-difference old-policy-ignored "
            "log-prob-for-ratio log-probs-divided epsilon-in-the-ratio ratio-detached "
            "old-policy-is-the-current-one gradient-without-the-ratio log-probs-shifted "
            "ratio-pooled-over-the-batch log-ratio-centred ratio-used-twice advantages-normalised "
            "advantages-centred advantages-scaled advantages-without-sign negative-advantages-dropped "
            "advantages-shifted advantages-negated every-ratio-with-every-advantage clipped-branch-alone "
            "not-clipped mean-before-min min-before-the-advantage clipped-samples-dropped "
            "mean-over-unclipped-samples lower-side-not-clipped upper-side-not-clipped lower-edge-is-eps "
            "band-around-zero one-not-added-back log-ratio-clipped-at-eps edges-exchanged "
            "upper-edge-for-both-signs bounds-exchanged eps-hard-coded product-clipped advantage-clipped "
            "clipped-branch-without-advantage one-branch-normalised clipped-weight-times-log-prob "
            "gradient-not-cut-by-the-clip value-absolute-error value-huber-error value-square-missing "
            "value-error-clipped-at-one value-root-of-the-mean value-mean-before-the-square "
            "value-variance-of-the-error value-gradient-halved value-gradient-doubled value-detached "
            "value-every-pair-averaged value-returns-shifted value-returns-normalised entropy-summed "
            "entropy-inside-the-value-loss value-summed policy-summed policy-negated policy-missing "
            "advantages-recomputed value-clipped-with-clip-eps loss-negated gradient-negated "
            "gradient-not-averaged averaged-twice last-sample-alone first-sample-alone mean-missing"),
        "the-other-signs": "max-of-branches gradient-cut-on-the-wrong-side clipped-branch-detached",
        "one-sample": "gradient-cut-on-both-sides hidden-dual-clip-for-both-signs",
        "value-only": "value-halved-twice value-doubled value-negated value-missing",
        "entropy-only": "entropy-added entropy-missing entropy-detached entropy-estimated-from-log-prob",
        "minus-eight-hundred": "ratio-underflows advantages-clamped value-squared-error-clamped",
        "large-coefficients": (
            "entropy-coef-ignored entropy-under-the-value-coefficient coefficients-exchanged value-coef-ignored"),
    },
    "masked_mean": {
        "powers-of-two": (
            "mask-ignored mask-inverted mean-of-row-means divided-by-rows divided-by-longest-row "
            "numerator-unmasked one-too-many-counted epsilon-in-count last-row-only"),
        "every-slot": "sum-for-mean mean-per-row",
        "uneven": "mean-of-column-means",
        "one-row": "mask-as-length first-valid-only",
        "one-valid": "all-slots-counted divided-by-width",
    },
    "sequence_mean": {
        "powers-of-two": (
            "mask-ignored mask-inverted rows-not-divided divided-by-longest-row one-too-many-counted "
            "epsilon-in-count"),
        "every-slot": "sum-for-mean rows-summed mean-per-row",
        "uneven": "token-mean mean-of-column-means",
        "one-row": "mask-as-length first-valid-only",
        "one-valid": "divided-by-width numerator-unmasked",
    },
    "sequence_sum_mean": {
        "powers-of-two": "mask-ignored sum-for-mean divided-by-longest-row sum-per-row",
        "every-slot": "summed-and-divided-by-width",
        "uneven": "token-mean rows-divided-by-length sum-per-column",
        "one-row": "mask-as-length first-valid-only",
        "one-valid": "mask-inverted divided-by-width",
    },
    "clip_fraction": {
        "both-signs": (
            "positive-advantages-only negative-advantages-only after-clipping count-returned percentage "
            "one-number-for-all mean-missing"),
        "positive-advantages": "lower-side-only binding-reversed",
        "negative-advantages": "upper-side-only binding-reversed",
        "just-outside": "twice-the-band ratio-inverted",
        "just-inside": "band-squared half-the-band",
        "wide-band": "deviation-squared log-ratio-one-sided",
        "none": "inside-counted ratio-not-centred",
    },
    "explained_variance": {
        "good": (
            "arguments-exchanged nothing-centred squared-correlation correlation unexplained-part sign-flipped "
            "ddof-mixed variance-of-values regression-slope sums-added percentage"),
        "poor": "floored-at-zero floored-at-minus-one",
        "offset": "mean-not-removed",
        "constant": "variance-of-values",
        "small": "denominator-not-centred std-for-variance",
    },
    "clip_grad_norm": {
        "three-four": (
            "not-clipped min-becomes-max squared-norm sum-of-sizes largest-size root-mean-square counted-twice "
            "scaled-to-one"),
        "two-arrays": "norms-added norms-averaged largest-norm only-first-scaled",
        "below": "always-rescaled",
        "unequal": "norm-per-tensor elementwise largest-norm",
        "tiny": "epsilon-added",
        "single-element-above": "elementwise norm-of-first-only norm-of-last-only",
    },
    "adam_step": {
        "first-step": (
            "first-moment-not-corrected second-moment-not-corrected correction-multiplied not-divided ascent "
            "learning-rate-missing step-returned betas-swapped one-beta-for-both gradient-not-squared "
            "moment-squared-for-gradient moments-undamped corrected-moments-stored weight-decay"),
        "second-step": "step-counted-from-zero correction-without-power stale-moments moments-not-updated",
        "late-step": "bias-correction-missing step-one-ahead",
        "large-eps": "eps-inside-root eps-before-correction",
        "tiny-gradients": "eps-missing root-missing",
        "equal-betas": "largest-second-moment nesterov",
    },
    "running_moments": {
        "two-batches": (
            "batches-averaged std-for-variance squares-not-divided last-batch-only first-batch-only forgetting "
            "features-mixed distance-after-update same-difference-squared"),
        "unequal-batches": "batch-counted-as-one distance-not-weighted",
        "single-rows": "within-batch-variance-only wrong-axis",
        "one-dimension": "mean-of-batch-means sample-variance",
        "offset": "mean-not-subtracted pseudo-observation",
    },
}
