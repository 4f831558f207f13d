"""`ppocore matrix`: operations by implementations, from report files."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

import ppocore
from ppocore.conformance import matrix, reports
from ppocore.conformance.adapters import BadAdapter


def ratio(log_prob, old_log_prob):
    return np.exp(log_prob - old_log_prob)


def inverted(log_prob, old_log_prob):
    return np.exp(old_log_prob - log_prob)


def value_loss(values, returns):
    return 0.5 * ((values - returns) ** 2).mean()


@pytest.fixture
def files(tmp_path):
    """Reports of three implementations, two of which bear the same name."""
    found = []
    for place, namespace in (("a", {"NAME": "same", "ratio": ratio}), ("b", {"NAME": "same", "ratio": inverted}),
                             ("c", {"NAME": "other", "VERSION": "2.0", "ratio": ratio, "value_loss": value_loss})):
        path = tmp_path / f"{place}.jsonl"
        ppocore.check(namespace, examples=0, report=path)
        found.append(path)
    return found


def shown(files, width=100, encoding="utf-8"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    matrix.show(reports.read_many(files), Console(file=stream, width=width, highlight=False, color_system=None))
    stream.seek(0)
    return [line.rstrip() for line in stream.read().splitlines()]


def test_table_has_a_word_for_each_cell_and_names_what_is_red(files):
    lines = shown(files)

    assert lines[0].split("  ")[0] == "operation"
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "operation same (a.jsonl) same (b.jsonl) other 2.0",
        "ratio ✔ conforms ✘ known mistake ✔ conforms",
        "value_loss · · ✔ conforms under"]
    assert lines[3:] == ["", "same (b.jsonl): ratio: ratio/inverted", "2 of 3 implementations green"]


def test_narrow_terminals_get_the_table_in_parts_and_ascii_ones_ascii(files):
    lines = shown(files, width=45, encoding="ascii")

    assert sum(line.startswith("operation") for line in lines) == 2
    # The first two offer no value_loss.
    assert sum(line.startswith("value_loss") for line in lines) == 1
    assert max(map(len, lines)) <= 45
    assert "XX" in "".join(lines)


def test_the_same_file_twice_is_told_apart(files):
    labels = [label for label, _ in reports.read_many([files[0], files[0], files[1]])]

    assert len(set(labels)) == 3


def test_one_broken_report_refuses_the_whole_by_name(files):
    lines = files[1].read_text().splitlines()
    files[1].write_text("\n".join(lines[:-1]))

    with pytest.raises(BadAdapter, match=r"b\.jsonl: has no footer"):
        reports.read_many(files)


@pytest.mark.parametrize(("damage", "says"), [
    (lambda rows: rows[:-1], "has no footer"),
    (lambda rows: rows[:2], "has no footer"),
    (lambda rows: [{"some": "json"}], "not a line of a report"),
    (lambda rows: [{**rows[0], "format": 2}, *rows[1:]], "not a report of `ppocore check`"),
    (lambda rows: [{**rows[0], "seed": "0"}, *rows[1:]], ":1: the header whose seed"),
    (lambda rows: [*rows[:-1], {**rows[-1], "exit_status": 1}], "does not count what the report holds"),
    (lambda rows: [rows[0], *rows[2:]], "does not count what the report holds"),
    (lambda rows: [rows[0], {**rows[1], "status": "fine"}, *rows[2:]], ":2: a result whose status"),
], ids=["no-footer", "cut", "foreign", "format", "kind", "footer", "lost", "word"])
def test_the_command_refuses_what_is_no_report(files, damage, says):
    rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    files[0].write_text("".join(json.dumps(row) + "\n" for row in damage(rows)))

    page = files[0].parent / "page.html"
    done = subprocess.run([sys.executable, "-m", "ppocore", "matrix", *files, "--html", page], capture_output=True,
                          text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "a.jsonl" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not page.exists()


def test_the_command_shows_and_writes_and_ends_well(files):
    page = files[0].parent / "page.html"

    done = subprocess.run([sys.executable, "-m", "ppocore", "matrix", *files, "--html", page], capture_output=True,
                          text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "2 of 3 implementations green"
    assert "2 of 3</span> implementations green" in page.read_text()
