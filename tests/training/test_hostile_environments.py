"""Environments that misbehave, and disks that do: one line that says which, when and how; the last save unharmed."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore import _files
from ppocore.environments.refusals import BadEnvironment
from ppocore.training import BadRun, Config, folder, resume, train
from tests.command import command, environment
from tests.optional import require

gymnasium = require("gymnasium")

SMALL = ("--total-steps", 2048, "--num-envs", 3, "--num-steps", 32, "--hidden", 8, "--save-every", 0)


class Hostile(gymnasium.Env):
    """Well behaved but for the second of its copies at its 200th step, where it does what `harm` does."""

    observation_space: Any = gymnasium.spaces.Box(-1.0, 1.0, (2,))
    action_space: Any = gymnasium.spaces.Discrete(2)
    harm: Callable[[], Any]
    made = 0

    def __init__(self) -> None:
        self.index, self.steps = type(self).made, 0
        type(self).made += 1

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action):
        self.steps += 1
        good = np.zeros(2, dtype=np.float32), 1.0, self.steps % 10 == 0, False, {}
        return type(self).harm() if self.index == 1 and self.steps == 200 else good


@pytest.fixture
def hostile():
    """Register an environment that does this harm, under a new id."""
    ids: list[str] = []

    def register(harm: Callable[[], Any], **more: Any) -> str:
        ids.append(f"Hostile{len(ids)}-v0")
        kind = type("Hostile", (Hostile,), {"harm": staticmethod(harm), "made": 0, **more})
        gymnasium.register(ids[-1], entry_point=kind)
        return ids[-1]

    yield register
    for id in ids:
        del gymnasium.registry[id]


def answer(observation: Any = (0.0, 0.0), reward: Any = 1.0) -> Callable[[], Any]:
    return lambda: (np.array(observation, dtype=np.float32), reward, False, False, {})


def broken() -> Any:
    raise ConnectionError("the simulator\nhas gone")


HARMS = {
    "nan observation": (answer((0.0, np.nan)), "the observation holds nan; it must be finite in float32"),
    "infinite observation": (answer((-np.inf, 0.0)), "the observation holds -inf; it must be finite in float32"),
    "nan reward": (answer(reward=np.nan), "the reward is nan; it must be finite"),
    "infinite reward": (answer(reward=-np.inf), "the reward is -inf; it must be finite"),
    "reward of two": (answer(reward=np.ones(2)), "ValueError: cannot reshape array of size 2 into shape ()"),
    "reward that is no number": (answer(reward="much"), "ValueError: could not convert string to float: 'much'"),
    "shape": (answer((0.0, 0.0, 0.0)), "the observation has shape (3,); its space says (2,)"),
    "four answers": (lambda: answer()()[:4], "ValueError: not enough values to unpack (expected 5, got 4)"),
    "exception": (broken, "ConnectionError: the simulator has gone"),
}


@pytest.mark.parametrize("name", HARMS)
def test_one_line_says_which_environment_when_and_what(name: str, hostile, tmp_path: Path) -> None:
    harm, says = HARMS[name]
    id = hostile(harm)
    status, _, err = command("train", id, *SMALL, "--out", tmp_path / "run")

    assert (status, err) == (2, f"ppocore: {id}, step 200, environment 1: {says}.\n")
    # Six batches of 32 steps were whole by then.
    back, rows = folder.resume(tmp_path / "run")
    assert (back.updates, len(rows)) == (6, 6)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.json", "progress.csv", "checkpoint.npz"}


def test_a_run_that_broke_can_be_taken_up(hostile, tmp_path: Path) -> None:
    id = hostile(broken)
    with pytest.raises(BadEnvironment):
        train(Config(id, total_steps=22 * 96, num_envs=3, num_steps=32, num_minibatches=1, hidden=(8,)), out=tmp_path,
              save_every=0.0)

    # Its second copy is made by now, so nothing breaks any more.
    assert resume(tmp_path).updates == 22


@pytest.mark.parametrize(("more", "says"), [
    ({"reset": lambda self, **words: broken()}, ", reset, environment 0: ConnectionError: the simulator has gone."),
    ({"reset": lambda self, **words: np.zeros(3)}, ", reset, environment 0: ValueError: too many values to unpack"),
    ({"reset": lambda self, **words: (np.full(2, np.nan), {})}, ", reset, environment 0: the observation holds nan;"),
    ({"__init__": lambda self: broken()}, ": cannot be made (ConnectionError: the simulator has gone)."),
    ({"observation_space": gymnasium.spaces.Discrete(3), "reset": lambda self, **words: (3, {})},
     ", reset, environment 0: the observation holds 3; it must be in [0, 2]."),
])
def test_what_goes_wrong_at_once(more: dict, says: str, hostile, tmp_path: Path) -> None:
    id = hostile(broken, **more)
    status, out, err = command("train", id, *SMALL, "--out", tmp_path / "run")

    assert status == 2
    assert err.startswith(f"ppocore: {id}{says}")
    assert err.count("\n") == 1


def test_evaluation_says_it_too(hostile, tmp_path: Path) -> None:
    id = hostile(broken, made=2)
    assert command("train", id, *SMALL, "--out", tmp_path / "run")[0] == 0
    gymnasium.registry[id].entry_point.reset = lambda self, **words: broken()

    status, out, err = command("evaluate", tmp_path / "run")

    assert (status, out) == (2, "")
    assert err == f"ppocore: {id}, reset, environment 0: ConnectionError: the simulator has gone.\n"


@pytest.mark.parametrize("harm", [
    lambda envs: ({"rewards": np.zeros(2)}), lambda envs: ({"rewards": np.array(["a", "b", "c"])}),
    lambda envs: ({"terminated": np.zeros(3)}), lambda envs: ({"observations": np.zeros((3, 3))}),
    lambda envs: ({"observations": [None] * 3}), lambda envs: ({"truncated": True}),
])
def test_vector_environments_that_answer_in_other_shapes(harm: Callable[[Any], dict]) -> None:
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    class Odd(SyncVectorEnv):
        def step(self, actions):
            names = ("observations", "rewards", "terminated", "truncated", "infos")
            return tuple((dict(zip(names, super().step(actions), strict=True)) | harm(self)).values())

    def make(count: int) -> Any:
        return Odd([lambda: gymnasium.make("CartPole-v1")] * count, autoreset_mode=AutoresetMode.NEXT_STEP)

    with pytest.raises(BadEnvironment, match=r"^odd, step 1: (rewards|terminated|truncated|observations) are .* must"):
        train(Config("odd", num_envs=3, num_steps=16, hidden=(4,)), make_envs=make)


@pytest.mark.parametrize(("number", "says"), [(28, "No space left on device"), (30, "Read-only file system")])
def test_a_disk_that_takes_nothing_more(number: int, says: str, tmp_path: Path, monkeypatch) -> None:
    """From the second save on: the first is what stays."""
    train(Config("CartPole-v1", total_steps=1024, hidden=(8,)), out=tmp_path)
    trainer, history = folder.resume(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def refuse(*given: Any, **named: Any) -> Any:
        raise OSError(number, says)

    monkeypatch.setattr(_files.tempfile, "mkstemp", refuse)
    with pytest.raises(BadRun, match=rf"{re.escape(str(tmp_path))}/progress.csv: cannot be written \({says}\)"):
        folder.save(tmp_path, trainer, history)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_disk_that_is_full_in_the_middle_of_a_checkpoint(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: progress.csv fits, the checkpoint does not."""
    out = tmp_path / "run"
    train(Config("CartPole-v1", total_steps=256, num_envs=4, num_steps=64), out=tmp_path / "warm")
    folder.create(out, config := Config("CartPole-v1", total_steps=2048, num_envs=4, num_steps=64))
    trainer, history = training_until(config, 2)
    folder.save(out, trainer, history)
    before = (out / folder.CHECKPOINT).read_bytes()
    assert len(before) > 16_384

    ended = subprocess.run([sys.executable, "-m", "ppocore", "train", "--resume", out], capture_output=True, text=True,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384)),
                           env=environment(PYTHONDONTWRITEBYTECODE="1"), check=False)

    assert ended.returncode == 2
    assert ended.stderr == f"ppocore: {out / folder.CHECKPOINT}: cannot be written (File too large).\n"
    assert (out / folder.CHECKPOINT).read_bytes() == before
    assert {path.name for path in out.iterdir()} == {"config.json", "progress.csv", "checkpoint.npz"}
    assert resume(out).finished


def training_until(config: Config, updates: int) -> tuple[Any, list[Any]]:
    """A trainer after so many updates, and what it told."""
    from ppocore.training import Trainer

    trainer = Trainer(config)
    told = trainer.run()
    return trainer, [next(told) for _ in range(updates)]
