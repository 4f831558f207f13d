"""value_loss, clipped_value_loss, explained_variance."""

import numpy as np

from . import collector

WRONG, wrong = collector()


@wrong("clipped_value_loss", "old value is the new one: clipping never acts", "VAL-01")
def _(values, returns, old_values, value_clip_eps):
    old = values.copy()
    held = old + np.clip(values - old, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("value_loss", "mean forgotten: a vector", "VAL-08", "red")
def _(values, returns):
    return 0.5 * (values - returns) ** 2


@wrong("value_loss", "mask shifted one to the left", "VAL-11", "red")
def _(values, returns, mask):
    m = np.roll(mask, -1, axis=-1)
    error = np.where(m, values - returns, 0.0)
    return (np.nan_to_num(error) ** 2).sum() / mask.sum()


@wrong("value_loss", "(B,) against (B,1): mean over all pairs", "VAL-15")
def _(values, returns):
    return ((values[:, None] - returns) ** 2).mean()


@wrong("clipped_value_loss", "min for max", "VAL-17")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return np.minimum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "min for max, with the half", "VAL-17")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return 0.5 * np.minimum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "max before squaring", "VAL-18")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return (np.maximum(values - returns, held - returns) ** 2).mean()


@wrong("explained_variance", "arguments exchanged", "VAL-21")
def _(values, returns):
    return 1 - np.var(values - returns) / np.var(values)


# ------------------------------------------------------------------ not in bugs.md


@wrong("value_loss", "absolute error")
def _(values, returns):
    return np.abs(values - returns).mean()


@wrong("value_loss", "square of the mean error")
def _(values, returns):
    return (values - returns).mean() ** 2


@wrong("value_loss", "root mean square")
def _(values, returns):
    return np.sqrt(((values - returns) ** 2).mean())


@wrong("value_loss", "smooth L1 (torchrl default)")
def _(values, returns):
    e = np.abs(values - returns)
    return np.where(e < 1, 0.5 * e**2, e - 0.5).mean()


@wrong("value_loss", "returns normalised")
def _(values, returns):
    target = (returns - returns.mean()) / (returns.std() + 1e-8)
    return ((values - target) ** 2).mean()


@wrong("value_loss", "divided by n - 1")
def _(values, returns):
    return ((values - returns) ** 2).sum() / max(len(values) - 1, 1)


@wrong("value_loss", "mask multiplied: NaN leaks", expect="known-mistake", note="value_loss/nan-leak")
def _(values, returns, mask):
    return (((values - returns) ** 2) * mask).sum() / mask.sum()


@wrong("value_loss", "mask ignored")
def _(values, returns, mask):
    return ((values - returns) ** 2).mean()


@wrong("value_loss", "gradient half as large as the value says")
def _(values, returns):
    e = values - returns
    return (e**2).mean(), e / e.size


@wrong("value_loss", "gradient sign")
def _(values, returns):
    e = values - returns
    return (e**2).mean(), -2 * e / e.size


@wrong("value_loss", "gradient not divided by the count")
def _(values, returns):
    e = values - returns
    return (e**2).mean(), 2 * e


@wrong("value_loss", "gradient clipped to +-1")
def _(values, returns):
    e = values - returns
    return (e**2).mean(), np.clip(2 * e, -1, 1) / e.size


@wrong("value_loss", "gradient leaks to masked slots")
def _(values, returns, mask):
    e = values - returns
    return (e[mask] ** 2).mean(), 2 * e / mask.sum()


@wrong("value_loss", "relative error")
def _(values, returns):
    return (((values - returns) / (np.abs(returns) + 1)) ** 2).mean()


@wrong("clipped_value_loss", "clipped around the return, not the old value")
def _(values, returns, old_values, value_clip_eps):
    held = returns + np.clip(values - returns, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "value itself clipped to +-eps")
def _(values, returns, old_values, value_clip_eps):
    held = np.clip(values, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "old value not added back")
def _(values, returns, old_values, value_clip_eps):
    held = np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "clipped above only")
def _(values, returns, old_values, value_clip_eps):
    held = np.minimum(values, old_values + value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "ratio-like clip: old * (1 +- eps)")
def _(values, returns, old_values, value_clip_eps):
    a, b = old_values * (1 - value_clip_eps), old_values * (1 + value_clip_eps)
    held = np.clip(values, np.minimum(a, b), np.maximum(a, b))
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "max of the two means")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return max(((values - returns) ** 2).mean(), ((held - returns) ** 2).mean())


@wrong("clipped_value_loss", "sum of both losses")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return ((values - returns) ** 2 + (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "old minus new inside the clip")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(old_values - values, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2).mean()


@wrong("clipped_value_loss", "gradient never killed")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    worst = np.maximum((values - returns) ** 2, (held - returns) ** 2)
    return worst.mean(), 2 * (values - returns) / len(values)


@wrong("clipped_value_loss", "gradient of the clipped branch passed straight through")
def _(values, returns, old_values, value_clip_eps):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    plain = (values - returns) ** 2 >= (held - returns) ** 2
    worst = np.where(plain, values - returns, held - returns)
    return (worst**2).mean(), 2 * worst / len(values)


@wrong("clipped_value_loss", "gradient killed wherever the clip acts")
def _(values, returns, old_values, value_clip_eps):
    move = values - old_values
    held = old_values + np.clip(move, -value_clip_eps, value_clip_eps)
    worst = np.maximum((values - returns) ** 2, (held - returns) ** 2)
    return worst.mean(), np.where(np.abs(move) <= value_clip_eps, 2 * (values - returns), 0.0) / len(values)


@wrong("clipped_value_loss", "mask ignored in the count")
def _(values, returns, old_values, value_clip_eps, mask):
    held = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
    return np.maximum((values - returns) ** 2, (held - returns) ** 2)[mask].sum() / (len(mask) + 1.0)


@wrong("explained_variance", "one minus missing")
def _(values, returns):
    return np.var(returns - values) / np.var(returns)


@wrong("explained_variance", "mean square of the residual (bias counts)")
def _(values, returns):
    return 1 - np.mean((returns - values) ** 2) / np.var(returns)


@wrong("explained_variance", "standard deviations")
def _(values, returns):
    return 1 - np.std(returns - values) / np.std(returns)


@wrong("explained_variance", "squared correlation")
def _(values, returns):
    c = np.mean((values - values.mean()) * (returns - returns.mean()))
    return c**2 / (np.var(values) * np.var(returns))


@wrong("explained_variance", "ddof 1 above, ddof 0 below")
def _(values, returns):
    n = len(values)
    return 1 - np.var(returns - values) * n / max(n - 1, 1) / np.var(returns)


@wrong("explained_variance", "clamped at zero")
def _(values, returns):
    return max(0.0, 1 - np.var(returns - values) / np.var(returns))


@wrong("explained_variance", "variance of the values explained")
def _(values, returns):
    return np.var(values) / np.var(returns)
