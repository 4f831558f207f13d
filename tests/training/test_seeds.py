"""Several seeds in one command: each is the run that it would be alone, and an interruption loses none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ppocore.training import BadRun, Config, folder, resume, train
from ppocore.training.seeds import begin_seeds, go_on, seed_runs
from tests.command import interrupted
from tests.training.test_commands import run
from tests.training.test_folder import everything

WORDS = ["CartPole-v1", "--total-steps", 1024, "--num-envs", 4, "--num-steps", 64, "--hidden", 8, "--seed", 5]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Three seeds, and what was printed."""
    out = tmp_path_factory.mktemp("seeds") / "runs"
    ended = run("train", *WORDS, "--seeds", 3, "--out", out, "--tensorboard")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return out, ended.stdout


def test_each_seed_is_the_run_that_it_is_alone(done: tuple[Path, str]) -> None:
    for seed in (5, 6, 7):
        alone = train(Config("CartPole-v1", total_steps=1024, num_envs=4, num_steps=64, hidden=(8,), seed=seed))
        assert everything(folder.resume(done[0] / f"seed-{seed}")[0]) == everything(alone)


def test_what_is_said_and_left(done: tuple[Path, str]) -> None:
    out, text = done

    assert [f"seed {seed} · CartPole-v1 · clip: mean return" in text for seed in (5, 6, 7)] == [True] * 3
    assert text.count("last update: KL ") == 3
    assert "3 seeds: mean return " in text
    assert {path.name for path in out.iterdir()} == {"seeds.json", "curve.png", "seed-5", "seed-6", "seed-7"}
    assert len(list((out / "seed-6" / "tensorboard").iterdir())) == 1


def test_resumed_it_does_what_was_left_to_do(done: tuple[Path, str], tmp_path: Path) -> None:
    """Seed 5 is done, seed 6 has only its configuration, seed 7 is not begun."""
    out = tmp_path / "runs"
    shutil.copytree(done[0], out)
    (out / "seed-6" / folder.CHECKPOINT).unlink()
    shutil.rmtree(out / "seed-7")

    ended = run("train", "--resume", out)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("last update: KL ") == 3
    for seed in (5, 6, 7):
        after, before = (everything(resume(place / f"seed-{seed}")) for place in (out, done[0]))
        assert after == before


def test_seeds_do_not_overwrite(done: tuple[Path, str], tmp_path: Path) -> None:
    config = Config("CartPole-v1")
    begin_seeds(tmp_path / "new", config, 2)

    assert [(path.name, run.seed) for path, run in seed_runs(tmp_path / "new")] == [("seed-0", 0), ("seed-1", 1)]
    for taken in (tmp_path / "new", done[0], done[0] / "seed-5"):
        with pytest.raises(BadRun, match="holds a run already"):
            begin_seeds(taken, config, 2)


def test_a_run_is_not_begun_where_seeds_are(done: tuple[Path, str]) -> None:
    ended = run("train", *WORDS, "--out", done[0])

    assert ended.returncode == 2
    assert "holds a run already (seeds.json)" in ended.stderr


def test_a_damaged_list_of_seeds_is_refused(tmp_path: Path) -> None:
    begin_seeds(tmp_path, Config("CartPole-v1"), 2)
    good = (tmp_path / "seeds.json").read_text()
    for text in ("", "{}", "[1]", good.replace('"gamma"', '"gamme"'), good.replace("[", "7, ["),
                 good.replace("    1", '    "x"')):
        (tmp_path / "seeds.json").write_text(text)
        with pytest.raises(BadRun, match="seeds.json: cannot be used"):
            seed_runs(tmp_path)


def test_a_seed_goes_on_from_where_it_stands(tmp_path: Path) -> None:
    config = Config("CartPole-v1", total_steps=512, num_envs=4, num_steps=64, hidden=(8,))
    first = go_on(tmp_path, config)

    assert everything(go_on(tmp_path, config)) == everything(first)


def test_ctrl_c_leaves_seeds_to_go_on_with(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    status, said = interrupted(out / "seed-0" / folder.CONFIG, "train", "CartPole-v1", "--total-steps", "100000000",
                               "--seeds", 2, "--save-every", "0", "--out", out)

    assert status == 130
    assert said == f"ppocore: interrupted; go on with: ppocore train --resume {out}\n"
    assert [config.seed for _, config in seed_runs(out)] == [0, 1]
    assert not (out / "seed-1").exists()


@pytest.mark.parametrize("words", [["--seeds", 3], ["--tensorboard"]])
def test_without_a_folder_there_is_nowhere_to_write(words: list) -> None:
    ended = run("train", *WORDS, *words)

    assert ended.returncode == 2
    assert "give --out DIR" in ended.stderr
