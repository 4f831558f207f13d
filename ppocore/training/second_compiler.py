"""The first run ever: what plays and what learns share little, so a second interpreter compiles what learns meanwhile.

It leaves the compiled code in Numba's cache, where the first one finds it; should it fail, the first compiles it too.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import ppocore
from ppocore._kernels import is_compiled
from ppocore._threads import THREADS
from ppocore.training.config import Config, config_from
from ppocore.training.update import _update

CODE = "from ppocore.training.second_compiler import main; main()"


def second_compiler(config: Config, user: object) -> Callable[[], object]:
    """Begin to compile an update of such a run, unless one was compiled before; what is returned waits for that.

    Who does not wait for it leaves nothing behind: it ends with its user.
    """
    if is_compiled(_update) or THREADS == 1 or not Path(sys.executable).name.startswith("python"):
        return lambda: None
    process = _started(config)
    weakref.finalize(user, _end, process)
    return process.wait


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _started(config: Config) -> subprocess.Popen[bytes]:
    home = str(Path(ppocore.__file__).parents[1])
    paths = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        # -P: nothing is imported from the folder that somebody happens to be in.
        [sys.executable, "-P", "-c", CODE, json.dumps(config.as_dict())],
        env=os.environ | {"PYTHONPATH": paths},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def main() -> None:
    """In the second interpreter."""
    from ppocore.training.trainer import Trainer

    class Compiling(Trainer):
        """Whose episodes never begin, lest somebody wait until that is compiled; and who asks nobody else."""

        def _begin(self) -> None:
            pass

        def _second_compiler(self) -> Callable[[], object]:
            return lambda: None

    # Compiling makes millions of small objects, and little garbage that would be worth looking for.
    gc.disable()
    Compiling(config_from(json.loads(sys.argv[1]))).compile_update()
