"""Event files, read back as TensorBoard reads them: records of protobuf messages."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ppocore.training import BadRun, Config, Trainer, train
from ppocore.training.event_log import event_log
from tests.optional import require

require("tensorboardX")
SMALL = Config("CartPole-v1", total_steps=4 * 256, num_envs=4, num_steps=64, hidden=(8,), seed=5)


def events_of(path: Path) -> list:
    """Length, its checksum, message, its checksum: again and again."""
    from tensorboardX.proto.event_pb2 import Event

    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        event = Event()
        event.ParseFromString(data[place + 12 : place + 12 + length])
        found.append(event)
        place += 16 + length
    return found


def test_every_number_of_every_update_is_logged(tmp_path: Path) -> None:
    rows = []
    with event_log(tmp_path) as watch:
        train(SMALL, watch=lambda progress: (rows.append(progress), watch(progress)))

    (file,) = tmp_path.iterdir()
    found = {(value.tag, event.step): value.simple_value for event in events_of(file) for value in event.summary.value}
    wanted = {(f"train/{name}", row.steps): value for row in rows for name, value in row._asdict().items()
              if not isinstance(value, str) and value == value}
    assert len(rows) == 4
    assert found.keys() == wanted.keys()
    # Stored as float32.
    assert found == {key: pytest.approx(value, rel=2.0**-23) for key, value in wanted.items()}


def test_what_was_logged_beyond_the_checkpoint_is_void(tmp_path: Path) -> None:
    """An interrupted run logged 4 updates and saved 2: TensorBoard drops the steps from 768 on, and reads them anew."""
    trainer = Trainer(SMALL)
    with event_log(tmp_path) as watch:
        watch(next(trainer.run()))
    trainer.updates = 2
    with event_log(tmp_path) as watch:
        watch(next(trainer.run()))

    starts = [event.step for file in sorted(tmp_path.iterdir(), key=lambda file: int(file.suffix[1:]))
              for event in events_of(file) if event.session_log.status == 1]
    assert starts == [256, 768]


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadRun, match="cannot be written"), event_log(tmp_path / "file" / "log") as watch:
        watch(next(Trainer(SMALL).run()))
