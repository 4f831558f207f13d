"""The gate on code that none of us wrote: adapters for published packages, and the verdicts they must get.

Each adapter is judged once, by `ppocore check` in a process of its own, two at a time. A package that is not
installed skips its adapters, or fails them if PPOCORE_REQUIRE_ALL=1.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from expectations import CONFORMS, PEERS, Expected

HERE = Path(__file__).parent
PATIENCE = 300


def is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def judge(adapter, report):
    """Run the gate on one adapter: its exit status, what it printed, and its verdicts by operation."""
    command = [sys.executable, "-m", "ppocore", "check", str(HERE / f"{adapter}.py"), "--report", str(report)]
    root = str(HERE.parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    verdicts = {line["operation"]: line for line in lines if line["kind"] == "verdict"}
    return run.returncode, run.stdout + run.stderr, verdicts


@pytest.fixture(scope="session")
def judged(request, tmp_path_factory):
    """The running judgements of all adapters that this session asks for and that are installed."""
    folder = tmp_path_factory.mktemp("peers")
    wanted = {item.callspec.params["adapter"] for item in request.session.items if "judged" in item.fixturenames}
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            adapter: pool.submit(judge, adapter, folder / f"{adapter}.jsonl")
            for adapter in sorted(wanted)
            if is_installed(PEERS[adapter].requires)
        }


def judgement(adapter, judged):
    """What the gate said of an adapter; a skip, or a failure, where its package is missing."""
    if adapter not in judged:
        reason = f"{PEERS[adapter].requires} is not installed"
        pytest.fail(reason) if os.environ.get("PPOCORE_REQUIRE_ALL") == "1" else pytest.skip(reason)
    return judged[adapter].result()


def same_value(got, expected):
    """Equal, numbers by value; `floor:E` equals any floor."""
    if expected.endswith("E"):
        return got.startswith(expected[:-1])
    got_number, expected_number = (re.search(r"[0-9.]+(e-?[0-9]+)?$", text) for text in (got, expected))
    if not (got_number and expected_number):
        return got == expected
    same_word = got[: got_number.start()] == expected[: expected_number.start()]
    return same_word and float(got_number[0]) == pytest.approx(float(expected_number[0]), rel=1e-3)


def disagreements(operation, got, expected: Expected):
    if got["verdict"] not in expected.verdict.split("|"):
        yield f"the verdict is {got['verdict']}, expected {expected.verdict}"
    if got["green"] != expected.green:
        yield f"it is {'green' if got['green'] else 'red'}"
    slugs = {slug.removeprefix(f"{operation}/") for slug in got["mistakes"]}
    if expected.mistakes is not None and slugs != set(expected.mistakes):
        yield f"the mistakes are {sorted(slugs)}, expected {sorted(expected.mistakes)}"
    if expected.mistakes is not None:
        names = got["conventions"].keys() | expected.conventions.keys()
        for name in sorted(names):
            there, wanted = (values.get(name, "default") for values in (got["conventions"], expected.conventions))
            if not same_value(there, wanted):
                yield f"{name} is {there}, expected {wanted}"
    if expected.verdict == "conforms-under" and got["declared"] != expected.declared:
        yield f"it counts as {'declared' if got['declared'] else 'not declared'}"


@pytest.mark.slow
@pytest.mark.parametrize("adapter", PEERS)
def test_the_gate_says_what_is_known_of_the_package(adapter, judged: dict[str, Future]):
    peer = PEERS[adapter]
    status, printed, verdicts = judgement(adapter, judged)
    offered = {name: line for name, line in verdicts.items() if line["verdict"] != "not-offered"}
    assert offered, f"the gate did not judge {adapter}:\n{printed}"
    missing = peer.differs.keys() - offered.keys()
    assert not missing, f"expected something of operations that were not judged: {sorted(missing)}"

    messages = []
    for operation, got in offered.items():
        expected = peer.differs.get(operation, CONFORMS)
        messages += [
            f"  {operation}: {text}\n      ({expected.because})" for text in disagreements(operation, got, expected)
        ]
    assert not messages, f"{peer.requires} as called by {adapter}.py:\n" + "\n".join(messages)
    assert status == (0 if all(line["green"] for line in offered.values()) else 1)


WORDS = {
    "conforms": ("skrl_float32", "value_loss"),
    "conforms-under": ("skrl_float32", "clipped_value_loss"),
    "known-mistake": ("stable_baselines3_float64", "squashed_gaussian_log_prob"),
    "unknown-difference": ("skrl_float32", "running_moments"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("word", "adapter", "operation"), [(word, *where) for word, where in WORDS.items()])
def test_each_word_is_said_of_a_released_package(word, adapter, operation, judged: dict[str, Future]):
    """These four exactly, without the leeway that the expectations leave where a mistake may get a name one day."""
    _, printed, verdicts = judgement(adapter, judged)
    assert verdicts[operation]["verdict"] == word, printed


def test_every_adapter_has_expectations():
    adapters = {path.stem for path in HERE.glob("*_*.py") if not path.name.startswith("test_")}
    assert adapters == PEERS.keys()
