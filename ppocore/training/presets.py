"""Conventions and published settings of libraries, by name: `presets.toml`, read."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ppocore._arrays import Doorman

FILE = "presets.toml"


@dataclass(frozen=True)
class Preset:
    """What a library does, as far as this trainer can do it too."""

    name: str
    read: str
    """Version or commit, and where the settings stand there."""
    settings: Mapping[str, Any]
    not_reproduced: tuple[str, ...]
    """What it does otherwise than this trainer does under the settings."""
    refused: str
    """Why there are no settings; empty where there are."""


@cache
def presets() -> Mapping[str, Preset]:
    """All of them, those that are refused last."""
    text = (resources.files("ppocore.training") / FILE).read_text(encoding="utf-8")
    return MappingProxyType({name: _preset(name, table) for name, table in tomllib.loads(text).items()})


def preset_of(name: str) -> Preset:
    """One of them; refused with its reason where it is of no use here."""
    door = Doorman("train")
    usable = [preset.name for preset in presets().values() if not preset.refused]
    if name not in presets():
        near = difflib.get_close_matches(name, usable, n=1)
        raise door.refusal("preset", f"is {name!r}", f"it must be one of {', '.join(usable)}",
                           f"Did you mean {near[0]}?" if near else "")  # fmt: skip
    preset = presets()[name]
    if preset.refused:
        raise door.refusal("preset", f"is {name!r}, which {preset.refused}", f"it must be one of {', '.join(usable)}")
    return preset


def settings_of(name: str) -> dict[str, Any]:
    """The settings of a preset, as `Config` takes them."""
    return dict(preset_of(name).settings)


def describe(name: str) -> str:
    """What a preset sets and what it does not reproduce, in lines."""
    preset = preset_of(name)
    lines = [f"{name}: {preset.read}"]
    lines += [f"  {setting} = {_shown(value)}" for setting, value in preset.settings.items()]
    lines += [f"not reproduced: {text}" for text in preset.not_reproduced]
    return "\n".join(lines)


def listed() -> str:
    """A line for each preset, and for each that is refused."""
    width = max(map(len, presets()))
    lines = [f"{preset.name:{width}}  {preset.refused and 'no: it ' + preset.refused or preset.read}"
             for preset in presets().values()]
    return "\n".join([*lines, "", "ppocore presets NAME shows one; ppocore train ENV --preset NAME trains with it."])


def _preset(name: str, table: Mapping[str, Any]) -> Preset:
    settings = {setting: tuple(value) if isinstance(value, list) else value
                for setting, value in table.get("settings", {}).items()}
    return Preset(name, table.get("read", ""), MappingProxyType(settings), tuple(table.get("not_reproduced", ())),
                  table.get("refused", ""))  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
