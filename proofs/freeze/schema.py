"""The JSON Schema of a vector file."""

from __future__ import annotations

from typing import Any

FORMAT = 1
"""Raised when a reader of the old files could not read the new ones."""

NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?(e[-+][1-9][0-9]*)?$"
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": required | optional, "required": sorted(required),
            "additionalProperties": False}


def _nested(*leaves: dict[str, Any], of: str) -> dict[str, Any]:
    """One of the leaves, or a list of such things."""
    return {"anyOf": [*leaves, {"type": "array", "items": {"$ref": f"#/$defs/{of}"}, "minItems": 1}]}


def _named(of: str) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": "^[a-z_0-9]+$"}, "minProperties": 1,
            "additionalProperties": {"$ref": f"#/$defs/{of}"}}


_TEXT = {"type": "string", "minLength": 1}
_REAL = {"type": "string", "pattern": NUMBER}
_BUDGET = {"type": "number", "minimum": 0}

_VECTOR = _object(
    {
        "id": {"type": "string", "pattern": f"^[a-z_0-9]+/vector/{SLUG}$"},
        "says": _TEXT | {"pattern": r"\.$"},
        "level": {"enum": ["core", "gradients"]},
        "exact": {"type": "boolean", "description": "Every output but a gradient must be met in every digit."},
        "kills": {"type": "array", "minItems": 1, "uniqueItems": True,
                  "items": {"type": "string", "pattern": f"^[a-z_0-9]+/{SLUG}$"}},
        "inputs": _named("given"),
        "outputs": _named("wanted"),
    },
    budget=_object({"float32": _named("allowed"), "float64": _named("allowed")}),
)

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Frozen vectors of one operation of PPO",
    **_object({
        "format": {"const": FORMAT},
        "operation": {"type": "string", "pattern": "^[a-z_0-9]+$"},
        "definition": {"type": "string", "pattern": r"^proofs\.definitions(\.[a-z_0-9]+)+$"},
        "source": _TEXT,
        "lists": {"type": "array", "items": _TEXT, "description": "Inputs that are lists of arrays."},
        "vectors": {"type": "array", "items": _VECTOR, "minItems": 1},
    }),
    "$defs": {
        "given": _nested(_REAL, {"type": "boolean"}, {"type": "integer", "minimum": 0}, of="given"),
        "wanted": _nested(_REAL, {"type": "null", "description": "A slot that is not judged."}, of="wanted"),
        "allowed": _nested(_BUDGET, {"type": "null"}, of="allowed"),
    },
}
