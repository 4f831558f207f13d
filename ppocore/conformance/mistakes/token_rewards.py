"""Mistakes of token rewards: the sign and the estimator of the penalty, and the token that is paid the score."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family
from ppocore.conformance.oracle.advantages import zeros
from ppocore.conformance.oracle.groups import last_valid
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.reals import ZERO, Array, Real, lift, maximum, mean, minimum, total

CATALOGUE = Catalogue()
REWARD = Family(CATALOGUE, "kl_reward")


def _d(x: Inputs) -> Array:
    """The log-ratio at valid tokens, 0 elsewhere."""
    d = zeros(x.mask.shape)
    for place in np.argwhere(x.mask):
        d[tuple(place)] = x.log_prob[tuple(place)] - x.ref_log_prob[tuple(place)]
    return d


def _penalty(x: Inputs, estimate: Callable[[Real], Real] = lambda d: d) -> Array:
    """-beta times an estimate of the KL of each valid token."""
    out = zeros(x.mask.shape)
    for place in np.argwhere(x.mask):
        out[tuple(place)] = -(x.kl_coef * estimate(_d(x)[tuple(place)]))
    return out


def _paid(x: Inputs, rewards: Array, places: list[int], scores: Array | None = None) -> Array:
    """The rewards, and the score of each row at one of its slots."""
    out = rewards.copy()
    for b, t in enumerate(places):
        if 0 <= t < out.shape[1]:
            out[b, t] = out[b, t] + (x.scores if scores is None else scores)[b]
    return out


def _with(estimate: Callable[[Real], Real]) -> Callable[[Inputs, Choices], Array]:
    return lambda x, c: _paid(x, _penalty(x, estimate), last_valid(x.mask))


def _at(places: Callable[[Array], list[int]]) -> Callable[[Inputs, Choices], Array]:
    return lambda x, c: _paid(x, _penalty(x), places(np.asarray(x.mask)))


def _first_valid(mask: Array) -> list[int]:
    return [int(np.argmax(row)) for row in mask]


def _before_last(mask: Array) -> list[int]:
    return [int(([-1, *np.flatnonzero(row)])[-2]) for row in mask]


def _everywhere(x: Inputs, c: Choices) -> Array:
    out = _penalty(x)
    for b, t in np.argwhere(x.mask):
        out[b, t] = out[b, t] + x.scores[b]
    return out


def _replaced(x: Inputs, c: Choices) -> Array:
    out = _penalty(x)
    for b, t in enumerate(last_valid(x.mask)):
        out[b, t] = x.scores[b]
    return out


def _rows(whole: Callable[[Array], Real], at_end: bool, x: Inputs, c: Choices) -> Array:
    """One penalty for each answer, at its last token or at all of them."""
    d, out = _d(x), zeros(x.mask.shape)
    for b, t in enumerate(last_valid(x.mask)):
        valid = x.mask[b]
        for slot in [t] if at_end else np.flatnonzero(valid):
            out[b, slot] = -(x.kl_coef * whole(d[b][valid]))
    return _paid(x, out, last_valid(x.mask))


def _by_length(x: Inputs, c: Choices) -> Array:
    lengths = np.asarray(x.mask).sum(axis=1)
    shares = np.array([row / int(n) for row, n in zip(_penalty(x), lengths, strict=True)], dtype=object)
    return _paid(x, shares, last_valid(x.mask))


def _score_shared(x: Inputs, c: Choices) -> Array:
    lengths = np.asarray(x.mask).sum(axis=1)
    return _everywhere(x.but(scores=np.array([s / int(n) for s, n in zip(x.scores, lengths, strict=True)],
                                             dtype=object)), c)


def _score_clamped(bound: int, x: Inputs, c: Choices) -> Array:
    held = minimum(maximum(x.scores, lift(-bound)), lift(bound))
    return _paid(x, _penalty(x), last_valid(x.mask), held)


def _scores_centred(x: Inputs, c: Choices) -> Array:
    return _paid(x, _penalty(x), last_valid(x.mask), x.scores - mean(x.scores))


REWARD.add("kl-added", "The penalty has the wrong sign.", "+kl_coef (log_prob - ref_log_prob)",
           "The policy is paid for leaving the reference.", _with(lambda d: -d), seen=("THUDM/slime 6d65fa50a",))
REWARD.add("penalty-missing", "There is no penalty.", "the score alone",
           "Nothing holds the policy near the reference.", _with(lambda d: ZERO))
REWARD.add("coefficient-missing", "The penalty is not multiplied by kl_coef.", "-(log_prob - ref_log_prob)",
           "The coefficient, and whatever adapts it, does nothing.",
           lambda x, c: _paid(x, -_d(x), last_valid(x.mask)))
REWARD.add("squared-log-ratio", "The penalty of a token is k2.", "-kl_coef (log_prob - ref_log_prob)^2 / 2",
           "The rewards no longer add up to score - beta log-ratio of the answer.", _with(lambda d: d * d / 2))
REWARD.add("k3-for-k1", "The penalty of a token is k3.", "-kl_coef (e^-d - 1 + d), d = log_prob - ref_log_prob",
           "As a value it is never negative; its gradient as a reward is not that of the KL.",
           _with(lambda d: (-d).exp() - 1 + d), _with(lambda d: d.exp() - 1 - d))
REWARD.add("absolute-value", "The penalty of a token is the size of the log-ratio.",
           "-kl_coef |log_prob - ref_log_prob|",
           "Tokens that the reference likes better are punished as well.", _with(abs))
REWARD.add("negative-log-ratios-dropped", "Negative log-ratios count as 0.",
           "-kl_coef max(log_prob - ref_log_prob, 0)",
           "The sum over an answer is no estimate of the KL.", _with(lambda d: d if d > ZERO else ZERO))
REWARD.add("probabilities-for-logarithms", "Probabilities are compared, not their logarithms.",
           "-kl_coef (exp(log_prob) - exp(ref_log_prob))", "Rare tokens cost nothing.",
           lambda x, c: _paid(x, _of_probabilities(x), last_valid(x.mask)))
REWARD.add("score-missing", "The score is not paid.", "-kl_coef (log_prob - ref_log_prob)",
           "The policy is only held, never taught.", lambda x, c: _penalty(x))
REWARD.add("score-at-every-token", "Every token is paid the score.", "rewards + score[:, None]",
           "Long answers earn their score many times.", _everywhere)
REWARD.add("score-shared-by-the-tokens", "The score is spread evenly over the tokens.", "score / length at every token",
           "Discounting and GAE see another problem.", _score_shared)
REWARD.add("score-at-the-last-slot", "The score is paid at the end of the padded row.", "rewards[:, -1] += score",
           "Padding earns the score, and masking takes it away.", _at(lambda m: [m.shape[1] - 1] * len(m)))
REWARD.add("score-at-the-first-token", "The score is paid at the first token.", "rewards[first] += score",
           "Later tokens are credited with nothing.", _at(_first_valid), _at(lambda m: [0] * len(m)))
REWARD.add("score-one-token-early", "The score is paid one token before the last.", "rewards[last - 1] += score",
           "The token that ends the answer is never credited.", _at(_before_last),
           _at(lambda m: [t - 1 for t in last_valid(m)]))
REWARD.add("score-at-the-count", "The score's place is the number of valid tokens.", "rewards[sum(mask) - 1] += score",
           "With padding in front or tool output in the middle it lands on another token.",
           _at(lambda m: [int(row.sum()) - 1 for row in m]))
REWARD.add("score-before-the-first-hole", "The answer ends where the mask is False for the first time.",
           "rewards[argmin(mask) - 1] += score", "After a tool call nothing is credited.",
           _at(lambda m: [int(np.argmin(row)) - 1 if not row.all() else len(row) - 1 for row in m]),
           _at(lambda m: [int(np.argmin([*row[np.argmax(row):], False])) + int(np.argmax(row)) - 1 for row in m]))
REWARD.add("score-replaces-the-penalty", "At the last token the score is all there is.", "rewards[last] = score",
           "The token that ends the answer may be as far from the reference as it likes.", _replaced)
REWARD.add("penalty-at-the-end-only", "The whole penalty is charged at the last token.",
           "score - kl_coef sum(log_prob - ref_log_prob), 0 elsewhere",
           "The same sum, but no token is told what it cost.", partial(_rows, total, True),
           seen=("huggingface/trl #2575 (RLOO)",))
REWARD.add("mean-penalty-at-the-end", "The mean penalty is charged at the last token.",
           "score - kl_coef mean(log_prob - ref_log_prob), 0 elsewhere", "Long answers may go far for the same price.",
           partial(_rows, mean, True))
REWARD.add("penalty-averaged-over-the-answer", "All tokens of an answer are charged the mean of their penalties.",
           "-kl_coef mean over the row", "No token is told what it cost.", partial(_rows, mean, False))
REWARD.add("penalty-divided-by-the-length", "The penalty of a token is divided by the length of its answer.",
           "-kl_coef (log_prob - ref_log_prob) / length", "Long answers may go far for the same price.", _by_length)
REWARD.add("score-clamped", "The score is cut off.", "clip(score, -5, 5)",
           "Beyond the bound, better answers earn no more.", *(partial(_score_clamped, bound) for bound in (1, 5, 10)),
           seen=("deepspeedai/DeepSpeedExamples clip_reward_value = 5",))
REWARD.add("scores-centred", "The mean score of the batch is subtracted.", "score - mean(score)",
           "The same answer earns another reward in another batch.", _scores_centred)


def _of_probabilities(x: Inputs) -> Array:
    out = zeros(x.mask.shape)
    for place in map(tuple, np.argwhere(x.mask)):
        out[place] = -(x.kl_coef * (x.log_prob[place].exp() - x.ref_log_prob[place].exp()))
    return out
