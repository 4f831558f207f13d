"""`pytest --ppocore my_adapter.py`: each case of the gate as a test, without a test file."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest_plugins = "pytester"
ROOT = Path(__file__).parents[1]
PLUGIN = "ppocore.conformance.pytest_plugin"
RIGHT = "import numpy as np\ndef ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n"
WRONG = RIGHT.replace("log_prob - old_log_prob)", "old_log_prob - log_prob)")
TWO = RIGHT + "def kl_k1(log_prob, old_log_prob): return np.mean(old_log_prob - log_prob)\n"
FAILING = [f"ratio/{name}" for name in ("sides", "far/up", "far/up-one", "far/top-one", "far/down", "far/edge")]
USAGE = 4
"""What pytest ends with where it was called wrongly."""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest in a process of its own beside an adapter, with the plugin and no other."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(*words, adapter=RIGHT, given="--ppocore=a.py"):
        (pytester.path / "a.py").write_text(adapter)
        words = [given, *words] if given else words
        return pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", *words)

    return run


def test_the_package_registers_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["pytest11"] == {"ppocore": PLUGIN}


def test_each_case_is_a_test_and_the_verdicts_end_the_output(run):
    done = run("-v", "--ppocore-only=ratio/[sf]*")

    done.assert_outcomes(passed=8)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["ppocore: a.py", "a.py::ratio::ratio/smoke/equal PASSED*",
                               "a.py::ratio::ratio/verdict PASSED*", "*= ppocore: a.py =*",
                               "*ratio  conforms * 7 cases"])


def test_wrong_code_fails_with_the_mistake_and_the_smallest_input(run):
    done = run("--ppocore-only=ratio/[sf]*", adapter=WRONG)

    done.assert_outcomes(failed=7, passed=1)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["known mistake ratio/inverted", "*right is: exp(log_prob - old_log_prob)",
                               "*see it again: ppocore check *a.py --only ratio/far/up-one",
                               "*= ppocore: a.py =*", "*ratio  known mistake * 6 of 7 cases fail",
                               "*ratio/inverted", "FAILED a.py::ratio::ratio/sides - *known mistake ratio/inverted"])
    assert "Traceback" not in done.stdout.str()


def test_what_pytest_offers_to_choose_by_works(run):
    only = "--ppocore-only=*/smoke/*"  # one case and the verdict of each operation
    collected = run(only, "--collect-only", "-k", "kl_k1 and equal", adapter=TWO)
    collected.stdout.fnmatch_lines(["collected 4 items / 3 deselected / 1 selected", "<Adapter a.py>",
                                    "  <Operation kl_k1>", "    <Case kl_k1/smoke/equal>"])
    assert "ratio/" not in collected.stdout.str()

    run(only, "-k", "smoke", adapter=TWO).assert_outcomes(passed=2, deselected=2)
    assert run(only, "-k", "nothing_of_this_name").ret == 5
    run(only, "--deselect=a.py::ratio", adapter=TWO).assert_outcomes(passed=2, deselected=2)
    run(only, "a.py::kl_k1", "a.py::ratio::ratio/verdict", adapter=TWO).assert_outcomes(passed=3)
    run("--ppocore-only=ratio/s*", "-x", adapter=WRONG).assert_outcomes(passed=1, failed=1)


def test_collecting_asks_the_adapter_nothing(run):
    done = run("--collect-only", adapter=RIGHT.replace("return", "return open('asked', 'w') and"))

    assert done.ret == 0
    assert not Path("asked").exists()


def test_expected_failures_are_strict(run, pytester):
    (pytester.path / "expected.txt").write_text("".join(f"{id}  # inverted\n" for id in FAILING))
    words = ("--ppocore-only=ratio/[sf]*", "--ppocore-expected=expected.txt", "-rx")

    done = run(*words, adapter=WRONG)
    done.assert_outcomes(xfailed=6, passed=2)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["XFAIL a.py::ratio::ratio/sides - *(expected: inverted)*"])

    done = run(*words, adapter=RIGHT)
    done.assert_outcomes(failed=7, passed=1)
    assert "expected to fail, and passes" in done.stdout.str()

    run(*words, "--runxfail", adapter=WRONG).assert_outcomes(failed=6, passed=2)


@pytest.mark.parametrize(("words", "says"), [
    (["--ppocore-only=gae/*"], "a.py does not offer gae; it offers: ratio."),
    (["--ppocore-expected=none.txt"], "none.txt: cannot be read as a list of expected failures"),
    (["--ppocore-timeout=-1"], "--timeout is -1.0; it must be a number of seconds above 0."),
    (["--ppocore-exec=x"], "give one of an adapter, --exec and --answers, not several."),
    (["a.py::rxtio"], "not found: a.py::rxtio"),
])
def test_what_cannot_run_is_one_line_and_wrong_usage(run, words, says):
    done = run(*words)

    assert done.ret == USAGE
    assert says in done.stderr.str()
    assert "Traceback" not in done.stderr.str()


def test_options_without_an_adapter_are_refused(run):
    done = run("--ppocore-seed=1", given="")

    assert done.ret == USAGE
    done.stderr.fnmatch_lines(["ERROR: --ppocore-seed needs an adapter: --ppocore ADAPTER, *"])


def test_an_adapter_that_cannot_be_imported_and_one_that_is_not_there(run):
    done = run(adapter="import nothing_of_this_name\n")
    assert done.ret == USAGE
    assert "a.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'" in done.stderr.str()

    done = run(given="--ppocore=no_such.py")
    assert done.ret == USAGE
    assert "no_such.py" in done.stderr.str()


def test_a_crash_costs_its_case_only(run):
    crashes = RIGHT.replace("return", "return os.abort() if len(log_prob) == 3 else").replace("import", "import os,")

    done = run("--ppocore-only=ratio/[sf]*", adapter=crashes)

    done.assert_outcomes(failed=2, passed=6)
    assert "the interpreter died: SIGABRT" in done.stdout.str()


def test_ones_own_tests_run_beside_it(run, pytester):
    pytester.makepyfile(test_mine="def test_own(): pass")

    only = "--ppocore-only=ratio/s*"
    run(only).assert_outcomes(passed=4)
    run(only, "-k", "test_own or sides").assert_outcomes(passed=2, deselected=2)
    run(only, "a.py").assert_outcomes(passed=3)
    run(only, "test_mine.py", "a.py::ratio::ratio/sides").assert_outcomes(passed=2)


def test_the_settings_of_a_project_are_enough(run, pytester):
    tests = pytester.mkdir("tests")
    (tests / "test_mine.py").write_text("def test_own(): pass\n")
    (tests / "expected.txt").write_text("ratio/sides  # inverted\n")
    pytester.makeini("[pytest]\nppocore = a.py\nppocore_expected = tests/expected.txt\nppocore_only = ratio/s*\n"
                     "ppocore_seed = 3\naddopts = --strict-config --strict-markers\n")

    run(given="", adapter=WRONG).assert_outcomes(passed=3, xfailed=1)
    run(".", given="", adapter=WRONG).assert_outcomes(passed=3, xfailed=1)
    done = run("tests/test_mine.py", given="", adapter=WRONG)
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["ppocore: a.py (not among the arguments)"])
    run("--ppocore-only=ratio/far/up", given="", adapter=WRONG).assert_outcomes(passed=1, failed=2)

    pytester.makeini("[pytest]\nppocore = a.py\nppocore_seed = three\n")
    done = run(given="")
    assert done.ret == USAGE
    done.stderr.fnmatch_lines(["ERROR: ppocore_seed is 'three'; it must be a number."])


def test_strict_asks_what_lies_beyond_the_core(run):
    plain = run("--collect-only", "-q").stdout.str()
    strict = run("--collect-only", "-q", "--ppocore-strict").stdout.str()

    assert "/reject/" not in plain
    assert "/reject/" in strict


def test_a_module_and_a_program_are_judged_as_well(run):
    program = ROOT / "docs" / "examples" / "exec" / "smallest.py"
    for given in ("--ppocore=a", f"--ppocore-exec={sys.executable} {program}"):
        run("--ppocore-only=ratio/[sf]*", given=given).assert_outcomes(passed=8)


def test_junit_groups_by_operation(run, pytester):
    run("--junitxml=out.xml", "-k", "ratio/sides")

    (case,) = ElementTree.parse(pytester.path / "out.xml").iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("a.ratio", "ratio/sides")


def test_unused_it_imports_nothing_and_changes_nothing(pytester):
    loaded = "[m for m in ('numpy', 'rich', 'typer', 'ppocore.conformance.runner') if m in sys.modules]"
    pytester.makepyfile(test_mine=f"import sys\ndef test_own(): assert {loaded} == []\n")
    code = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pytest;"
            f"sys.exit(pytest.main(['-q', '-p', {PLUGIN!r}, '-p', 'no:cacheprovider', '--co']) or len({loaded}))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          cwd=pytester.path, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[0] == "test_mine.py::test_own"
    assert "ppocore" not in done.stdout


def test_the_gate_loads_pytest_for_nobody():
    code = "import sys, ppocore; ppocore.check({'ratio': lambda log_prob, old_log_prob: log_prob}, examples=0);" \
           "print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "False"
