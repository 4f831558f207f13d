"""`python -m ppocore`: the same as the command `ppocore`."""

from __future__ import annotations

from ppocore.cli import main

if __name__ == "__main__":
    main()
