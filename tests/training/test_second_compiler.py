"""The first run ever: what learns is compiled by a second interpreter, not waited for in vain and not left behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ppocore.training import Config, second_compiler

ROOT = Path(__file__).parents[2]
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
FIRST_RUN = """
from ppocore.training import Config, train
from ppocore.training.collect import _collect
from ppocore.training.update import _update

train(Config("CartPole-v1", num_steps=8, total_steps=64))
assert sum(_collect.stats.cache_misses.values()) == 1, "the cache was not empty"
assert sum(_update.stats.cache_hits.values()) == 1 and not _update.stats.cache_misses, _update.stats
"""


def test_the_first_run_finds_an_update_compiled(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_RUN], capture_output=True, text=True, env=os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The second interpreters that were begun, each asleep."""
    made: list[Any] = []

    def begin(config: Config) -> Any:
        made.append(subprocess.Popen(SLEEPS))
        return made[-1]

    monkeypatch.setattr(second_compiler, "_started", begin)
    monkeypatch.setattr(second_compiler, "is_compiled", lambda kernel: False)
    monkeypatch.setattr(second_compiler, "THREADS", 2)
    return made


class User:
    """Who asks for it."""


def asked(user: object) -> Any:
    return second_compiler.second_compiler(Config("CartPole-v1"), user)


def test_it_does_not_outlive_who_asked(begun: list[Any]) -> None:
    user = User()
    asked(user)
    assert [process.poll() for process in begun] == [None]
    del user
    gc.collect()
    assert [process.returncode is not None for process in begun] == [True]


def test_one_that_dies_is_not_waited_for(begun: list[Any]) -> None:
    user = User()
    wait = asked(user)
    begun[0].kill()
    assert wait() != 0


@pytest.mark.parametrize("alone", ["compiled", "one thread", "no interpreter"])
def test_it_is_not_begun_where_it_would_not_help(alone: str, begun: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if alone == "compiled":
        monkeypatch.setattr(second_compiler, "is_compiled", lambda kernel: True)
    elif alone == "one thread":
        monkeypatch.setattr(second_compiler, "THREADS", 1)
    else:
        monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    asked(User())()
    assert not begun
