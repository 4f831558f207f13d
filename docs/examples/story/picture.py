"""How the pictures of the story are saved: one look, one place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def figure(title: str, columns: int = 1) -> tuple[Any, Any]:
    """A figure without a window, with so many panels side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
                            "grid.alpha": 0.3, "font.size": 11, "savefig.bbox": "tight"})
    drawing, panels = pyplot.subplots(1, columns, figsize=(5.6 * columns, 4.2), constrained_layout=True)
    drawing.suptitle(title)
    return drawing, panels


def save(drawing: Any, story: str) -> Path:
    """Save under the name given on the command line, else beside the story, and say where."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(story).with_suffix(".png")
    drawing.savefig(place, dpi=120)
    print(f"picture: {place}")
    return place
