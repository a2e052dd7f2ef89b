"""The row `adapted` of `benchmarks.representation`: the shipped encoder, adapted to the pool's pictures without a vote.

The test galaxies are not among those pictures, so what is told is how an adapted encoder sees galaxies that come
later; `gain` is the difference in accuracy to the encoder as it ships, under the same head and the same draws of
labels, with its standard error over them. It adapts to 4,000 galaxies of the pool, those on which the recipe was
chosen (judged on the rest of the pool): ten minutes on one idle core.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import tell
from benchmarks.representation import HEAD, Bench, Judged, curve, judge_head
from ml.adaptation import AdaptRecipe, adapt_encoder
from ml.encoders import Encoder, embed, load_encoder

CHECKPOINTS = Path(tempfile.gettempdir()) / "voorwerp-adapted"
"""Where a killed benchmark goes on, and one under another head begins with an adapted encoder."""

RECIPE = AdaptRecipe()

N_PICTURES = 4000

_STEPS_A_LINE = 50


def adapted(bench: Bench, labels: Sequence[int], n_seeds: int, recipe: AdaptRecipe = RECIPE) -> dict[str, Any]:
    """A row of the table; one adaptation, by seed 0, under all draws of labels."""
    encoder = load_encoder(central_fraction=1.0)  # the pictures are the middle of a frame already
    rows = np.random.default_rng(99).permutation(bench.split.pool)[:N_PICTURES]
    pictures = bench.galaxies.images[rows]
    told = json.dumps([encoder.spec.hash, len(pictures), asdict(recipe)])
    checkpoint = CHECKPOINTS / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.safetensors"
    made = adapt_encoder(encoder, pictures, recipe=recipe, seed=0, checkpoint=checkpoint, progress=_tell)
    before, after = (_judged(bench, one, labels, n_seeds) for one in (encoder, made.encoder))
    return {
        "encoder": made.encoder.spec.hash[:12],
        "from": encoder.spec.hash[:12],
        "head": f"{HEAD.kind}, {HEAD.n_components} components",
        "central_fraction": encoder.spec.central_fraction,
        "n_adapted_to": len(pictures),
        "are_test_pictures_seen": False,
        "adaptation_seconds": round(made.report.seconds),
        "contrast_loss": [round(loss, 3) for loss in made.report.contrast_loss],
        "spread": round(made.report.spread, 3),
        "gain": {n: _gain(before[n], after[n]) for n in labels},
        **curve(after),
    }


def _judged(bench: Bench, encoder: Encoder, labels: Sequence[int], n_seeds: int) -> Mapping[int, Sequence[Judged]]:
    features = embed(encoder, bench.galaxies.images)
    return {n: [judge_head(bench, features, n, seed) for seed in range(n_seeds)] for n in labels}


def _gain(before: Sequence[Judged], after: Sequence[Judged]) -> list[float | None]:
    """Mean difference in accuracy and its standard error, which one draw has not."""
    gains = np.array([late.accuracy - early.accuracy for early, late in zip(before, after, strict=True)])
    error = round(float(gains.std(ddof=1) / np.sqrt(len(gains))), 4) if len(gains) > 1 else None
    return [round(float(gains.mean()), 4), error]


def _tell(n_done: int, n_total: int) -> None:
    if n_done % _STEPS_A_LINE == 0:
        tell(f"adapting: step {n_done} of {n_total}")
