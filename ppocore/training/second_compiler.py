"""The first run ever: what plays and what learns share little, so a second interpreter compiles what learns meanwhile.

It leaves the compiled code in Numba's cache, where the first one finds it; should it fail, the first compiles it too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ppocore
from ppocore._kernels import is_compiled
from ppocore._threads import THREADS
from ppocore.training.config import Config, config_from
from ppocore.training.update import _update

CODE = "from ppocore.training.second_compiler import main; main()"


@contextmanager
def second_compiler(config: Config) -> Iterator[None]:
    """While the block runs, compile an update of such a run, unless one was compiled before; end with the later."""
    if is_compiled(_update) or THREADS == 1 or not Path(sys.executable).name.startswith("python"):
        yield
        return
    process = _started(config)
    try:
        yield
        process.wait()
    finally:
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

    Trainer(config_from(json.loads(sys.argv[1]))).compile_update()
