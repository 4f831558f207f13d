"""`ppocore train`, `evaluate` and `plot` as they are typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ppocore.training import Config, folder
from tests.command import interrupted
from tests.optional import require

require("matplotlib")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ppocore", *map(str, words)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a trained policy, and what was printed."""
    out = tmp_path_factory.mktemp("runs") / "cart"
    ended = run("train", "CartPole-v1", "--total-steps", 4096, "--hidden", "16,16", "--seed", 3, "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return out, ended.stdout


def test_train_says_what_came_out(done: tuple[Path, str]) -> None:
    out, text = done

    assert "CartPole-v1 · clip: mean return" in text
    assert "after 4,096 steps" in text
    last = folder.read_progress(out)[-1]
    assert f"last update: KL {last.kl:.4f} · clipped {last.clip_fraction:.0%} · ESS {last.ess:.0%}" in text
    assert f": {last.health}\n" in text
    assert f"try it: ppocore evaluate {out}" in text
    assert {path.name for path in out.iterdir()} == {"config.json", "progress.csv", "checkpoint.npz", "curve.png"}
    assert folder.read_config(out) == Config("CartPole-v1", total_steps=4096, hidden=(16, 16), seed=3)
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate(done: tuple[Path, str]) -> None:
    text = run("evaluate", done[0], "--episodes", 20, "--greedy").stdout

    assert "20 episodes, likeliest actions: mean return" in text
    assert text == run("evaluate", done[0], "--episodes", 20, "--greedy").stdout
    assert text != run("evaluate", done[0], "--episodes", 20, "--greedy", "--seed", 1).stdout


def test_plot_of_several_seeds(done: tuple[Path, str], tmp_path: Path) -> None:
    for seed in (4, 5):
        like = ["--total-steps", 4096, "--hidden", "16,16"]
        run("train", "CartPole-v1", *like, "--seed", seed, "--out", tmp_path / str(seed))

    ended = run("plot", done[0], tmp_path / "4", tmp_path / "5", "--picture", tmp_path / "all.png")

    assert ended.stdout.strip() == f"picture: {tmp_path / 'all.png'}"
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_help_lists_every_setting() -> None:
    text = run("train", "--help").stdout

    for name in Config.__dataclass_fields__:
        assert name == "env" or f"--{name.replace('_', '-')}" in text


@pytest.mark.parametrize(("words", "says"), [
    ([], "ENV is missing"),
    (["Pong-v5"], "env is 'Pong-v5'; it must be an id that Gymnasium knows; "),
    (["CartPole-v1", "--num-envs", 0], "num_envs is 0; it must be at least 1"),
    (["CartPole-v1", "--num-envs", -3], "num_envs is -3"),
    (["CartPole-v1", "--num-minibatches", 4096], "num_minibatches is 4096; it must be at most the batch of 1024 steps"),
    (["CartPole-v1", "--num-minibatches", 3], "num_minibatches is 3; it must divide"),
    (["CartPole-v1", "--num-envs", "many"], "Invalid value"),
    (["CartPole-v1", "--gamma", 1.5], "gamma is 1.5; it must be in [0, 1]"),
    (["CartPole-v1", "--gamma", "nan"], "gamma is nan"),
    (["CartPole-v1", "--algo", "ppo3"], "algo is 'ppo3'; it must be one of clip, kl, surrogate, on-policy"),
    (["CartPole-v1", "--algo", "on-policy", "--num-epochs", 4], "on-policy training uses a batch once"),
    (["CartPole-v1", "--hidden", "64;64"], "hidden is '64;64'"),
    (["CartPole-v1", "--hidden", "64,0"], "hidden[1] is 0"),
    (["CartPole-v1", "--preset", "sb4"], "preset is 'sb4'; it must be one of paper, sb3"),
    (["CartPole-v1", "--preset", "verl"], "preset is 'verl', which trains language models on tokens"),
    (["CartPole-v1", "--preset", "sb3", "--num-steps", 30], "num_minibatches is 32; it must"),
    (["--preset", "sb3", "--resume", "x"], "--resume takes everything from its folder"),
    (["CartPole-v1", "--resume", "x"], "--resume takes everything from its folder"),
    (["--seeds", "3", "--resume", "x"], "--resume takes everything from its folder"),
    (["CartPole-v1", "--seeds", "0", "--out", "/proc/none/run"], "Invalid value"),
    (["CartPole-v1", "--seeds", "2", "--out", "/proc/none/run"], "/proc/none/run/seeds.json: cannot be written"),
    (["--resume", "nowhere"], "nowhere/checkpoint.npz: cannot be read (No such file or directory)"),
    (["CartPole-v1", "--out", "/proc/none/run"], "/proc/none/run: cannot be made"),
    (["CartPole-v1", "--bogus"], "No such option"),
])
def test_bad_words_end_in_one_line(words: list, says: str) -> None:
    ended = run("train", *words)

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_parameters_that_overflow_end_in_one_line() -> None:
    ended = run("train", "Pendulum-v1", "--hidden", 4, "--learning-rate", 1e39, "--max-grad-norm", 0)

    assert ended.returncode == 2
    assert ended.stderr == ("ppocore: train: parameters are not finite after update 1; learning_rate is 1e+39,"
                            " max_grad_norm 0.0.\n")


@pytest.mark.parametrize("words", [["evaluate", "nowhere"], ["plot", "nowhere"], ["evaluate", ".", "--episodes", "0"]])
def test_folders_that_are_none(words: list) -> None:
    ended = run(*words)

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "internal error" not in ended.stderr


def test_a_preset_says_what_it_does_not_reproduce_and_settings_win(tmp_path: Path) -> None:
    out = tmp_path / "run"
    ended = run("train", "CartPole-v1", "--preset", "rsl_rl", "--num-envs", 4, "--total-steps", 96, "--out", out)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("preset rsl_rl, not reproduced: Networks and the numbers")
    assert folder.read_config(out) == Config.preset("rsl_rl", num_envs=4, total_steps=96)


def test_presets_are_listed_and_shown() -> None:
    assert "trl " in run("presets").stdout
    shown = run("presets", "sb3")
    assert shown.returncode == 0
    assert "  value_clip = clipped_only" in shown.stdout
    assert run("presets", "nemo").returncode == 2


def test_ctrl_c_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    out = tmp_path / "run"
    status, said = interrupted(out / folder.CONFIG, "train", "CartPole-v1", "--total-steps", "100000000",
                               "--save-every", "0", "--out", out)

    assert status == 130
    assert said == f"ppocore: interrupted; go on with: ppocore train --resume {out}\n"
    assert folder.read_config(out).total_steps == 100_000_000
