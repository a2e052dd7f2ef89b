"""The row `adapted` of `benchmarks.representation`: the shipped encoder, adapted to the pool's pictures without a vote.

The test galaxies are not among those pictures, so what is told is how an adapted encoder sees galaxies that come
later. What is chosen in the recipe was chosen on the pool: adapted to and learned from 4,000 of it, judged on the rest.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import tell
from benchmarks.representation import Bench, curve, judge_head
from ml.adaptation import AdaptRecipe, adapt_encoder
from ml.encoders import embed, load_encoder

CHECKPOINT = Path(tempfile.gettempdir()) / "voorwerp-adapted.safetensors"
"""Where a killed benchmark goes on."""

RECIPE = AdaptRecipe()

_STEPS_A_LINE = 50


def adapted(bench: Bench, labels: Sequence[int], n_seeds: int, recipe: AdaptRecipe = RECIPE) -> dict[str, Any]:
    """A row of the table; one adaptation, by seed 0, under all draws of labels."""
    encoder = load_encoder(central_fraction=1.0)  # the pictures are the middle of a frame already
    pictures = bench.galaxies.images[bench.split.pool]
    made = adapt_encoder(encoder, pictures, recipe=recipe, seed=0, checkpoint=CHECKPOINT, progress=_tell)
    features = embed(made.encoder, bench.galaxies.images)
    row = {
        "encoder": made.encoder.spec.hash[:12],
        "from": encoder.spec.hash[:12],
        "n_adapted_to": len(pictures),
        "are_test_pictures_seen": False,
        "adaptation_seconds": round(made.report.seconds),
        "contrast_loss": [round(loss, 3) for loss in made.report.contrast_loss],
        "spread": round(made.report.spread, 3),
        **curve({n: [judge_head(bench, features, n, seed) for seed in range(n_seeds)] for n in labels}),
    }
    CHECKPOINT.unlink()
    return row


def _tell(n_done: int, n_total: int) -> None:
    if n_done % _STEPS_A_LINE == 0:
        tell(f"adapting: step {n_done} of {n_total}")
