"""Learning curves: which runs go together, what they are called, and how wide their interval is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ppocore.training import BadRun, Config, train
from ppocore.training.curves import draw_curves, interval, labels_of, read_curves
from tests.optional import require

require("matplotlib")
LIKE = {"total_steps": 1024, "num_envs": 4, "num_steps": 64, "hidden": (8,)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Three kinds of runs, some with several seeds."""
    top, found = tmp_path_factory.mktemp("runs"), {}
    for name, seeds, more in (("slow", (0, 1, 2), {}), ("fast", (0, 1), {"learning_rate": 0.01, "hidden": ()}),
                              ("pole", (0,), {"env": "Pendulum-v1"})):
        found[name] = [top / f"{name}{seed}" for seed in seeds]
        for seed, path in zip(seeds, found[name], strict=True):
            train(Config(**({"env": "CartPole-v1"} | LIKE | more), seed=seed), out=path)
    return found


def test_runs_that_differ_by_their_seed_go_together(runs: dict[str, list[Path]]) -> None:
    curves = read_curves([*runs["slow"], *runs["fast"], *runs["pole"]])

    assert [curve.returns.shape for curve in curves] == [(3, 4), (2, 4), (1, 4)]
    assert curves[0].steps == [256, 512, 768, 1024]


def test_a_label_says_what_differs(runs: dict[str, list[Path]]) -> None:
    slow, fast, _ = curves = read_curves([*runs["slow"], *runs["fast"], *runs["pole"]])

    assert labels_of(curves[:2]) == ["learning_rate 0.001, hidden 8, 3 seeds",
                                     "learning_rate 0.01, hidden table, 2 seeds"]
    assert labels_of([slow]) == ["clip, 3 seeds"]
    assert labels_of([fast._replace(returns=fast.returns[:1])]) == ["clip, 1 seed"]


def test_one_seed_twice_is_no_second_seed(runs: dict[str, list[Path]]) -> None:
    with pytest.raises(BadRun, match=r"slow0: is the run in .*slow0 once more \(seed 0\)"):
        read_curves([runs["slow"][0], runs["slow"][0]])


def test_the_interval_is_that_of_student() -> None:
    """Three seeds 1, 2, 6: mean 3, s^2 = 7, and t(0.975; 2) = 4.302652729749463 (any table)."""
    mean, half = interval(np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]))

    assert mean.tolist() == [3.0, 5.0]
    assert half == pytest.approx([4.302652729749463 * (7 / 3) ** 0.5, 0.0], rel=1e-12)


def test_each_environment_has_its_panel(runs: dict[str, list[Path]], tmp_path: Path) -> None:
    from matplotlib import image

    heights = []
    for name, folders in (("one", runs["slow"]), ("two", [*runs["slow"], *runs["pole"]])):
        draw_curves(folders, tmp_path / name)
        heights.append(image.imread(tmp_path / name, format="png").shape[0])

    assert heights[1] > 1.5 * heights[0]


def test_a_picture_that_cannot_be_written_is_refused(runs: dict[str, list[Path]], tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="cannot be written"):
        draw_curves(runs["slow"], tmp_path / "none" / "picture.png")
