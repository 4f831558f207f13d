"""The adapters of this folder are read by the gate, in processes of their own; pytest collects the tests
alone.
"""

from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]
