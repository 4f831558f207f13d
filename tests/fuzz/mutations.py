"""Damage: to bytes, to lines, and to the structure of JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

TOKENS = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n", b"\n", b"\x1b[2J", b"\x85", b"\xe2\x80\xa8", b'"',
    b"\\",
    b"{", b"}", b"[", b"]", b",", b":", b"#", b"NaN", b"-Infinity", b"1e400", b"-0", b"null", b"true", b"{}", b"[]",
    b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"\\u0000", b"\\ud800", b"<script>", b"*", b"/../", b"%s", b"{0}",
)
JUNK: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 10**400, 0.5, float("nan"), float("inf"), 1e308, "", "nan", "-inf", "1.0",
    "pass",
    "\ud800", "\x00\x1b[31m", "x" * 5000, [], {}, [[]], [None], [[1.0], [1.0, 2.0]], {"a": 1}, {"": {}}, [[[[[[0]]]]]],
)


HOSTILE = ("<script>alert(1)</script>", "</td></table>", '"><img src=x onerror=alert(1)>', "\x1b[2J", "]]>", "[/red]",
           "|", "\u202egae", "{{ 7 * 7 }}", "`", "\ud800", "&lt;b&gt;", "a\nb")
"""Texts that are harmless as long as they are shown as they are."""


def bytes_(random: random.Random, data: bytes) -> bytes:
    """A few places damaged."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at, end = sorted((random.randrange(len(data) + 1), random.randrange(len(data) + 1)))
        kind = random.randrange(7)
        if kind == 0 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1:]
        elif kind == 1:
            data = data[:at] + random.choice(TOKENS) + data[at:]
        elif kind == 2:
            data = data[:at] + data[min(end, at + random.randrange(1, 9)):]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data = data[:end] + data[at:end] + data[end:]
        elif kind == 5:
            data = data[end:] + data[:at]
        else:
            data = data[:at] + bytes(random.randrange(256) for _ in range(random.randrange(1, 9))) + data[at:]
    return data


def lines(random: random.Random, data: bytes) -> bytes:
    """Whole lines left out, repeated, exchanged."""
    rows = data.splitlines(keepends=True)
    for _ in range(random.choice((1, 1, 2))):
        if rows:
            at, other = random.randrange(len(rows)), random.randrange(len(rows))
            kind = random.randrange(3)
            if kind == 0:
                del rows[at]
            elif kind == 1:
                rows.insert(at, rows[other])
            else:
                rows[at], rows[other] = rows[other], rows[at]
    return b"".join(rows)


def json_(random: random.Random, value: Any) -> Any:
    """A copy of a JSON value with something in it replaced, left out, renamed or wrapped."""
    value = {"root": copy.deepcopy(value)}
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        holder, key = random.choice(_places(value))
        kind = random.randrange(6)
        if kind == 0 and key != "root":
            del holder[key]
        elif kind == 1 and isinstance(holder, dict) and key != "root":
            holder[random.choice((key + "s", key.upper(), key[1:], "extra"))] = holder.pop(key)
        elif kind == 2:
            holder[key] = [holder[key]]
        elif kind == 3:
            holder[key] = json.dumps(holder[key])
        elif kind == 4 and isinstance(holder[key], float):
            holder[key] = holder[key] * random.choice((-1, 2, 1.001, 1e10)) + random.choice((0, 1))
        else:
            holder[key] = copy.deepcopy(random.choice(JUNK))
    return value["root"]


def wording(random: random.Random, data: bytes, fields: Sequence[str]) -> bytes:
    """JSON Lines in which some texts, in these fields, say what a page or a terminal might obey."""
    rows = [json.loads(line) for line in data.splitlines()]
    for _ in range(random.choice((1, 2, 4))):
        texts = [(holder, key) for holder, key in _places([row for row in rows if row.keys() & set(fields)])
                 if key in fields and isinstance(holder[key], str)]
        if texts:
            holder, key = random.choice(texts)
            holder[key] = random.choice((holder[key], "", "mine ")) + random.choice(HOSTILE)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in it."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left:
        holder = left.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                left.append(holder[key])
    return found


def json_line(random: random.Random, value: Any) -> bytes:
    """A line of JSON, damaged in its structure, its bytes, or both."""
    if random.random() < 0.7:
        value = json_(random, value)
    data = json.dumps(value).encode()
    return bytes_(random, data) if random.random() < 0.4 else data


def json_lines(random: random.Random, data: bytes) -> bytes:
    """A file of JSON Lines of which some line, some byte or the order is damaged."""
    kind = random.randrange(3)
    if kind == 0:
        return bytes_(random, data)
    if kind == 1:
        return lines(random, data)
    rows = data.splitlines()
    at = random.randrange(len(rows))
    rows[at] = json.dumps(json_(random, json.loads(rows[at]))).encode()
    return b"\n".join(rows) + b"\n"
