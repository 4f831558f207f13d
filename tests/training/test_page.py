"""What docs/training.md says of files and objects is so: its programs run in turn, and its table is right."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ppocore.environments.dynamics import STATE_SIZE
from ppocore.training import PPO, Config, folder, train
from ppocore.training.export import write_onnx
from ppocore.training.trainer import Progress
from tests.optional import require

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()


def test_the_programs_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("onnx"), require("onnxruntime")
    monkeypatch.chdir(tmp_path)
    habit, outside, reading, onnx = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    names: dict = {}

    exec(habit, names)
    assert names["model"].num_timesteps >= 100_000
    assert int(names["action"]) in (0, 1)
    exec(outside, {"MyEnv": lambda: require("gymnasium").make("CartPole-v1")})
    exec(reading, names)
    saved = PPO.load("run")
    assert names["action"] == saved.predict([0.0, 0.0, 0.1, 0.0], deterministic=True)[0]
    assert names["place"] == saved.trainer.layout.log_std
    write_onnx(saved.trainer, "policy.onnx")
    exec(onnx, names)
    assert names["action"].shape == (5,)


def test_the_table_of_arrays_is_that_of_a_checkpoint(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| \(([^)]*)\) \| (\w+) \|", PAGE, re.MULTILINE)
    said = {name: (shape, dtype) for names, shape, dtype in rows for name in re.findall(r"\w+", names)}
    trainer = train(Config("Pendulum-v1", total_steps=1024, num_envs=3, num_steps=64, num_minibatches=2), out=tmp_path)

    with np.load(tmp_path / folder.CHECKPOINT) as stored:
        assert said.keys() == set(stored.files)
        sizes = {"P": trainer.learner.params.size, "N": 3, "1": 1, "STATE": STATE_SIZE}
        for name, (shape, dtype) in said.items():
            assert stored[name].dtype == ("float32" if dtype == "number" else dtype), name
            if name not in ("recent", "about"):
                assert stored[name].shape == tuple(sizes[word] for word in re.findall(r"\w+", shape)), name
        about = json.loads(stored["about"].tobytes())
    assert (about["format"], about["version"]) == (folder.FORMAT, folder.VERSION)
    assert all(f"`{name}`" in PAGE for name in about)


def test_the_page_names_the_columns_that_it_explains() -> None:
    explained = {word for names in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
                 for word in re.findall(r"\w+", names)}  # fmt: skip

    assert {"kl", "ess", "k_hat", "health", "first_ratio_error"} <= explained & set(Progress._fields)
