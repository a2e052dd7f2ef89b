"""The tables of docs/engine.md, from the figures that were kept: `python -m benchmarks.tables` writes them anew.

Nobody types a measured number: a test holds the page to docs/figures.
"""

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.costs import rescore, scoring, training
from benchmarks.learned import acquisition, calibration, posteriors, representation, retirement
from benchmarks.markdown import Figures

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "engine.md"
MARK = "<!-- figures: written by benchmarks/tables.py -->\n"


def main() -> None:
    """Write everything below the mark anew."""
    above, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(above + MARK + tables(), encoding="utf-8")


def tables() -> str:
    """All tables whose figures have been kept, as Markdown."""
    parts = []
    for name, section in SECTIONS.items():
        path = DOCS / "figures" / f"{name}.json"
        if path.exists():
            figures = json.loads(path.read_text(encoding="utf-8"))
            parts.append(f"{section(figures).strip()}\n\n{source(name, figures)}")
    return "\n" + "\n\n".join(parts) + "\n"


def source(name: str, figures: Figures) -> str:
    """How, when and where it was measured."""
    n_seeds = len(figures.get("seeds", []))
    seeds = f", {n_seeds} seeds" if n_seeds > 1 else ""
    where = figures["machine"].partition(", Python")[0]
    return f"`python -m benchmarks.{name}`: {figures['date'][:10]}, {where}{seeds}; [all of it](figures/{name}.json)."


SECTIONS: dict[str, Callable[[Figures], str]] = {
    "representation": representation,
    "posteriors": posteriors,
    "acquisition": acquisition,
    "calibration": calibration,
    "retirement": retirement,
    "scoring": scoring,
    "rescore": rescore,
    "training": training,
}


if __name__ == "__main__":
    main()
