"""masked_mean, sequence_mean, sequence_sum_mean."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("masked_mean", "mean of the row means", "RED-01")
def _(x, mask):
    return (np.where(mask, x, 0.0).sum(1) / mask.sum(1)).mean()


@wrong("sequence_sum_mean", "divided by the length too: the token mean", "RED-04")
def _(x, mask):
    return np.where(mask, x, 0.0).sum() / mask.sum()


@wrong("sequence_sum_mean", "divided by each row's length: the sequence mean", "RED-04")
def _(x, mask):
    return (np.where(mask, x, 0.0).sum(1) / mask.sum(1)).mean()


@wrong("sequence_sum_mean", "sum over sequences by the padded width", "RED-05")
def _(x, mask):
    return np.where(mask, x, 0.0).sum() / x.shape[1]


@wrong("sequence_sum_mean", "sum over sequences", "RED-05")
def _(x, mask):
    return np.where(mask, x, 0.0).sum()


@wrong("sequence_mean", "weighted by length (sequence loss under a token mask)", "RED-08", "red", note="C row, not in the closed list")
def _(x, mask):
    row = np.where(mask, x, 0.0).sum(1, keepdims=True) / mask.sum(1, keepdims=True)
    return (row * mask).sum() / mask.sum()


@wrong("sequence_mean", "row mean over padding (values there count)", "RED-10")
def _(x, mask):
    return x.mean(axis=1).mean()


@wrong("sequence_mean", "row sum over the padded width", "RED-10", "red")
def _(x, mask):
    return np.where(mask, x, 0.0).mean(axis=1).mean()


@wrong("masked_mean", "token count includes tool tokens: all slots", "RED-14", "red")
def _(x, mask):
    return np.where(mask, x, 0.0).sum() / mask.size


@wrong("masked_mean", "last row only", "RED-15", "red")
def _(x, mask):
    return x[-1][mask[-1]].mean()


@wrong("masked_mean", "sum reported as mean", "RED-15", "red")
def _(x, mask):
    return x[mask].sum()


@wrong("masked_mean", "mask ignored", "RED-17")
def _(x, mask):
    return x.mean()


# ------------------------------------------------------------------ not in bugs.md


@wrong("masked_mean", "mask multiplied: NaN leaks", expect="known-mistake")
def _(x, mask):
    return (x * mask).sum() / mask.sum()


@wrong("sequence_mean", "mask multiplied: NaN leaks", expect="known-mistake")
def _(x, mask):
    return ((x * mask).sum(1) / mask.sum(1)).mean()


@wrong("sequence_sum_mean", "mask multiplied: NaN leaks", expect="known-mistake")
def _(x, mask):
    return (x * mask).sum(1).mean()


@wrong("masked_mean", "mask inverted")
def _(x, mask):
    y = np.where(np.isnan(x), 0.0, x)
    return y[~mask].sum() / max((~mask).sum(), 1)


@wrong("masked_mean", "1e-3 added to the count")
def _(x, mask):
    return x[mask].sum() / (mask.sum() + 1e-3)


@wrong("masked_mean", "count at least two")
def _(x, mask):
    return x[mask].sum() / max(mask.sum(), 2)


@wrong("masked_mean", "median")
def _(x, mask):
    return np.median(x[mask])


@wrong("masked_mean", "zero entries counted as masked")
def _(x, mask):
    y = np.where(mask, x, 0.0)
    return y.sum() / max(np.count_nonzero(np.round(y)), 1)


@wrong("sequence_mean", "token mean")
def _(x, mask):
    return x[mask].mean()


@wrong("sequence_mean", "column means averaged")
def _(x, mask):
    n = mask.sum(0)
    col = np.where(mask, x, 0.0).sum(0) / np.maximum(n, 1)
    return col[n > 0].mean()


@wrong("sequence_mean", "longest row's length for every row")
def _(x, mask):
    return (np.where(mask, x, 0.0).sum(1) / mask.sum(1).max()).mean()


@wrong("sequence_mean", "length read as the position of the last valid token")
def _(x, mask):
    last = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)
    return (np.where(mask, x, 0.0).sum(1) / last).mean()


@wrong("sequence_sum_mean", "only the last valid token of each row")
def _(x, mask):
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return x[np.arange(len(x)), last].mean()


@wrong("sequence_sum_mean", "mask ignored")
def _(x, mask):
    return x.sum(1).mean()


@wrong("sequence_sum_mean", "first row left out of the mean")
def _(x, mask):
    return np.where(mask, x, 0.0).sum(1)[1:].sum() / max(len(x) - 1, 1)


@wrong("masked_mean", "in place: masked entries zeroed in x")
def _(x, mask):
    x[~mask] = 0.0
    return x.sum() / mask.sum()
