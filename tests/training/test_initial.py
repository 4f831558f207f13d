"""Where parameters begin, and how settings move over a run."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore.training import Config, Trainer
from ppocore.training.initial import first_mlp

SIZES = [40, 30, 2]


def layers(flat: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    found, place = [], 0
    for below, above in zip(SIZES, SIZES[1:], strict=False):
        weight, bias = np.split(flat[place : place + (below + 1) * above], [below * above])
        found.append((weight.reshape(below, above), bias))
        place += (below + 1) * above
    assert place == len(flat)
    return found


@pytest.mark.parametrize(("initialization", "reach", "biases"), [
    ("uniform", 1.0, True), ("lecun_uniform", 3**0.5, False)])
def test_uniform_layers(initialization: str, reach: float, biases: bool) -> None:
    """1,200 draws come within 1 % of the ends of their interval with probability 1 - 2 e^-12, and the seed is fixed."""
    flat = first_mlp(SIZES, initialization=initialization, hidden_gain=9.0, output_gain=9.0,
                     rng=np.random.default_rng(0))  # fmt: skip

    for (weight, bias), below in zip(layers(flat), SIZES, strict=False):
        largest = np.abs(weight).max() * below**0.5 / reach
        assert largest <= 1
        assert (bias != 0).all() if biases else (bias == 0).all()
        assert np.abs(bias).max() * below**0.5 <= 1
    weight = layers(flat)[0][0] * SIZES[0] ** 0.5 / reach
    assert weight.max() > 0.99
    assert weight.min() < -0.99


def test_gains_are_those_of_the_configuration() -> None:
    trainer = Trainer(Config("CartPole-v1", hidden=(8,), hidden_gain=3.0, policy_gain=0.5, value_gain=2.0,
                             dtype="float64"))  # fmt: skip
    layout, params = trainer.layout, trainer.learner.params

    for first, outputs, gain in ((0, 2, 0.5), (layout.value, 1, 2.0)):
        hidden = params[first : first + 32].reshape(4, 8)
        last = params[first + 40 : first + 40 + 8 * outputs].reshape(8, outputs)
        np.testing.assert_allclose(hidden @ hidden.T, 9 * np.eye(4), atol=1e-12)
        np.testing.assert_allclose(last.T @ last, gain**2 * np.eye(outputs), atol=1e-12)


def test_the_band_narrows_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from ppocore.training import trainer as training

    bands, compiled = [], training.update

    def kept(learner: object, layout: object, rule: training.Rule, *rest: object) -> None:
        bands.append((rule.clip_eps_low, rule.clip_eps_high))
        compiled(learner, layout, rule, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "update", kept)
    for band, low in (("linear", 0.5), ("log_symmetric", 1 / 3)):
        config = Config("CartPole-v1", total_steps=4 * 1024, clip_eps=0.5, clip_eps_schedule="linear", clip_band=band)
        list(Trainer(config).run())
        assert [high for _, high in bands] == [0.5, 0.375, 0.25, 0.125]
        assert bands[0][0] == pytest.approx(low, rel=2.0**-50)
        bands.clear()
