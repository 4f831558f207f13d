"""Presets: usable, in the words of the gate's own data, honest about the rest, and refused where they are of no use."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ppocore.conformance import dialects
from ppocore.training import Config, Trainer
from ppocore.training.config import OPTIONS
from ppocore.training.presets import describe, listed, preset_of, presets

USABLE = [name for name, preset in presets().items() if not preset.refused]
REFUSED = ["trl", "verl", "openrlhf", "nemo"]
SMALL: dict[str, Any] = {"num_envs": 2, "num_steps": 32, "num_minibatches": 2, "num_epochs": 2, "total_steps": 128}
# Of which operation the gate says it, and which setting says it here.
SHARED = {
    "truncation": ("gae", "truncation"), "timeout_value": ("gae", "timeout_value"),
    "gae_recursion": ("gae", "gae_recursion"), "advantage_std": ("normalize_advantages", "advantage_std"),
    "std_eps": ("normalize_advantages", "std_eps"), "clip_band": ("clip_loss", "clip_band"),
    "value_clip": ("clipped_value_loss", "value_clip"), "value_loss_scale": ("clipped_value_loss", "value_loss_scale"),
    "grad_norm_eps": ("clip_grad_norm", "grad_norm_eps"), "kl_rule": ("adapt_kl_coef", "kl_rule"),
}  # fmt: skip


def test_every_dialect_that_concerns_training_is_here() -> None:
    """sb3_contrib is sb3 with masks; rejax clips gradients entry by entry, and nobody asked for that yet."""
    assert [name for name, preset in presets().items() if preset.refused] == REFUSED
    assert set(dialects.presets()) - set(presets()) == {"sb3_contrib", "rejax"}


@pytest.mark.parametrize("name", USABLE)
def test_a_preset_trains(name: str) -> None:
    *_, last = Trainer(Config.preset(name, **SMALL)).run()

    assert last.steps == 128
    assert last.optimizer_steps > 0


@pytest.mark.parametrize("name", USABLE)
def test_a_preset_says_what_the_gate_says_of_the_library(name: str) -> None:
    """Where the gate's data differ from the default; what is not reproduced must be owned up to by its name."""
    settings, compared = Config.preset(name), 0
    for convention, (operation, setting) in SHARED.items():
        entry = dialects.presets()[name].entries.get(operation)
        if entry is None or entry.aside:
            continue
        said = entry.conventions.get(convention)
        ours = getattr(settings, setting)
        if said is None or (convention == "std_eps" and not settings.normalize_advantages):
            continue
        compared += 1
        same = float(said) == ours if isinstance(ours, float) else said == ours
        assert same or said in " ".join(preset_of(name).not_reproduced), f"{convention} is {ours}, the gate says {said}"
    assert compared or name == "paper"


@pytest.mark.parametrize("name", USABLE)
def test_mistakes_of_a_library_are_owned_up_to(name: str) -> None:
    """What the gate calls a mistake in the parts that training has is not reproduced, and said so."""
    for operation in ("gae", "clip_grad_norm", "clip_loss"):
        entry = dialects.presets()[name].entries.get(operation)
        if entry is not None and entry.mistake:
            assert entry.mistake in " ".join(preset_of(name).not_reproduced)


def test_settings_given_beside_a_preset_win() -> None:
    assert Config.preset("cleanrl").truncation == "terminal"
    assert Config.preset("cleanrl", truncation="bootstrap", env="Pendulum-v1").truncation == "bootstrap"
    assert Config.preset("cleanrl", truncation="bootstrap").value_loss_scale == "half"


@pytest.mark.parametrize("name", [*REFUSED, "sb4", ""])
def test_what_is_no_preset_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"train: preset is .*it must be one of paper, sb3"):
        Config.preset(name)


def test_a_near_name_is_offered_and_a_reason_given() -> None:
    with pytest.raises(ValueError, match="Did you mean sb3"):
        Config.preset("sb4")
    with pytest.raises(ValueError, match="language models"):
        Config.preset("trl")


def test_all_is_shown() -> None:
    assert all(name in listed() for name in presets())
    for name in USABLE:
        text = describe(name)
        assert preset_of(name).read in text
        assert all(f"  {setting} = " in text for setting in preset_of(name).settings)
        assert all(line in text for line in preset_of(name).not_reproduced)


def test_options_name_settings_and_begin_with_the_default() -> None:
    defaults = {item.name: item.default for item in dataclasses.fields(Config)}

    for name, options in OPTIONS.items():
        assert defaults[name] == options[0]
        with pytest.raises(ValueError, match=f"train: {name} is 'neither'"):
            Config(**{name: "neither"})


@pytest.mark.parametrize("value", ["1e-8", "outside", "outside:", "outside:0", "inside:1", "floor:-1e-8", "none:1",
                                   "x:1e-8"])
def test_a_small_number_that_stands_nowhere_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="train: std_eps is .*it must be outside:E"):
        Config(std_eps=value)


def test_norms_of_networks_that_are_one_are_refused() -> None:
    with pytest.raises(ValueError, match="grad_norm_over is 'networks'; with a shared trunk"):
        Config(shared_trunk=True, grad_norm_over="networks")


def test_a_clipped_huber_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="value_clip_eps is 0.2; the Huber loss is not clipped"):
        Config(value_loss="huber", value_clip_eps=0.2)
