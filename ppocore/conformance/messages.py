"""Messages between the gate and its worker: JSON with a length before it, arrays as their raw bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ppocore.conformance.case import Answer
from ppocore.conformance.layouts import laid, layout_of

GREETING = b"\nppocore worker 1\n"
"""Sent first, so that anything an interpreter prints while it starts can be told from messages."""

MARK = b"\0ppocore\0"
"""Written to stderr before each call, so that what one call prints can be told from what the last one did."""

LONGEST = 2**32


def framed(message: Mapping[str, Any]) -> bytes:
    """One message as it travels."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(8, "big") + body


def send(stream: IO[bytes], message: Mapping[str, Any]) -> None:
    """Write one message."""
    stream.write(framed(message))
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None at the end of the stream or where it is no longer ours."""
    head = stream.read(8)
    length = int.from_bytes(head, "big")
    if len(head) < 8 or length > LONGEST:
        return None
    body = stream.read(length)
    if len(body) < length:
        return None
    try:
        message: dict[str, Any] = json.loads(body)
    except ValueError:
        return None
    return message


def pack(value: Any) -> Any:
    """An input or output as JSON."""
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.name, "shape": list(value.shape), "data": data, "layout": layout_of(value)}
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    return value


def unpack(value: Any) -> Any:
    """The reverse of `pack`; arrays come out fresh, writable and with the layout they had."""
    if isinstance(value, dict):
        flat: NDArray[Any] = np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"])
        return laid(flat.reshape(value["shape"]).copy(), value["layout"])
    if isinstance(value, list):
        return [unpack(item) for item in value]
    return value


def pack_answer(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    return {
        "outcome": answer.outcome, "message": answer.message,
        "outputs": {name: pack(value) for name, value in answer.outputs.items()},
        "gradients": {name: pack(value) for name, value in answer.gradients.items()},
        "mutated": list(answer.mutated), "aliased": list(answer.aliased), "notes": list(answer.notes),
    }


def unpack_answer(message: Mapping[str, Any]) -> Answer:
    """The reverse of `pack_answer`; ValueError, or what reading raises, for anything else."""
    texts = [message["message"], *message["mutated"], *message["aliased"], *message["notes"]]
    if message["outcome"] not in ("ok", "raised", "malformed") or not all(isinstance(text, str) for text in texts):
        raise ValueError("not an answer of a worker")
    return Answer(
        message["outcome"], message["message"],
        {name: unpack(value) for name, value in message["outputs"].items()},
        {name: unpack(value) for name, value in message["gradients"].items()},
        tuple(message["mutated"]), tuple(message["aliased"]), tuple(message["notes"]),
    )
