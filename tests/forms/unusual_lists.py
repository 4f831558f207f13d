"""Pure Python: lists, loops, math.fsum; arrays only where something has to be handed back."""

import math

DTYPE = "float64"


def td_errors(rewards, values, next_values, terminated, truncated, gamma):
    return [[r + gamma * (0.0 if over else vn) - v for r, v, vn, over in zip(*row)]
            for row in zip(rewards.tolist(), values.tolist(), next_values.tolist(), terminated.tolist())]


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    deltas = td_errors(rewards, values, next_values, terminated, truncated, gamma)
    stops = [[a or b for a, b in zip(*row)] for row in zip(terminated.tolist(), truncated.tolist())]
    rows = []
    ahead = [0.0] * rewards.shape[1]
    for delta, stop in zip(deltas[::-1], stops[::-1]):
        ahead = [d if s else d + gamma * gae_lambda * a for d, s, a in zip(delta, stop, ahead)]
        rows.append(ahead)
    advantages = rows[::-1]
    return advantages, [[a + v for a, v in zip(*row)] for row in zip(advantages, values.tolist())]


def _mean(numbers):
    numbers = list(numbers)
    return math.fsum(numbers) / len(numbers)


def _kept(numbers, mask):
    return [x for x, m in zip(numbers, [True] * len(numbers) if mask is None else mask) if m]


def normalize_advantages(advantages, mask=None):
    kept = _kept(advantages.tolist(), mask)
    centre = _mean(kept)
    spread = math.sqrt(_mean((a - centre) ** 2 for a in kept))
    return [(a - centre) / (spread + 1e-8) for a in advantages.tolist()]


def kl_k1(log_prob, old_log_prob, mask=None):
    return _mean(_kept([o - n for n, o in zip(log_prob.tolist(), old_log_prob.tolist())], mask))


def kl_k2(log_prob, old_log_prob, mask=None):
    return _mean(_kept([0.5 * (n - o) ** 2 for n, o in zip(log_prob.tolist(), old_log_prob.tolist())], mask))


def effective_sample_size(log_weights):
    top = max(log_weights.tolist())
    w = [math.exp(x - top) for x in log_weights.tolist()]
    return math.fsum(w) ** 2 / math.fsum(x * x for x in w)


def importance_estimate(fx, log_p, log_q):
    return _mean(math.exp(p - q) * f for f, p, q in zip(fx.tolist(), log_p.tolist(), log_q.tolist()))


def _log_softmax(row):
    top = max(row)
    total = math.log(math.fsum(math.exp(z - top) for z in row))
    return [z - top - total for z in row]


def categorical_log_prob(logits, actions, action_mask=None):
    rows = logits.tolist()
    if action_mask is not None:
        rows = [[z if legal else -math.inf for z, legal in zip(*pair)] for pair in zip(rows, action_mask.tolist())]
    return [_log_softmax(row)[action] for row, action in zip(rows, actions.tolist())]


def categorical_kl(logits, other_logits):
    pairs = zip(map(_log_softmax, logits.tolist()), map(_log_softmax, other_logits.tolist()))
    return [math.fsum(math.exp(p) * (p - q) for p, q in zip(*pair)) for pair in pairs]


def gaussian_log_prob(mean, log_std, actions):
    constant = 0.5 * math.log(2 * math.pi)
    return [math.fsum(-0.5 * ((a - m) / math.exp(s)) ** 2 - s - constant for m, s, a in zip(*row))
            for row in zip(mean.tolist(), log_std.tolist(), actions.tolist())]


def value_loss(values, returns, mask=None):
    errors = [v - r for v, r in zip(values.tolist(), returns.tolist())]
    kept = _kept(errors, mask)
    weights = [1.0] * len(errors) if mask is None else [float(m) for m in mask]
    return _mean(e * e for e in kept), [2 * e / len(kept) if w else 0.0 for e, w in zip(errors, weights)]


def masked_mean(x, mask):
    return _mean(value for row, valid in zip(x.tolist(), mask.tolist()) for value, m in zip(row, valid) if m)


def sequence_mean(x, mask):
    return _mean(_mean(_kept(row, valid)) for row, valid in zip(x.tolist(), mask.tolist()))


def sequence_sum_mean(x, mask):
    return _mean(math.fsum(_kept(row, valid)) for row, valid in zip(x.tolist(), mask.tolist()))


def explained_variance(values, returns):
    def variance(numbers):
        centre = _mean(numbers)
        return _mean((x - centre) ** 2 for x in numbers)

    errors = [r - v for r, v in zip(returns.tolist(), values.tolist())]
    return 1 - variance(errors) / variance(returns.tolist())


def adapt_kl_coef(kl_coef, kl, target_kl):
    return kl_coef * 2 if kl > 1.5 * target_kl else kl_coef / 2 if kl < target_kl / 1.5 else kl_coef
