"""The source's story, run: each script prints what is derived elsewhere, and draws its picture."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.optional import require

require("matplotlib")
STORY = Path(__file__).parents[1] / "docs" / "examples" / "story"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):
    """What a script prints; its picture must be there."""

    def run(name: str) -> str:
        picture = tmp_path_factory.mktemp(name) / "picture.png"
        ended = subprocess.run([sys.executable, STORY / f"{name}.py", picture], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert str(picture) in ended.stdout
        return ended.stdout

    return run


def test_every_script_is_told_here() -> None:
    tests = Path(__file__).read_text()

    for path in STORY.glob("*.py"):
        assert path.stem == "picture" or f'told("{path.stem}")' in tests


def test_the_pupil(told) -> None:
    """PG-15: weight 2; .2 (1 - .2) A / .2 = .8 A against .4 (1 - .4) A / .2 = 1.2 A."""
    text = told("pupil")

    assert "for you: 2.000" in text
    assert "own logit moves by 0.800 A, yours by 1.200 A: 1.500 times" in text


def test_the_gap_of_the_surrogate(told) -> None:
    """PG-13: first order in the gradient, second in the value."""
    orders = re.search(r"gradient (\d\.\d\d), value (\d\.\d\d)", told("surrogate_gap"))

    assert orders
    assert abs(float(orders[1]) - 1) < 0.05
    assert abs(float(orders[2]) - 2) < 0.05


def test_the_ratio_past_the_clip(told) -> None:
    """CLIP-11: between 1.37 and 1.371."""
    text = told("past_the_clip")

    assert 1.37 < float(re.search(r"ends at (1\.\d+)", text)[1]) < 1.371
    assert float(re.search(r"second action's ends at (0\.\d+)", text)[1]) < 0.8


def test_a_batch_used_several_times_teaches_more(told) -> None:
    """Shares of the best value after a quarter of the episodes: fixed seeds, so the same on every run."""
    shares = [int(share) for share in re.findall(r"(\d+)% of the best after", told("on_and_off_policy"))]

    assert shares[1] > 2 * shares[0]


def test_penalty_and_clip_both_hold_the_update(told) -> None:
    text = told("penalty_and_clip")
    kls = {name: [float(kl) for kl in re.findall(rf"{name} .*?update +(\d\.\d+)", text)] for name in ("beta", "eps")}
    free = float(re.search(r"neither: largest KL of an update (\d\.\d+)", text)[1])

    assert kls["beta"] == sorted(kls["beta"], reverse=True)
    assert kls["eps"] == sorted(kls["eps"])
    assert max(kls["beta"] + kls["eps"]) < free
