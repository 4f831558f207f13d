"""The pages written from the ledger: no row of the source without definition, theorem, refutation, code and tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.optional import require

for tool in ("z3", "flint", "sympy", "pebble"):
    require(tool)

from proofs.ledger.book import Ledger  # noqa: E402
from proofs.ledger.loading import load  # noqa: E402
from proofs.ledger.pages import COLUMNS, ROWS, cells, source_page, theorems_page  # noqa: E402
from proofs.ledger.trace import marked_tests  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load()


def test_the_rows_are_those_of_the_source() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(18)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_everything(ledger: Ledger, row: str) -> None:
    found = dict(zip(COLUMNS, cells(ledger, row, marked_tests(ROOT / "tests")), strict=True))

    assert all(found.values()), [column for column, cell in found.items() if not cell]


def test_every_link_of_the_source_page_has_an_anchor(ledger: Ledger) -> None:
    anchors = set(re.findall(r'<a id="([^"]+)">', theorems_page(ledger)))
    links = re.findall(r"theorems\.md#([a-z]+-\d\d)", source_page(ledger))

    assert len(links) > 70
    assert set(links) <= anchors


def test_links_between_theorems_lead_somewhere(ledger: Ledger) -> None:
    page = theorems_page(ledger)
    anchors = set(re.findall(r'<a id="([^"]+)">', page))

    assert set(re.findall(r"\]\(#([a-z]+-\d\d)\)", page)) <= anchors
