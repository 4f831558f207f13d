"""What `ppocore vectors` shows and copies: the frozen vectors, with the room that the gate leaves each answer."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Any

from ppocore.conformance import vectors
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import UNIT, Question
from ppocore.conformance.compare import Bench
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.oracle import DEFINITIONS
from ppocore.conformance.oracle.inputs import Choices
from ppocore.conformance.signatures import nearest
from ppocore.conformance.terminal import number, numbers
from ppocore.conformance.vectors import Vector

UPWARDS = Context(prec=3, rounding=ROUND_CEILING)

README = """\
Frozen test vectors of PPO, copied from ppocore.

One JSON file holds the vectors of one operation; schema.json says what it may look like, manifest.json has the
SHA-256 of every file and all ids, which are permanent.  Of each vector:

  inputs    real numbers are decimal strings, exact in float32 and wider; flags are true and false; whole numbers
            count or point (actions, step).  Inputs named in `lists` are lists of arrays, or of sizes (nvec).  Arrays
            are nested by rows; shapes and meaning: `ppocore operations NAME`.
  outputs   40 significant digits, the last one correctly rounded; null is a slot that is not judged.
            A `grad_` is the derivative of the loss by that input.
  kills     mistakes, by name, that this vector tells from the definition.
  budget    how much rounding an output may show, entry by entry, in each number format.

An answer `got` is right if, entry by entry,

  got == want                                                       where `exact` is true and it is no gradient,
  |got - want| <= 16 * budget * u + u * |want| + tiny               elsewhere,

with u = 2^-53 and tiny = 2^-1022 in float64, u = 2^-24 and tiny = 2^-126 in float32.  `want` is rounded to float64
before it is compared.  Other conventions than the defaults (see `ppocore operations`) have other answers: these
vectors are for the defaults.
"""


def listed(operation: str | None) -> Iterator[str]:
    """One line for each vector."""
    if operation is not None and operation not in OPERATIONS:
        close = nearest(operation, OPERATIONS)
        raise BadAdapter(f"vectors: {operation} is no operation{f'; did you mean {close}?' if close else '.'}")
    found = [vector for name in ([operation] if operation else OPERATIONS) for vector in vectors.of(name)]
    width = max(len(vector.case.id) for vector in found)
    for vector in found:
        count = len(vector.kills)
        yield f"{vector.case.id:<{width}}  kills {count:>2}  {vector.case.says}"


def shown(id: str) -> Iterator[str]:
    """Lines about one vector: what goes in, what must come out, and how nearly."""
    vector = _find(id)
    case, operation = vector.case, OPERATIONS[vector.case.operation]
    yield f"{case.id}  (level {case.level}{', tolerance zero' if case.exact else ''})"
    yield f"  {case.says}"
    yield ""
    yield f"  {operation.name}: {operation.formula}"
    yield ""
    for name in _given(vector):
        yield f"  {name} = {numbers(case.inputs[name])}"
    yield ""
    yield "  expected, to 40 digits"
    for name in operation.outputs:
        yield f"  {name} = {_plain(vector.outputs[name])}"
    yield ""
    if not case.exact:
        yield "  budget in units of u; 16 times as much is allowed"
        for dtype in UNIT:
            for name, value in budgets(vector, dtype).items():
                yield f"  {name} ({dtype}) = {_plain(value)}"
        yield ""
    yield f"  kills {', '.join(vector.kills)}"


def _find(id: str) -> Vector:
    operation = id.split("/")[0]
    names = [operation] if operation in OPERATIONS else list(OPERATIONS)
    by_id = {vector.case.id: vector for name in names for vector in vectors.of(name)}
    if id not in by_id:
        close = nearest(id, by_id)
        raise BadAdapter(f"vectors: there is no vector {id}{f'; did you mean {close}?' if close else '.'}")
    return by_id[id]


def _plain(value: Any) -> str:
    """Nested lists without quotation marks."""
    if isinstance(value, list):
        return f"[{', '.join(_plain(item) for item in value)}]"
    return "(not judged)" if value is None else number(value)


def _given(vector: Vector) -> tuple[str, ...]:
    """The inputs that the vector has, in the order of the table."""
    names = OPERATIONS[vector.case.operation].inputs
    return tuple(name for name in names if vector.case.inputs.get(name) is not None)


def budgets(vector: Vector, dtype: str) -> dict[str, Any]:
    """Slack of each output in units of u, rounded up to three digits; None where nothing is judged."""
    operation = OPERATIONS[vector.case.operation]
    put = Question(vector.case, _given(vector), vector.case.inputs)
    targets = Bench(operation, dtype).expect(DEFINITIONS[operation.name], put, Choices())

    def slack(name: str) -> Any:
        if name in targets:
            return targets[name].slack
        return [targets[part].slack for part in targets if part.startswith(f"{name}[")]

    return {name: _rounded(slack(name), vector.outputs[name]) for name in operation.outputs}


def _rounded(slack: Any, outputs: Any) -> Any:
    if isinstance(outputs, list):
        return [_rounded(*pair) for pair in zip(slack, outputs, strict=True)]
    return None if outputs is None else float(UPWARDS.create_decimal(Decimal(float(slack))))


def copy(folder: Path) -> int:
    """Write the vectors with their budgets, all of them or nothing; the number of files."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadAdapter(f"{folder}: is there already; name a folder that does not exist or is empty.")
        files = _files()
        _place(folder.absolute(), files)
    except OSError as error:
        raise BadAdapter(f"{folder}: cannot be written ({error.strerror or error}).") from None
    return len(files)


def _files() -> dict[str, str]:
    books = {name: vectors.book(name) for name in OPERATIONS}
    for name, book in books.items():
        for vector, entry in zip(vectors.of(name), book["vectors"], strict=True):
            entry["budget"] = {dtype: budgets(vector, dtype) for dtype in UNIT}
    files = {f"{name}.json": _written(book) for name, book in books.items()}
    files[vectors.SCHEMA] = vectors.text(vectors.SCHEMA)
    files["README.txt"] = README
    ids = sorted(entry["id"] for book in books.values() for entry in book["vectors"])
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    files[vectors.MANIFEST] = _written({"format": vectors.FORMAT, "ids": ids, "sha256": hashes})
    return files


def _written(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _place(folder: Path, files: Mapping[str, str]) -> None:
    """Write beside the folder, then give it the name."""
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, text in files.items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
