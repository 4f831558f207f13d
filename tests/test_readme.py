"""What the README says is so: the sample and its twin, the adapters it prints, the example of the mathematics."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import ppocore
from ppocore.conformance import mistakes, vectors
from ppocore.conformance.dialects import presets
from ppocore.conformance.operations import OPERATIONS
from tests.command import process
from tests.optional import require

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
EXAMPLES = ROOT / "docs" / "examples"


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [text for named, text in found if named == language]


def test_sample_is_red_and_both_mistakes_are_named() -> None:
    done = process("check", "docs/examples/my_ppo.py")

    assert done.returncode == 1
    assert "gae/done-read-one-step-late" in done.stdout
    assert "ppo_loss/entropy-added" in done.stdout
    assert done.stderr == ""


def test_corrected_twin_is_green() -> None:
    done = process("check", "docs/examples/my_ppo_fixed.py")

    assert done.returncode == 0
    assert "GREEN 3 operations" in done.stdout


def test_readme_shows_what_the_sample_prints() -> None:
    shown = next(block for block in blocks("") if "my_ppo ·" in block)
    printed = process("check", "docs/examples/my_ppo.py").stdout

    for line in shown.strip().splitlines():
        assert line.strip() in ("", "...") or line in printed.splitlines(), line


def test_torch_adapter_is_the_file_and_green() -> None:
    adapter = next(block for block in blocks("python") if "def normalize_advantages" in block)

    assert adapter.strip() in (EXAMPLES / "torch_adapter.py").read_text()
    require("torch")
    run = ppocore.check(EXAMPLES / "torch_adapter.py")
    assert run.green
    verdicts = {verdict.operation: verdict for verdict in run.verdicts}
    assert verdicts["clip_loss"].verdict == "conforms"
    assert verdicts["normalize_advantages"].conventions == {"advantage_std": "ddof1"}


def test_lifted_gae_is_green() -> None:
    torch = require("torch")
    lifted = next(block for block in blocks("python") if "def compute_gae" in block)
    names: dict[str, object] = {"torch": torch}
    exec(lifted, names)

    run = ppocore.check({"gae": names["gae"], "FRAMEWORK": "torch"})

    assert run.green


def test_example_of_the_mathematics_runs() -> None:
    example = next(block for block in blocks("python") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(example, {}, "README", "README.md", 0)
    failures, tried = doctest.DocTestRunner().run(test)

    assert (failures, tried) == (0, 3)


NAMED_IN_README = 3
"""Libraries that the README names before it says how many more there are."""
COUNTS = {
    r"(\d+) (?:frozen )?vectors\b": lambda: sum(len(vectors.of(name)) for name in OPERATIONS),
    r"(?<!GREEN )\b(\d+) operations\b(?! not offered)": lambda: len(OPERATIONS),
    r"which of (\d+) libraries": lambda: len(presets()),
    r"(?:\w+, ){2}\w+ and (\d+) more\b": lambda: len(presets()) - NAMED_IN_README,
    r"(?<!than )(?<!least )\b(\d+) (?:named |known )?mistakes": lambda: len(mistakes.MISTAKES),
}


@pytest.mark.parametrize("pattern", COUNTS)
def test_counts_in_prose_are_those_of_the_code(pattern: str) -> None:
    found = [int(number) for text in (README, CHANGELOG) for number in re.findall(pattern, text)]

    assert set(found) <= {COUNTS[pattern]()}, pattern


def test_the_counts_that_are_looked_for_are_there() -> None:
    """Else a change of words would leave a number that nothing holds."""
    seen = [pattern for pattern in COUNTS if re.search(pattern, README + CHANGELOG)]

    assert len(seen) >= 4, seen
