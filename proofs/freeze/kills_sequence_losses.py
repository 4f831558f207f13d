"""The mistakes that the vectors of sequence losses kill."""

from __future__ import annotations

SEQUENCE_LOSSES: dict[str, dict[str, str]] = {
    "gspo_loss": {
        "every-token": (
            "loss-negated low-and-high-exchanged low-used-for-both-sides high-used-for-both-sides ratio-inverted "
            "advantages-normalised last-valid-slot-dropped token-ratios length-normalisation-missing "
            "mean-of-the-token-ratios ratio-summed gradient-not-divided-by-the-length ratio-detached "
            "ratio-pooled-over-the-batch rows-summed not-clipped max-of-branches lower-edge-is-eps "
            "log-ratio-clipped-at-eps"),
        "other-signs": "clipped-branch-alone",
        "unequal-lengths": (
            "mask-ignored holes-in-the-mask-filled divided-by-the-padded-length rows-weighted-by-length"),
        "holes": "ratio-detached ratio-pooled-over-the-batch rows-summed",
        "one-token": "ratio-detached max-of-branches clipped-branch-alone",
        "minus-eight-hundred": "rows-summed rows-weighted-by-length log-ratio-clipped-at-eps",
        "narrow-band": "max-of-branches lower-edge-is-eps log-ratio-clipped-at-eps",
    },
    "cispo_loss": {
        "positive-advantages": (
            "loss-negated low-and-high-exchanged low-used-for-both-sides high-used-for-both-sides ratio-inverted "
            "advantages-normalised weight-not-detached log-prob-missing not-clipped weight-missing "
            "upper-edge-is-eps lower-side-not-clipped upper-side-not-clipped lower-edge-is-eps "
            "clipped-surrogate-instead gradient-cut-outside-the-band ratio-used-twice "
            "probability-for-its-logarithm log-ratio-for-log-prob advantages-clipped-with-the-weight"),
        "negative-advantages": (
            "probability-for-its-logarithm log-ratio-for-log-prob advantages-clipped-with-the-weight"),
        "both-signs": "probability-for-its-logarithm log-ratio-for-log-prob advantages-clipped-with-the-weight",
        "one-sample": "probability-for-its-logarithm log-ratio-for-log-prob advantages-clipped-with-the-weight",
        "minus-eight-hundred": (
            "probability-for-its-logarithm log-ratio-for-log-prob advantages-clipped-with-the-weight"),
        "masked": "mask-ignored last-valid-slot-dropped holes-in-the-mask-filled masked-slots-in-the-sum",
        "masked-rows": "weight-of-the-answer mean-of-row-means divided-by-the-padded-length",
    },
    "truncated_is_loss": {
        "positive-advantages": (
            "loss-negated low-and-high-exchanged low-used-for-both-sides ratio-inverted advantages-normalised "
            "weight-missing weight-inverted weight-not-truncated weight-inside-the-clip weight-on-one-branch "
            "ratio-against-the-sampler corrected-twice weight-from-the-current-policy masked-instead-of-truncated "
            "truncated-on-both-sides largest-for-smallest bound-on-the-log-weight weights-normalised "
            "weight-used-twice not-clipped max-of-branches clipped-branch-alone"),
        "negative-advantages": "high-used-for-both-sides lower-edge-is-eps",
        "both-signs": "not-clipped max-of-branches lower-edge-is-eps",
        "one-sample": "largest-for-smallest not-clipped max-of-branches",
        "minus-eight-hundred": "not-clipped max-of-branches lower-edge-is-eps",
        "masked": "mask-ignored last-valid-slot-dropped holes-in-the-mask-filled masked-slots-in-the-sum",
        "masked-rows": "weight-of-the-answer mean-of-row-means divided-by-the-padded-length",
    },
}
