"""td_errors, gae, discounted_returns, token_gae, normalize_advantages."""

import numpy as np

from . import collector

WRONG, wrong = collector()

# ------------------------------------------------------------------ rows of bugs.md


@wrong("gae", "value of the last acted-on state at the rollout end", "GAE-01")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    vn = next_values.copy()
    vn[-1] = values[-1]
    A = np.zeros_like(rewards)
    last = 0.0
    for t in reversed(range(len(rewards))):
        done = terminated[t] | truncated[t]
        delta = rewards[t] + gamma * np.where(terminated[t], 0.0, vn[t]) - values[t]
        A[t] = last = delta + gamma * gae_lambda * np.where(done, 0.0, last)
    return A


@wrong("gae", "value of the last acted-on state, last_values form", "GAE-01")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        vn = values[t] if t == len(rewards) - 1 else values[t + 1]
        A[t] = last = rewards[t] + gamma * vn * ~dones[t] - values[t] + gamma * gae_lambda * ~dones[t] * last
    return A


@wrong("gae", "done read one step late, zero appended (stable-baselines #385)", "GAE-02")
def _(rewards, values, next_values, dones, gamma, gae_lambda):
    late = np.vstack([dones[1:], np.zeros_like(dones[:1])])
    A = np.zeros_like(rewards)
    last = 0.0
    for t in reversed(range(len(rewards))):
        vn = values[t + 1] if t + 1 < len(rewards) else np.where(dones[t], 0.0, next_values[t])
        A[t] = last = rewards[t] + gamma * vn * ~late[t] - values[t] + gamma * gae_lambda * ~late[t] * last
    return A


@wrong("gae", "done read one step late, last row with its own flag, dones form", "GAE-02")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = 0.0
    for t in reversed(range(len(rewards))):
        end = t == len(rewards) - 1
        mask = ~dones[t] if end else ~dones[t + 1]
        vn = last_values if end else values[t + 1]
        A[t] = last = rewards[t] + gamma * vn * mask - values[t] + gamma * gae_lambda * mask * last
    return A


@wrong("gae", "pre-step done read as post-step done (purejaxrl)", "GAE-04")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    prev = np.zeros_like(dones)
    prev[1:] = dones[:-1]
    A = np.zeros_like(rewards)
    last, vn = np.zeros_like(last_values), last_values
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * vn * (1 - prev[t]) - values[t]
        last = delta + gamma * gae_lambda * (1 - prev[t]) * last
        A[t], vn = last, values[t]
    return A


@wrong("gae", "episode start read as end of the same step", "GAE-04")
def _(rewards, values, last_values, episode_starts, last_dones, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last, vn = np.zeros_like(last_values), last_values
    for t in range(len(rewards) - 1, -1, -1):
        alive = 1 - episode_starts[t] if t > 0 else np.ones_like(last_values)
        last = rewards[t] + gamma * vn * alive - values[t] + gamma * gae_lambda * alive * last
        A[t], vn = last, values[t]
    return A


@wrong("gae", "bootstrap zeroed by done, recursion cut by termination only", "GAE-07", "red")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        vn = np.where(terminated[t] | truncated[t], 0.0, next_values[t])
        last = rewards[t] + gamma * vn - values[t] + gamma * gae_lambda * np.where(terminated[t], 0.0, last)
        A[t] = last
    return A


@wrong("gae", "reset observation's value at truncations, recursion cut", "GAE-10")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    shifted = np.concatenate([values[1:], next_values[-1:]])
    shifted = np.where(terminated, 0.0, shifted)
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        last = np.where(terminated[t] | truncated[t], 0.0, last)
        last = rewards[t] + gamma * shifted[t] - values[t] + gamma * gae_lambda * last
        A[t] = last
    return A


@wrong("td_errors", "reset observation's value at truncations", "GAE-10", "red", note="= truncation leak for td_errors")
def _(rewards, values, next_values, terminated, truncated, gamma):
    shifted = np.concatenate([values[1:], next_values[-1:]])
    return rewards + gamma * np.where(terminated, 0.0, shifted) - values


@wrong("gae", "mask by multiplication: NaN survives", "GAE-12")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * next_values[t] * (1.0 - terminated[t]) - values[t]
        last = delta + gamma * gae_lambda * (1.0 - (terminated[t] | truncated[t])) * last
        A[t] = last
    return A


@wrong("td_errors", "mask by multiplication: NaN survives (td)", "GAE-12")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * next_values * (1.0 - terminated) - values


@wrong("discounted_returns", "mask by multiplication: NaN survives (returns)", "GAE-12", "known-mistake")
def _(rewards, next_values, terminated, truncated, gamma):
    G = np.zeros_like(rewards)
    g = next_values[-1]
    for t in range(len(rewards) - 1, -1, -1):
        g = np.where(truncated[t], next_values[t], g)
        g = rewards[t] + gamma * (1.0 - terminated[t]) * g
        G[t] = g
    return G


@wrong("gae", "flag also zeroes the value of the last real state (RLlib)", "GAE-14")
def _(rewards, values, next_values, dones, gamma, gae_lambda):
    T = len(rewards)
    following = np.zeros_like(values)
    following[:-1] = values[1:] * (1 - dones[1:])
    following[-1] = np.where(dones[-1], 0.0, next_values[-1])
    target = np.zeros_like(values)
    nxt = following[-1]
    for t in range(T - 1, -1, -1):
        live = 1 - dones[t]
        nxt = rewards[t] + live * (gamma * (1 - gae_lambda) * following[t] + gamma * gae_lambda * nxt)
        target[t] = nxt
    return target - values


@wrong("gae", "carry never reset", "GAE-15")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    A = delta.copy()
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * A[t + 1]
    return A


@wrong("gae", "carry never reset, dones form", "GAE-15")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    vn = np.concatenate([values[1:], last_values[None]])
    A = rewards + gamma * vn * ~dones - values
    for t in range(len(A) - 2, -1, -1):
        A[t] = A[t] + gamma * gae_lambda * A[t + 1]
    return A


@wrong("gae", "mask applied twice", "GAE-17")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    carry = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        live = ~(terminated[t] | truncated[t])
        A[t] = rewards[t] + gamma * np.where(terminated[t], 0.0, next_values[t]) - values[t] + gamma * gae_lambda * live * carry
        carry = A[t] * live
    return A


@wrong("gae", "recursion cut by the next row's flag", "GAE-18")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * ~(terminated[t + 1] | truncated[t + 1]) * A[t + 1]
    return A


@wrong("gae", "bootstrap counted twice: the carry starts at V(s_T)", "GAE-20")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last, vn = last_values.copy(), last_values
    for t in range(len(rewards) - 1, -1, -1):
        A[t] = last = rewards[t] + ~dones[t] * gamma * vn - values[t] + ~dones[t] * gamma * gae_lambda * last
        vn = values[t]
    return A


@wrong("gae", "no lambda in the recursion", "GAE-21")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("token_gae", "observation tokens treated as steps", "GAE-24")
def _(rewards, values, mask, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = vn = np.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        last = rewards[:, t] + gamma * vn - values[:, t] + gamma * gae_lambda * last
        A[:, t], vn = last, values[:, t]
    return A


@wrong("gae", "reward and done of the next row, last advantage 0 (PufferLib layout)", "GAE-28", "red", note="C row, not in the closed list")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(last_values)
    for t in range(len(rewards) - 2, -1, -1):
        live = ~dones[t + 1]
        last = rewards[t + 1] + gamma * values[t + 1] * live - values[t] + gamma * gae_lambda * live * last
        A[t] = last
    return A


@wrong("gae", "returns built with T + 1 rows", "GAE-30", "red")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    A = np.zeros((len(rewards) + 1, rewards.shape[1]), rewards.dtype)
    v = np.vstack([values, last_values])
    for t in range(len(rewards) - 1, -1, -1):
        A[t] = rewards[t] + gamma * v[t + 1] * ~dones[t] - v[t] + gamma * gae_lambda * ~dones[t] * A[t + 1]
    return A[:-1], A + v


@wrong("gae", "returns from a stale (zero) advantage buffer", "RET-01")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    stored = np.zeros_like(rewards)
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A, stored + values


@wrong("gae", "returns after normalising the advantages", "RET-02")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A, (A - A.mean()) / (A.std() + 1e-8) + values


@wrong("discounted_returns", "return never reset at terminals", "RET-04")
def _(rewards, last_values, dones, gamma):
    G, g = [], last_values
    for r in rewards[::-1]:
        g = r + gamma * g
        G.insert(0, g)
    return np.array(G)


@wrong("discounted_returns", "return reset after use instead of before", "RET-04")
def _(rewards, last_values, dones, gamma):
    G, g = [], last_values
    for r, d in zip(rewards[::-1], dones[::-1]):
        g = r + gamma * g
        G.insert(0, g)
        g = np.where(d, 0.0, g)
    return np.array(G)


@wrong("gae", "immediate reward for the return: A = r - v", "RET-05")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    return rewards - values


@wrong("gae", "done masks only the bootstrap half of the lambda mix", "RET-07")
def _(rewards, values, next_values, terminated, gamma, gae_lambda):
    live = ~terminated
    vn = np.where(terminated, 0.0, next_values)
    ret = np.zeros_like(rewards)
    ahead = vn[-1]
    for t in range(len(rewards) - 1, -1, -1):
        ahead = rewards[t] + gamma * (gae_lambda * ahead + (1 - gae_lambda) * vn[t] * live[t])
        ret[t] = ahead
    return ret - values


@wrong("token_gae", "carry zeroed at masked tokens, value skipped over them", "RET-08", "red", note="REINFORCE++ row carried over to GAE")
def _(rewards, values, mask, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = vn = np.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        new = rewards[:, t] + gamma * vn - values[:, t] + gamma * gae_lambda * last
        last = np.where(mask[:, t], new, 0.0)
        vn = np.where(mask[:, t], values[:, t], vn)
        A[:, t] = last
    return A


@wrong("discounted_returns", "environments flattened into the time axis", "RET-10", "red")
def _(rewards, last_values, dones, gamma):
    flat, ends = rewards.T.ravel(), dones.T.ravel()
    out, g = np.zeros_like(flat), last_values[-1]
    for t in range(len(flat) - 1, -1, -1):
        g = flat[t] + gamma * (0.0 if ends[t] else g)
        out[t] = g
    return out.reshape(rewards.T.shape).T


@wrong("gae", "returns = discounted rewards to go (spinningup), not A + v", "RET-11", "red", note="C row, not in the closed list")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    G, g = np.zeros_like(rewards), next_values[-1]
    for t in range(len(A) - 1, -1, -1):
        g = np.where(terminated[t], 0.0, np.where(truncated[t], next_values[t], g))
        G[t] = g = rewards[t] + gamma * g
    return A, G


@wrong("normalize_advantages", "two halves normalised apart (context-parallel ranks)", "NRM-08", "red")
def _(advantages):
    k = (len(advantages) + 1) // 2
    parts = [advantages[:k], advantages[k:]]
    return np.concatenate([(p - p.mean()) / (p.std() + 1e-8) for p in parts if len(p)])


@wrong("normalize_advantages", "not centred", "NRM-11")
def _(advantages, mask=None):
    kept = advantages if mask is None else advantages[mask]
    return advantages / (kept.std() + 1e-8)


@wrong("normalize_advantages", "statistics over all rows, mask ignored", "NRM-14")
def _(advantages, mask):
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)


@wrong("normalize_advantages", "divided by the variance", "NRM-14", "red")
def _(advantages, mask=None):
    kept = advantages if mask is None else advantages[mask]
    return (advantages - kept.mean()) / (kept.var() + 1e-8)


@wrong("normalize_advantages", "mean kept (shift_mean=False)", "NRM-15", "red", note="C row, not in the closed list")
def _(advantages, mask=None):
    kept = advantages if mask is None else advantages[mask]
    return (advantages - kept.mean()) / (kept.std() + 1e-8) + kept.mean()


# ------------------------------------------------------------------ not in bugs.md


@wrong("td_errors", "gamma missing")
def _(rewards, values, next_values, terminated, truncated):
    return rewards + np.where(terminated, 0.0, next_values) - values


@wrong("td_errors", "gamma squared")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma**2 * np.where(terminated, 0.0, next_values) - values


@wrong("td_errors", "sign of the value flipped")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * np.where(terminated, 0.0, next_values) + values


@wrong("td_errors", "termination ignored")
def _(rewards, values, last_values, terminated, gamma):
    return rewards + gamma * np.vstack([values[1:], last_values[None]]) - values


@wrong("td_errors", "whole delta discounted")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return gamma * (rewards + np.where(terminated, 0.0, next_values)) - values


@wrong("td_errors", "gamma on the current value too")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return rewards + gamma * (np.where(terminated, 0.0, next_values) - values)


@wrong("td_errors", "reward dropped at terminal steps")
def _(rewards, values, next_values, terminated, truncated, gamma):
    return np.where(terminated, 0.0, rewards + gamma * next_values) - values


@wrong("td_errors", "truncation wins where both flags are on")
def _(rewards, values, next_values, terminated, truncated, gamma):
    shown = np.where(np.isnan(next_values), 0.0, next_values)
    return rewards + gamma * np.where(terminated & ~truncated, 0.0, shown) - values


@wrong("td_errors", "values shifted along the environment axis")
def _(rewards, values, last_values, terminated, gamma):
    shifted = np.roll(values, -1, axis=1)
    return rewards + gamma * np.where(terminated, 0.0, shifted) - values


@wrong("td_errors", "np.roll: the first value at the rollout end")
def _(rewards, values, last_values, terminated, gamma):
    return rewards + gamma * np.where(terminated, 0.0, np.roll(values, -1, axis=0)) - values


@wrong("gae", "lambda on the bootstrap as well")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * gae_lambda * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "gamma missing in the recursion")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "lambda squared")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "gae_lambda not declared, 0.95 hard-wired")
def _(rewards, values, next_values, terminated, truncated, gamma):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * 0.95 * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "gamma and lambda exchanged")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    gamma, gae_lambda = gae_lambda, gamma
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "only one step of look-ahead")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    d = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    A = d.copy()
    A[:-1] += gamma * gae_lambda * np.where(terminated[:-1] | truncated[:-1], 0.0, d[1:])
    return A


@wrong("gae", "look-ahead of at most 32 steps")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    d = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    A = d.copy()
    weight = np.ones_like(d)
    alive = ~(terminated | truncated)
    for k in range(1, min(33, len(d))):
        weight = weight[:-1] * gamma * gae_lambda * alive[k - 1 : len(d) - 1]
        A[:-k] += weight * d[k:]
    return A


@wrong("gae", "look-ahead of at most 128 steps")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    d = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    A = d.copy()
    weight = np.ones_like(d)
    alive = ~(terminated | truncated)
    for k in range(1, min(129, len(d))):
        weight = weight[:-1] * gamma * gae_lambda * alive[k - 1 : len(d) - 1]
        A[:-k] += weight * d[k:]
    return A


@wrong("gae", "first row left at zero (range stops at 1)")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, 0, -1):
        delta = rewards[t] + gamma * np.where(terminated[t], 0.0, next_values[t]) - values[t]
        A[t] = last = delta + gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, last)
    return A


@wrong("gae", "last row left at zero (range starts at T - 2)")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(len(rewards) - 2, -1, -1):
        delta = rewards[t] + gamma * np.where(terminated[t], 0.0, next_values[t]) - values[t]
        A[t] = last = delta + gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, last)
    return A


@wrong("gae", "last_values ignored")
def _(rewards, values, last_values, dones, gamma, gae_lambda):
    v = np.vstack([values, np.zeros_like(values[:1])])
    A = np.zeros_like(rewards)
    last = 0.0
    for t in range(len(rewards) - 1, -1, -1):
        A[t] = last = rewards[t] + gamma * v[t + 1] * ~dones[t] - v[t] + gamma * gae_lambda * ~dones[t] * last
    return A


@wrong("gae", "forward instead of backward")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(1, len(A)):
        A[t] += gamma * gae_lambda * np.where(terminated[t - 1] | truncated[t - 1], 0.0, A[t - 1])
    return A


@wrong("gae", "any environment's end cuts all environments")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        if not (terminated[t] | truncated[t]).any():
            A[t] += gamma * gae_lambda * A[t + 1]
    return A


@wrong("gae", "first environment's flags for all")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        if not (terminated[t, 0] or truncated[t, 0]):
            A[t] += gamma * gae_lambda * A[t + 1]
    return A


@wrong("gae", "carry shared from environment to environment")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    carry = 0.0
    for n in range(rewards.shape[1]):
        for t in range(len(rewards) - 1, -1, -1):
            vn = 0.0 if terminated[t, n] else next_values[t, n]
            if terminated[t, n] or truncated[t, n]:
                carry = 0.0
            carry = rewards[t, n] + gamma * vn - values[t, n] + gamma * gae_lambda * carry
            A[t, n] = carry
    return A


@wrong("gae", "advantages come normalised (skrl)")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return (A - A.mean()) / (A.std() + 1e-8)


@wrong("gae", "returns and advantages in the other order")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A + values, A


@wrong("gae", "returns are advantages minus values")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A, A - values


@wrong("gae", "computed in float32 whatever the input")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    r, v, vn = (x.astype(np.float32) for x in (rewards, values, next_values))
    A = r + np.float32(gamma) * np.where(terminated, np.float32(0), vn) - v
    for t in range(len(A) - 2, -1, -1):
        A[t] += np.float32(gamma * gae_lambda) * np.where(terminated[t] | truncated[t], np.float32(0), A[t + 1])
    return A.astype(rewards.dtype)


@wrong("gae", "computed in float16")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = (rewards + gamma * np.where(terminated, 0.0, next_values) - values).astype(np.float16).astype(rewards.dtype)
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "rewards clipped to +-1")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = np.clip(rewards, -1, 1) + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "inputs written to: next_values zeroed at terminals in place")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    next_values[terminated] = 0.0
    A = rewards + gamma * next_values - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "answer accumulated into rewards")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    rewards += gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(rewards) - 2, -1, -1):
        rewards[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, rewards[t + 1])
    return rewards.copy()


@wrong("gae", "truncated last step of the rollout treated as terminal")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    stop = terminated.copy()
    stop[-1] |= truncated[-1]
    A = rewards + gamma * np.where(stop, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "terminated and truncated exchanged")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    vn = np.where(np.isnan(next_values), 0.0, next_values)
    A = rewards + gamma * np.where(truncated, 0.0, vn) - values
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("gae", "Monte-Carlo advantage: lambda taken as 1")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    G, g = np.zeros_like(rewards), next_values[-1]
    for t in range(len(rewards) - 1, -1, -1):
        g = np.where(terminated[t], 0.0, np.where(truncated[t], next_values[t], g))
        G[t] = g = rewards[t] + gamma * g
    return G - values


@wrong("gae", "recursion cut on odd rows too (minibatch boundary of 16)")
def _(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    A = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    for t in range(len(A) - 2, -1, -1):
        if (t + 1) % 16:
            A[t] += gamma * gae_lambda * np.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("discounted_returns", "bootstrap at the rollout end missing")
def _(rewards, last_values, dones, gamma):
    G, g = np.zeros_like(rewards), np.zeros_like(last_values)
    for t in range(len(rewards) - 1, -1, -1):
        G[t] = g = rewards[t] + gamma * g * ~dones[t]
    return G


@wrong("discounted_returns", "bootstrap not discounted")
def _(rewards, last_values, dones, gamma):
    G = np.zeros_like(rewards)
    G[-1] = g = rewards[-1] + last_values * ~dones[-1]
    for t in range(len(rewards) - 2, -1, -1):
        G[t] = g = rewards[t] + gamma * g * ~dones[t]
    return G


@wrong("discounted_returns", "rewards discounted from step 0")
def _(rewards, last_values, dones, gamma):
    G, g = np.zeros_like(rewards), last_values
    for t in range(len(rewards) - 1, -1, -1):
        G[t] = g = gamma**t * rewards[t] + g * ~dones[t]
    return G


@wrong("discounted_returns", "not discounted")
def _(rewards, last_values, dones, gamma):
    G, g = np.zeros_like(rewards), last_values
    for t in range(len(rewards) - 1, -1, -1):
        G[t] = g = rewards[t] + g * ~dones[t]
    return G


@wrong("discounted_returns", "one-step target at every row")
def _(rewards, next_values, terminated, truncated, gamma):
    return rewards + gamma * np.where(terminated, 0.0, next_values)


@wrong("discounted_returns", "normalised")
def _(rewards, last_values, dones, gamma):
    G, g = np.zeros_like(rewards), last_values
    for t in range(len(rewards) - 1, -1, -1):
        G[t] = g = rewards[t] + gamma * g * ~dones[t]
    return (G - G.mean()) / (G.std() + 1e-7)


@wrong("token_gae", "values of the next row's token (one position early)", "VAL-12", "red")
def _(rewards, values, mask, gamma, gae_lambda):
    values = np.hstack([values[:, :1], values[:, :-1]])
    A = np.zeros_like(rewards)
    last = vn = np.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        new = rewards[:, t] + gamma * vn - values[:, t] + gamma * gae_lambda * last
        last, vn = np.where(mask[:, t], new, last), np.where(mask[:, t], values[:, t], vn)
        A[:, t] = last
    return A


@wrong("token_gae", "bootstraps from its own last value")
def _(rewards, values, mask, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    for b in range(len(rewards)):
        idx = np.flatnonzero(mask[b])
        last, vn = 0.0, values[b, idx[-1]]
        for t in idx[::-1]:
            last = rewards[b, t] + gamma * vn - values[b, t] + gamma * gae_lambda * last
            A[b, t], vn = last, values[b, t]
    return A


@wrong("token_gae", "carry passes, value of the masked neighbour used")
def _(rewards, values, mask, gamma, gae_lambda):
    v = np.where(mask, values, 0.0)
    A = np.zeros_like(rewards)
    last = np.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        vn = v[:, t + 1] if t + 1 < rewards.shape[1] else 0.0
        new = rewards[:, t] + gamma * vn - values[:, t] + gamma * gae_lambda * last
        last = np.where(mask[:, t], new, last)
        A[:, t] = last
    return A


@wrong("token_gae", "mask multiplied: NaN at masked slots leaks (verl's own line)", note="<operation>/nan-leak", expect="known-mistake")
def _(rewards, values, mask, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    last = vn = np.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        m = mask[:, t].astype(rewards.dtype)
        new = rewards[:, t] + gamma * vn - values[:, t] + gamma * gae_lambda * last
        vn = values[:, t] * m + (1 - m) * vn
        last = new * m + (1 - m) * last
        A[:, t] = last
    return A


@wrong("token_gae", "only the part before the first masked token")
def _(rewards, values, mask, gamma, gae_lambda):
    A = np.zeros_like(rewards)
    for b in range(len(rewards)):
        idx = np.flatnonzero(mask[b])
        stop = idx[0]
        while stop < mask.shape[1] and mask[b, stop]:
            stop += 1
        last = vn = 0.0
        for t in range(stop - 1, idx[0] - 1, -1):
            last = rewards[b, t] + gamma * vn - values[b, t] + gamma * gae_lambda * last
            A[b, t], vn = last, values[b, t]
    return A


@wrong("normalize_advantages", "eps inside the square root and outside: std + 1e-2")
def _(advantages):
    return (advantages - advantages.mean()) / (advantages.std() + 1e-2)


@wrong("normalize_advantages", "multiplied by the standard deviation")
def _(advantages):
    return (advantages - advantages.mean()) * (advantages.std() + 1e-8)


@wrong("normalize_advantages", "median instead of mean")
def _(advantages):
    return (advantages - np.median(advantages)) / (advantages.std() + 1e-8)


@wrong("normalize_advantages", "min-max scaling")
def _(advantages):
    return (advantages - advantages.min()) / (advantages.max() - advantages.min() + 1e-8)


@wrong("normalize_advantages", "clipped to +-2 after normalising")
def _(advantages):
    return np.clip((advantages - advantages.mean()) / (advantages.std() + 1e-8), -2, 2)


@wrong("normalize_advantages", "mean over valid, std over all (zeros at masked)")
def _(advantages, mask):
    mean = advantages[mask].mean()
    centred = np.where(mask, advantages - mean, 0.0)
    return centred / (np.sqrt((centred**2).mean()) + 1e-8)


@wrong("normalize_advantages", "root mean square about zero")
def _(advantages):
    return (advantages - advantages.mean()) / (np.sqrt((advantages**2).mean()) + 1e-8)


@wrong("normalize_advantages", "one valid-count too few: mean divided by n - 1")
def _(advantages):
    mean = advantages.sum() / (len(advantages) - 1)
    return (advantages - mean) / (advantages.std() + 1e-8)


@wrong("normalize_advantages", "absolute deviation instead of standard deviation")
def _(advantages):
    centred = advantages - advantages.mean()
    return centred / (np.abs(centred).mean() + 1e-8)


@wrong("normalize_advantages", "in place")
def _(advantages):
    advantages -= advantages.mean()
    advantages /= advantages.std() + 1e-8
    return advantages
