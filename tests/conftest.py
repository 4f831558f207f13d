"""What all tests share: JAX keeps what it compiles, for as long as they run.

JAX compiles every operation for every shape anew in every process, and the gate asks each adapter in a process of its
own: that is most of what judging JAX takes.  Each worker of pytest-xdist has a folder to itself, so that nobody reads
what another is still writing.
"""

from __future__ import annotations

import atexit
import os
import tempfile

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="ppocore-jax-")
    atexit.register(_folder.cleanup)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": _folder.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
