"""A tiny sky for the tests of the rehearsal: no pictures, three galaxies, walks by hand."""

from pathlib import Path

from ml.schema import Walk
from morphology.rehearsal.sky import Sky

SMOOTH: Walk = {"smooth-or-featured": "smooth", "how-rounded": "round", "something-odd": "no"}
ARTIFACT: Walk = {"smooth-or-featured": "artifact"}


def make_sky(n: int = 3, n_holdout: int = 1) -> Sky:
    return Sky(
        survey="tests",
        provenance="a sky by hand",
        manifest=Path("manifest.csv"),
        images=Path(),
        is_simulated=True,
        n_holdout=n_holdout,
        walks={f"g{i}": [SMOOTH, ARTIFACT, SMOOTH] for i in range(n)},
    )
