"""GAE and returns as a linear system: (I - decay shifted by one) A = delta, solved as a band or a sparse matrix."""

import numpy as np
from scipy import sparse
from scipy.linalg import solve_banded
from scipy.sparse.linalg import spsolve_triangular

DTYPE = "float64"


def _solve(rate, right):
    """One upper bidiagonal system for each environment."""
    out = np.empty_like(right)
    for n in range(right.shape[1]):
        band = np.ones((2, len(right)), dtype=right.dtype)
        band[0, 1:] = -rate[:-1, n]
        band[0, 0] = 0.0
        out[:, n] = solve_banded((0, 1), band, right[:, n])
    return out


def gae(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    advantages = _solve(np.where(terminated | truncated, 0.0, gamma * gae_lambda), delta)
    return advantages, advantages + values


def discounted_returns(rewards, next_values, terminated, truncated, gamma):
    steps, envs = rewards.shape
    cut = terminated | truncated | (np.arange(steps) == steps - 1)[:, None]
    right = rewards + gamma * np.where(cut & ~terminated, next_values, 0.0)
    rate = np.where(cut, 0.0, gamma)
    columns = []
    for n in range(envs):
        system = sparse.eye(steps, format="csr") - sparse.diags(rate[:-1, n], 1, shape=(steps, steps), format="csr")
        columns.append(spsolve_triangular(system.tocsr(), right[:, n].astype(np.float64), lower=False))
    return np.stack(columns, axis=1).astype(rewards.dtype)
