"""`@ppocore.conformance.parametrize`: each case is a test of pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ppocore.conformance

ROOT = Path(__file__).parents[1]
RIGHT = "import numpy as np\ndef ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n"
WRONG = RIGHT.replace("log_prob - old_log_prob)", "old_log_prob - log_prob)")
TEST = """
import ppocore.conformance

@ppocore.conformance.parametrize("my_adapter.py", only="ratio/[sf]*"{more})
def test_my_ppo({parameters}):
    {body}
"""


@pytest.fixture
def suite(tmp_path):
    """Run pytest on a test beside an adapter, from another folder: how many of each, and what it printed."""

    def run(adapter, more="", parameters="case", body="pass", test=TEST, words=()):
        folder = tmp_path / "tests"
        folder.mkdir(exist_ok=True)
        (folder / "my_adapter.py").write_text(adapter)
        (folder / "test_it.py").write_text(test.format(more=more, parameters=parameters, body=body))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "tests/test_it.py", *words],
            capture_output=True, text=True, cwd=tmp_path, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
        counts = {word.rstrip("s"): int(count) for count, word in
                  re.findall(r"(\d+) (passed|failed|xfailed|errors?|skipped)", done.stdout.splitlines()[-1])}
        return counts, done.stdout

    return run


def test_right_code_passes_with_one_test_for_each_case_and_verdict(suite):
    counts, out = suite(RIGHT)

    assert counts == {"passed": 8}, out
    assert "PASSED tests/test_it.py::test_my_ppo[ratio/smoke/equal]" in out
    assert "PASSED tests/test_it.py::test_my_ppo[ratio/verdict]" in out


def test_wrong_code_fails_with_the_name_the_sentence_and_the_counterexample(suite):
    counts, out = suite(WRONG)

    assert counts["failed"] >= 5, out
    assert "known mistake ratio/inverted" in out
    assert "right is: exp(log_prob - old_log_prob)" in out
    assert "log_prob = [" in out
    assert "should be" in out
    assert re.search(r"see it again: ppocore check \S*my_adapter.py --only ratio/far/up-one", out)
    assert "Traceback" not in out


def test_the_body_is_run_with_the_case_and_the_fixtures(suite):
    body = ('open(tmp_path.parent / "seen", "a").write(case.operation + "\\n")\n'
            '    assert getattr(case, "status", "pass") == "pass"')

    counts, out = suite(RIGHT, parameters="case, tmp_path", body=body)
    assert counts == {"passed": 8}, out

    counts, out = suite(RIGHT, body='assert case.operation == "gae"')
    assert counts == {"failed": 8}, out


def test_functions_without_parameters_and_methods_are_tests_too(suite):
    test = """
import ppocore.conformance

class TestMine:
    @ppocore.conformance.parametrize("my_adapter.py", only="ratio/smoke/*")
    def test_my_ppo(self): pass

@ppocore.conformance.parametrize("my_adapter.py", only="ratio/smoke/*")
def test_nothing(): pass
"""
    assert suite(RIGHT, test=test)[0] == {"passed": 4}
    assert suite(WRONG.replace("old_log_prob - log_prob", "1 + log_prob"), test=test)[0] == {"failed": 4}


def test_expected_failures_are_strict(suite, tmp_path):
    (tmp_path / "tests").mkdir()
    expected = tmp_path / "tests" / "expected.txt"
    more = ', expected_failures="expected.txt"'
    ids = [f"ratio/far/{name}" for name in ("up", "up-one", "top-one", "down", "edge")]
    expected.write_text("ratio/sides  # inverted\n" + "".join(f"{id}  # inverted\n" for id in ids))

    counts, out = suite(WRONG, more)
    assert counts == {"passed": 2, "xfailed": 6}, out
    assert "(expected: inverted)" in out

    counts, out = suite(RIGHT, more)
    assert counts["failed"] == 7, out
    assert "expected to fail, and passes" in out

    expected.write_text("ratio/no-such-case  # typed wrongly\n")
    counts, out = suite(RIGHT, more)
    assert counts == {"error": 1}
    assert "ratio/no-such-case is no case" in out


def test_a_crash_costs_its_case_only(suite):
    crashes = RIGHT.replace("return", "return os.abort() if len(log_prob) == 3 else").replace("import", "import os,")

    counts, out = suite(crashes)

    assert counts == {"passed": 6, "failed": 2}, out
    assert "the interpreter died: SIGABRT" in out


def test_what_cannot_run_is_an_error_of_collection(suite):
    counts, out = suite("import nothing_of_this_name\n")

    assert counts == {"error": 1}
    assert "BadAdapter: my_adapter.py:1: ModuleNotFoundError" in out


def test_a_program_is_tested_as_well(suite):
    program = ROOT / "docs" / "examples" / "exec" / "smallest.py"
    test = TEST.replace('"my_adapter.py"', f'exec="{sys.executable} {program}"')

    assert suite(RIGHT, test=test)[0] == {"passed": 8}


def test_only_the_operations_that_are_asked_for_are_judged(suite):
    adapter = RIGHT + "import time\ndef kl_k1(log_prob, old_log_prob): time.sleep(60)\n"
    test = TEST.replace(', only="ratio/[sf]*"', "")

    counts, out = suite(adapter, test=test, words=("-k", "ratio/smoke"))

    assert counts == {"passed": 1}, out


def test_levels_that_do_not_count_are_no_tests():
    def ids(**options):
        @ppocore.conformance.parametrize({"ratio": lambda log_prob, old_log_prob: log_prob}, **options)
        def test_mine(case): ...

        (mark,) = test_mine.pytestmark
        return [id for id in mark.args[1] if "/edge/" in id or "/reject/" in id]

    assert not ids()
    assert ids(strict=True)
