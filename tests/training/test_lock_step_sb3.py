"""Our update against `PPO.train` of Stable-Baselines3, under the preset sb3.

The package's own PPO, policy, optimiser and buffer are used.  What is patched, and why that changes no arithmetic:

- `numpy.random.permutation` gives our order of samples in its numbering (environment by environment, where ours goes
  step by step): it decides which samples stand in a minibatch, and nothing else;
- in float64, the arrays of the rollout buffer, which it makes in float32, are replaced by float64 ones, and
  `preprocess_obs`, which turns observations into float32 for the network, hands them on as they are: the same
  operations then run on float64 tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore.training import Config
from tests.optional import require
from tests.training.test_lock_step import LIVELY, SIZES, assert_in_step, every_case

torch = require("torch")
require("stable_baselines3")
from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common import policies  # noqa: E402
from stable_baselines3.common.env_util import make_vec_env  # noqa: E402
from stable_baselines3.common.logger import Logger  # noqa: E402

NAMES = ("observations", "actions", "log_probs", "values", "returns", "advantages")


def ppo_of(config: Config) -> Any:
    """Its PPO with our settings and its own defaults for all else (network, optimiser)."""
    ppo = PPO("MlpPolicy", make_vec_env(config.env, n_envs=config.num_envs), learning_rate=config.learning_rate,
              n_steps=config.num_steps, batch_size=config.batch_size // config.num_minibatches,
              n_epochs=config.num_epochs, clip_range=config.clip_eps, clip_range_vf=config.value_clip_eps or None,
              ent_coef=config.ent_coef, device="cpu")  # fmt: skip
    ppo.set_logger(Logger(None, []))
    if config.dtype == "float64":
        ppo.policy.double()
    return ppo


def parts_of(policy: Any, layout: Any) -> list[tuple[Any, slice, tuple[int, ...]]]:
    """Its parameters in the order of our flat vector: where each lies there, and in which shape."""
    extractor = policy.mlp_extractor
    linear = [*(layer for layer in extractor.policy_net if hasattr(layer, "weight")), policy.action_net]
    tensors = [tensor for layer in linear for tensor in (layer.weight, layer.bias)]
    tensors += [policy.log_std] if not layout.head.choices else []
    linear = [*(layer for layer in extractor.value_net if hasattr(layer, "weight")), policy.value_net]
    tensors += [tensor for layer in linear for tensor in (layer.weight, layer.bias)]
    found, place = [], 0
    for tensor in tensors:
        # A weight is (outputs, inputs) there and (inputs, outputs) here.
        found.append((tensor, slice(place, place + tensor.numel()), tuple(tensor.shape[::-1])))
        place += tensor.numel()
    assert place == layout.end
    assert {id(tensor) for tensor in tensors} == {id(tensor) for tensor in policy.parameters()}
    return found


def load(policy: Any, layout: Any, given: Any) -> None:
    """Our weights and moments into its policy and optimiser."""
    for tensor, part, shape in parts_of(policy, layout):
        weight, first, second = (torch.tensor(array[part].reshape(shape).T)
                                 for array in (given.params, given.first_moment, given.second_moment))
        with torch.no_grad():
            tensor.copy_(weight)
        policy.optimizer.state[tensor] = {"step": torch.tensor(float(given.taken)), "exp_avg": first.contiguous(),
                                          "exp_avg_sq": second.contiguous()}  # fmt: skip


def fill(buffer: Any, config: Config, given: Any) -> None:
    """Our batch into its rollout buffer."""
    buffer.reset()
    for name, array in zip(NAMES, given.arrays, strict=True):
        theirs = array.reshape(config.num_steps, config.num_envs, *array.shape[1:])
        assert theirs.shape == getattr(buffer, name).shape
        setattr(buffer, name, theirs)
    buffer.full = True


@every_case
def test_stable_baselines3(env: str, dtype: str, value_clip_eps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.preset("sb3", env=env, dtype=dtype, value_clip_eps=value_clip_eps, **SIZES, **LIVELY)
    ppo, plain = ppo_of(config), policies.preprocess_obs
    monkeypatch.setattr(policies, "preprocess_obs", lambda seen, *rest, **words: (
        seen if seen.dtype == torch.float64 else plain(seen, *rest, **words)))

    def theirs(config: Config, layout: Any, given: Any) -> Any:
        load(ppo.policy, layout, given)
        fill(ppo.rollout_buffer, config, given)
        steps, envs = np.divmod(given.orders, config.num_envs)
        orders = iter(envs * config.num_steps + steps)
        with monkeypatch.context() as patch:
            patch.setattr(np.random, "permutation", lambda count: next(orders))
            ppo.train()
        assert next(orders, None) is None
        return np.concatenate([tensor.detach().numpy().T.ravel() for tensor, _, _ in parts_of(ppo.policy, layout)])

    reported = assert_in_step(config, theirs, monkeypatch)

    assert max(progress.clip_fraction for progress in reported) > 0.05
    assert max(progress.grad_norm for progress in reported) > config.max_grad_norm
