"""Policies as others run them: the same actions and log-probabilities as here, on random observations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore import categorical_log_prob
from ppocore.environments import spec_of
from ppocore.training import BadRun, Config, Trainer, folder, train
from ppocore.training.acting import act
from ppocore.training.export import plain_policy, write_onnx, write_torch
from tests.optional import require
from tests.training.pairs import SPEC, add_pairs
from tests.training.test_commands import run

LIKE = {"total_steps": 1024, "num_envs": 4, "num_steps": 64, "hidden": (16, 8), "learning_rate": 0.02, "seed": 5}
RUNS = {
    "discrete": {"env": "CartPole-v1"},
    "float64, relu": {"env": "CartPole-v1", "dtype": "float64", "activation": "relu"},
    "elu": {"env": "CartPole-v1", "activation": "elu"},
    "shared trunk": {"env": "Acrobot-v1", "shared_trunk": True},
    "real": {"env": "Pendulum-v1", "log_std": -0.5},
    "real, shared, float64": {"env": "Pendulum-v1", "shared_trunk": True, "dtype": "float64"},
    "squashed": {"env": "Pendulum-v1", "head": "tanh_gaussian"},
    "spread of the state": {"env": "Pendulum-v1", "log_std_from": "state", "log_std": -0.5, "log_std_max": -0.4},
    "normalised": {"env": "CartPole-v1", "normalize_observations": True, "observation_clip": 1.5},
    "states": {"env": "FrozenLake-v1"},
    "table": {"env": "CliffWalking-v1", "hidden": (), "dtype": "float64"},
}


@pytest.fixture(scope="module", params=RUNS)
def trainer(request: pytest.FixtureRequest) -> Trainer:
    return train(Config(**(LIKE | RUNS[request.param])))


def by_torch(trainer: Trainer, file: Path, seen: Any) -> list[Any]:
    torch = require("torch")
    write_torch(trainer, file)
    module = torch.export.load(file).module()
    return [found.detach().numpy() for found in module(torch.from_numpy(seen))]


def by_onnx(trainer: Trainer, file: Path, seen: Any) -> list[Any]:
    runtime = require("onnxruntime")
    write_onnx(trainer, file)
    return runtime.InferenceSession(str(file)).run(list(plain_policy(trainer).outputs), {"observation": seen})


def by_onnx_reference(trainer: Trainer, file: Path, seen: Any) -> list[Any]:
    require("onnx")
    from onnx.reference import ReferenceEvaluator

    write_onnx(trainer, file)
    return ReferenceEvaluator(str(file)).run(list(plain_policy(trainer).outputs), {"observation": seen})


def _log_density(found: list[Any], trainer: Trainer) -> Any:
    """Of the mean, by the exported mean and log_std; of its tanh if that is what is played."""
    at_mean = -found[2][:, 0].astype(float) - np.log(2 * np.pi) / 2
    return at_mean - np.log1p(-np.tanh(found[1][:, 0].astype(float)) ** 2) * trainer.layout.head.squashed


@pytest.mark.parametrize("elsewhere", [by_torch, by_onnx, by_onnx_reference])
def test_elsewhere_it_says_the_same(trainer: Trainer, elsewhere: Any, tmp_path: Path) -> None:
    if elsewhere is not by_torch:
        require("onnx")
    spec, rng = spec_of(trainer.config.env), np.random.default_rng(11)
    for rows in (1, 1000):
        seen = (rng.integers(spec.observation_size, size=rows) if spec.tabular
                else rng.normal(0, 2, (rows, spec.observation_size)).astype(trainer.config.dtype))
        found = elsewhere(trainer, tmp_path / "policy", seen)
        actions, log_probs = act(trainer, seen, deterministic=True, rng=rng)
        # Three layers of at most 48 terms and tanh, of outputs of order 1: 2^9 roundings.
        near = 2.0**9 * np.finfo(trainer.config.dtype).eps * max(1.0, float(np.abs(found[1]).max()))
        assert found[0].shape == actions.shape
        if spec.continuous:
            assert np.abs(found[0] - actions).max() <= near
            reached = 2 * np.tanh(found[1]) if trainer.layout.head.squashed else np.clip(found[1], *spec.action_bounds)
            assert np.abs(found[0] - reached).max() <= near
            assert np.abs(_log_density(found, trainer) - log_probs).max() <= near
            continue
        chosen = found[1][np.arange(rows), found[0]]
        assert np.abs(chosen - log_probs).max() <= near
        first, second = np.sort(found[1], axis=1)[:, -2:].T[::-1]
        clear = first - second > 2 * near
        assert clear.mean() > 0.5
        assert (found[0] == actions)[clear].all()
        assert np.abs(np.exp(found[1].astype(float)).sum(axis=1) - 1).max() <= near
        np.testing.assert_allclose(categorical_log_prob(found[1].astype(float), found[0]).log_prob, chosen, atol=near)


@pytest.mark.parametrize("elsewhere", [by_torch, by_onnx_reference])
def test_several_choices_at_once(elsewhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("onnx")
    add_pairs(monkeypatch)
    trainer = train(Config(SPEC.id, **LIKE))
    states = np.arange(7)

    actions, log_probs = act(trainer, states, deterministic=True, rng=np.random.default_rng(0))
    found = elsewhere(trainer, tmp_path / "policy", states)

    assert (found[0] == actions).all()
    assert actions.shape == (7, 2)
    of_actions = found[1][states, actions[:, 0]] + found[1][states, 2 + actions[:, 1]]
    # As above, with log-chances of order 1 in float32.
    assert np.abs(of_actions - log_probs).max() <= 2.0**-14


def test_other_actions_have_the_probabilities_that_were_drawn_from(tmp_path: Path) -> None:
    """All log-chances, not those of the likeliest alone."""
    trainer = train(Config("FrozenLake-v1", **LIKE))
    require("onnx")
    states = np.repeat(np.arange(16), 50)

    actions, log_probs = act(trainer, states, deterministic=False, rng=np.random.default_rng(3))
    _, found = by_onnx_reference(trainer, tmp_path / "policy", states)

    assert len(np.unique(actions)) == 4
    # As above, with log-chances of order 1 in float32.
    assert np.abs(found[np.arange(len(states)), actions] - log_probs).max() <= 2.0**-14


def test_the_command_writes_what_needs_no_ppocore(tmp_path: Path) -> None:
    require("torch"), require("onnx"), require("onnxruntime")
    train(Config("CartPole-v1", **LIKE), out=tmp_path / "run")
    expected, _ = act(folder.resume(tmp_path / "run")[0], np.ones((3, 4)), deterministic=True,
                      rng=np.random.default_rng(0))
    uses = {
        "torch": "import torch; print(torch.export.load('{}').module()(torch.ones(3, 4))[0].tolist())",
        "onnx": ("import numpy, onnxruntime; print(onnxruntime.InferenceSession('{}').run(['action'],"
                 " {{'observation': numpy.ones((3, 4), 'f')}})[0].tolist())"),
    }
    for to, use in uses.items():
        file = tmp_path / f"policy.{to}"
        done = run("export", tmp_path / "run", file, "--to", to)
        assert done.stdout == f"policy for CartPole-v1 after 1,024 steps: {file}\n", done.stderr
        code = f"import sys; sys.modules['ppocore'] = None\n{use.format(file)}"
        alone = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        assert alone.stdout.strip() == str(expected.tolist())


def test_what_cannot_be_exported_is_said_in_one_line(tmp_path: Path) -> None:
    trainer = Trainer(Config("CartPole-v1"))
    require("onnx")

    with pytest.raises(BadRun, match="cannot be written"):
        write_onnx(trainer, tmp_path / "none" / "file")
    for words, says in ((["nowhere", "file", "--to", "onnx"], "cannot be read"),
                        (["nowhere", "file", "--to", "keras"], "to is 'keras'; it must be one of torch, onnx"),
                        (["nowhere", "file"], "--to")):
        ended = run("export", *words)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert says in ended.stderr
