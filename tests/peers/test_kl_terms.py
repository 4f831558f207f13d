"""The auditor of KL terms on code that none of us wrote: what published packages' penalties follow.

Each file of `kl_terms/` is audited in a process of its own. A package that is not installed skips its terms, or fails
them if PPOCORE_REQUIRE_ALL=1.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REVERSE, FORWARD = "KL(current, ref)", "KL(ref, current)"
AUDIT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from ppocore.conformance.estimators.audit import audit
from ppocore.conformance.estimators.called import load
from ppocore.conformance.estimators.handed import here
from ppocore.conformance.estimators.shown import follows
found = {}
for target in sys.argv[2:]:
    name, place = target.split("@")
    result = audit(here(load(sys.argv[1], name, None)), name, place, False)
    found[target] = [*map(follows, result.verdicts), all(v.everywhere for v in result.verdicts), list(result.theorems)]
print(json.dumps(found))
"""
# On-policy, off-policy, whether clamps never bind, and the theorems.
EXPECTED = {
    "verl": {
        "k1@loss": ["zero", "-KL(old, current)", True, ["EST-01"]],
        "k2@loss": [REVERSE, "E_old[k2]", True, ["EST-02", "EST-06"]],
        "k3@loss": [FORWARD, "E_old[k3]", False, ["EST-03"]],
        "absolute@loss": ["2 TV(current, ref)", "none of these", False, ["EST-08"]],
        "k1_straight@loss": [REVERSE, "E_old[k2]", True, ["EST-02", "EST-06"]],
        "k3_straight@loss": [REVERSE, "E_old[k2]", True, ["EST-02", "EST-06"]],
        "k1@reward": [REVERSE, REVERSE, True, ["EST-04"]],
        "recorded@reward": [REVERSE, "KL(current, ref) - KL(current, old)", True, ["EST-07"]],
        "k3@reward": ["KL(current, ref) - KL(ref, current)"] * 2 + [False, ["EST-09"]],
    },
    "openrlhf": {
        "k1@loss": ["zero", "-KL(old, current)", False, ["EST-01"]],
        "k2@loss": [REVERSE, "E_old[k2]", False, ["EST-02", "EST-06"]],
        "k3@loss": [FORWARD, "E_old[k3]", False, ["EST-03"]],
        "k3_unbiased@loss": [REVERSE, REVERSE, True, ["EST-04"]],
        "k1@reward": [REVERSE, REVERSE, False, ["EST-04"]],
    },
    "trl": {
        "k3@loss": [FORWARD, "E_old[k3]", True, ["EST-03"]],
        "k3_corrected@loss": [REVERSE, REVERSE, True, ["EST-04"]],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("package", EXPECTED)
def test_the_auditor_says_what_the_theorems_say_of_the_package(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        reason = f"{package} is not installed"
        pytest.fail(reason) if os.environ.get("PPOCORE_REQUIRE_ALL") == "1" else pytest.skip(reason)
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(HERE / "kl_terms" / f"{package}_terms.py"), *EXPECTED[package]],
        capture_output=True, text=True, timeout=300, env=os.environ | {"PYTHONPATH": paths}, check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == EXPECTED[package]
