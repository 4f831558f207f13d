"""Where compiled code is kept, and what happens where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NOWHERE = """
from numba.core import caching

for made in (caching.CompileResultCacheImpl, caching.CodeLibraryCacheImpl):
    made._locator_classes = []
import ppocore

print(ppocore.gae([[1.0]], [[0.0]], [[0.0]], [[True]], [[False]], gamma=0.5, gae_lambda=0.5).advantages[0, 0])
print(ppocore.clip_loss([0.0], [0.0], [1.0], clip_eps=0.25).loss)
"""


def test_without_a_folder_to_write_to_it_says_so_once_and_works() -> None:
    done = subprocess.run([sys.executable, "-c", NOWHERE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.0", "-1.0"]
    assert done.stderr.count("RuntimeWarning: ppocore: there is no folder for compiled code") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr


MODULE = """
from ppocore._kernels import is_compiled, kernel

@kernel
def twice(x):
    return 2 * x

before = is_compiled(twice)
print(before, twice(1.5), is_compiled(twice))
"""


def test_what_was_compiled_before_is_known(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    command, environment = [sys.executable, "-c", "import module"], os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment).stdout
            for _ in range(2)]
    assert runs == ["False 3.0 True\n", "True 3.0 True\n"]
