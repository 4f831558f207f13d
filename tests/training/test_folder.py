"""Runs on the disk: what is saved comes back bit for bit, whenever interrupted; damage is refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppocore.training import BadRun, Config, Trainer, folder, resume, train
from tests.training.pairs import add_pairs

SMALL = Config("CartPole-v1", total_steps=6 * 256, num_envs=4, num_steps=64, hidden=(8,), seed=5)
KILLS = int(os.environ.get("PPOCORE_KILLS", "10"))
"""100 by hand: PPOCORE_KILLS=100 python -m pytest tests/training/test_folder.py -k kill"""

RUNS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {},
    "Pendulum-v1": {},
    "Pendulum-v1 within its bounds": {"head": "tanh_gaussian", "log_std_from": "state"},
    "FrozenLake-v1": {},
    "CartPole-v1 at an adaptive rate": {"learning_rate_schedule": "adaptive", "desired_kl": 1e-3},
    "Pairs-v0": {},
}


def everything(trainer: Trainer) -> list[bytes]:
    """All that decides what comes next."""
    parts = [array.tobytes() for array in folder._arrays(trainer).values()]
    rest = json.dumps(trainer.rng.bit_generator.state), repr((trainer.updates, trainer.kl_coef, trainer.learning_rate))
    return [*parts, *(text.encode() for text in rest)]


def test_a_saved_run_is_the_same_run(tmp_path: Path) -> None:
    trainer, history = Trainer(SMALL), []
    folder.create(tmp_path / "run", SMALL)
    for progress in trainer.run():
        history.append(progress)
        if trainer.updates == 3:
            break
    folder.save(tmp_path / "run", trainer, history)

    back, rows = folder.resume(tmp_path / "run")

    assert everything(back) == everything(trainer)
    assert rows == history
    assert back.config == SMALL


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("at", [0, 1, 4, 6])
def test_resumed_anywhere_it_ends_the_same(run: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(monkeypatch)
    config = Config(**(SMALL.as_dict() | {"env": run.split()[0], "hidden": (8,)} | RUNS[run]))
    whole, part, history = train(config), Trainer(config), []
    for _ in range(at):
        history.append(next(part.run()))
    folder.create(tmp_path, config)
    folder.save(tmp_path, part, history)

    assert everything(resume(tmp_path)) == everything(whole)
    assert len(folder.read_progress(tmp_path)) == 6


def test_two_runs_of_one_seed_are_the_same_and_of_two_are_not() -> None:
    runs = [train(Config(**(SMALL.as_dict() | {"seed": seed, "hidden": (8,)}))) for seed in (1, 1, 2)]

    assert everything(runs[0]) == everything(runs[1])
    assert runs[0].learner.params.tobytes() != runs[2].learner.params.tobytes()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("threads", ["1", "2", "4"])
def test_the_number_of_threads_changes_nothing(run: str, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(monkeypatch)
    config = f"Config({run.split()[0]!r}, total_steps=4096, **{RUNS[run]!r})"
    code = ("from ppocore.training import *; from tests.training.pairs import *; import hashlib; "
            f"add_pairs(pytest.MonkeyPatch()); params = train({config}).learner.params; "
            "print(hashlib.sha256(params.tobytes()).hexdigest())")
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={**os.environ, **dict.fromkeys(names, threads)})

    here = train(Config(run.split()[0], total_steps=4096, **RUNS[run])).learner.params
    assert found.stdout.strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_kill_9_at_random_moments_changes_nothing(tmp_path: Path) -> None:
    """A run that saves after every update, killed again and again, also while it saves."""
    start = [sys.executable, "-m", "ppocore", "train", "--save-every", "0"]
    # Long enough that it is still under way when the last kill comes.
    steps = 4_000 * KILLS
    words = ["CartPole-v1", "--total-steps", str(steps), "--num-envs", "4", "--num-steps", "64", "--hidden", "8",
             "--seed", "5"]
    whole = train(Config("CartPole-v1", total_steps=steps, num_envs=4, num_steps=64, hidden=(8,), seed=5))
    out, dice, kills, ended = tmp_path / "run", random.Random(7), 0, None
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*start, *words, "--out", str(out)], **silent)
    while not (out / folder.CHECKPOINT).exists():
        assert process.poll() is None
        time.sleep(0.01)
    while ended is None and kills < KILLS:
        time.sleep(dice.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        back, _ = folder.resume(out)
        if back.finished:
            ended = back
        process = subprocess.Popen([*start, "--resume", str(out)], **silent)
        before = back.updates
        while ended is None and process.poll() is None and folder.resume(out)[0].updates == before:
            time.sleep(0.01)
    assert process.wait() == 0

    assert kills >= 0.8 * KILLS
    assert everything(folder.resume(out)[0]) == everything(whole)
    assert [row.update for row in folder.read_progress(out)] == list(range(1, whole.updates + 1))


@pytest.mark.parametrize(("harm", "says"), [
    (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged"),
    (lambda path: path.write_bytes(b""), "damaged|cannot be read"),
    (lambda path: path.write_bytes(b"PK\x03\x04 nonsense"), "damaged"),
    (lambda path: path.write_text("hello"), "damaged"),
    (lambda path: np.savez(path, params=np.zeros(3)), "no checkpoint of ppocore"),
    (lambda path: _changed(path, params=np.zeros(3, np.float32)), r"params is float32 \(3,\)"),
    (lambda path: _changed(path, params=np.array([np.nan])), "params is not finite"),
    (lambda path: _reworded(path, '"version": 1', '"version": 9'), "has version 9"),
    (lambda path: _reworded(path, "ppocore checkpoint", "other checkpoint"), "no checkpoint of ppocore"),
    (lambda path: _reworded(path, '"gamma": 0.99', '"gamma": 7.0'), "gamma is 7.0"),
    (lambda path: _reworded(path, '"gamma"', '"gamme"'), "gamme is no setting"),
    (lambda path: _reworded(path, '"PCG64"', '"PCG65"'), "description is damaged"),
    (lambda path: _reworded(path, "{", "["), "damaged"),
    (lambda path: path.unlink(), "cannot be read"),
])
def test_a_damaged_checkpoint_is_refused(harm, says: str, tmp_path: Path) -> None:
    train(SMALL, out=tmp_path)
    harm(tmp_path / folder.CHECKPOINT)

    with pytest.raises(BadRun, match=says) as refusal:
        folder.resume(tmp_path)

    assert str(tmp_path / folder.CHECKPOINT) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def _changed(path: Path, **arrays: np.ndarray) -> None:
    with np.load(path) as stored:
        kept = dict(stored)
    np.savez(path, **{**kept, **arrays})


def _reworded(path: Path, old: str, new: str) -> None:
    with np.load(path) as stored:
        text = stored["about"].tobytes().decode()
    assert old in text
    _changed(path, about=np.frombuffer(text.replace(old, new, 1).encode(), dtype=np.uint8))


def test_damage_at_any_byte_is_never_a_traceback(tmp_path: Path) -> None:
    """Every 97th byte changed: refused in one line, or read as what it was."""
    train(SMALL, out=tmp_path)
    path = tmp_path / folder.CHECKPOINT
    good = path.read_bytes()
    refused = 0
    for place in range(0, len(good), 97):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :])
        try:
            folder.resume(tmp_path)
        except BadRun:
            refused += 1
    assert refused > 10


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    train(SMALL, out=tmp_path)
    path = tmp_path / folder.CHECKPOINT
    _changed(path, recent=np.array([{"a": 1}], dtype=object))

    with pytest.raises(BadRun, match="damaged"):
        folder.resume(tmp_path)


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path) -> None:
    train(SMALL, out=tmp_path)
    before = (tmp_path / folder.CHECKPOINT).read_bytes()

    with pytest.raises(BadRun, match="holds a run already"):
        train(SMALL, out=tmp_path)

    assert (tmp_path / folder.CHECKPOINT).read_bytes() == before


def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(SMALL, out=tmp_path)
    trainer, history = folder.resume(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.np, "savez", full)
    with pytest.raises(BadRun, match=r"checkpoint.npz: cannot be written \(No space left on device\)"):
        folder.save(tmp_path, trainer, history)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_progress_table_that_is_not_one_is_refused(tmp_path: Path) -> None:
    train(SMALL, out=tmp_path)
    for text, says in (("a,b\n1,2\n", r"columns are not .* \(it has no update\)"), ("", "columns are not")):
        (tmp_path / folder.PROGRESS).write_text(text)
        with pytest.raises(BadRun, match=says):
            folder.read_progress(tmp_path)
