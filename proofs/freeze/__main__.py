"""`python -m proofs.freeze` writes the vectors; with `--check` it compares them with the ones that are there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if written, or the same; 1 if something differs or an id would vanish; 2 without python-flint."""
    parser = argparse.ArgumentParser(prog="python -m proofs.freeze", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if anything differs")
    parser.add_argument("--into", type=Path, metavar="DIR", help="another folder than the package's")
    options = parser.parse_args(arguments)
    try:
        from proofs.freeze import files
    except ModuleNotFoundError as error:
        if error.name != "flint":
            raise
        print("proofs.freeze: needs python-flint (pip install 'ppocore[proofs]')", file=sys.stderr)
        return 2
    folder, made = options.into or files.FOLDER, files.made()
    if options.check:
        return _report(list(files.differences(folder, made)), f"{len(made)} files as the definitions make them")
    gone = [f"{id}: would vanish; ids are permanent (to retire one, take it out of {files.MANIFEST} by hand)"
            for id in files.vanished(folder, made)]
    if not gone:
        files.write(folder, made)
    return _report(gone, f"{len(made)} files written")


def _report(wrong: list[str], fine: str) -> int:
    for line in wrong:
        print(line)
    count = f"{len(wrong)} difference" + "s" * (len(wrong) > 1)
    print(f"proofs.freeze: {count if wrong else fine}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
