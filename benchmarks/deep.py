"""The rows `deep` and `scratch` of `benchmarks.representation`: an encoder that learns from the labels themselves.

`deep` fine-tunes the shipped encoder end to end, `scratch` a network of fresh weights by the same loop; both are then
served as a project's would be: galaxies embedded anew, and on them a head that is fitted to all labels and corrected
by those that the encoder was not taught. Where no epoch was better than the start, that encoder stays, and its plain
head. Rates, steps and augmentation were chosen on the pool alone: learned from
4,000 of it and judged on the other 1,800.
"""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import clean5
from benchmarks.figures import tell
from benchmarks.representation import HEAD, N_SAMPLES, Bench, Judged, curve, judge
from ml.campaigns import Campaign
from ml.deep_recipe import SCRATCH, DeepRecipe
from ml.encoders import Encoder, embed, load_encoder
from ml.finetuning import fit_network
from ml.honesty import fit_honest_head
from ml.posterior import expected_fractions, predictive_log_likelihood
from ml.training import fit_head

RECIPE = DeepRecipe()
FRESH = "mobilenetv4_conv_small_050"
FRESH_PX = 64
N_FOR_COMPONENTS = 1000
KEPT = Path(tempfile.gettempdir()) / "voorwerp-deep"
"""What was measured before, by encoder, recipe, labels and seed."""


def deep(bench: Bench, labels: Sequence[int], n_seeds: int, recipe: DeepRecipe = RECIPE) -> dict[str, Any]:
    """A row of the table; a fine-tuning of the shipped encoder for each draw of labels."""
    encoder = load_encoder(central_fraction=1.0)  # the pictures are the middle of a frame already
    return {"from": encoder.spec.hash[:12], **_row(bench, labels, n_seeds, lambda _: encoder, recipe)}


def scratch(bench: Bench, labels: Sequence[int], n_seeds: int, recipe: DeepRecipe = SCRATCH) -> dict[str, Any]:
    """The same loop from fresh weights."""
    row = _row(
        bench,
        labels,
        n_seeds,
        lambda seed: load_encoder(FRESH, size_px=FRESH_PX, is_pretrained=False, seed=seed),
        recipe,
    )
    return {"architecture": FRESH, "size_px": FRESH_PX, **row}


def _row(bench: Bench, labels: Sequence[int], n_seeds: int, start: Any, recipe: DeepRecipe) -> dict[str, Any]:
    found: dict[int, list[Judged]] = {}
    epochs: dict[int, list[int]] = {}
    seconds: dict[int, list[float]] = {}
    for seed in range(n_seeds):
        for n in labels:
            judged, best_epoch, spent = _kept(bench, n, seed, start(seed), recipe)
            found.setdefault(n, []).append(judged)
            epochs.setdefault(n, []).append(best_epoch)
            seconds.setdefault(n, []).append(spent)
            tell(
                f"{n:5} labels, seed {seed}: accuracy {judged.accuracy:.4f}, nll {judged.nll:.3f}, {judged.dm_loss:.3f}"
            )
    return {"best_epoch": epochs, "training_seconds": seconds, **curve(found)}


def _kept(bench: Bench, n_labels: int, seed: int, encoder: Encoder, recipe: DeepRecipe) -> tuple[Judged, int, int]:
    """Figures, best epoch and seconds of one training; done once, so that a killed benchmark goes on from there."""
    told = json.dumps([encoder.spec.hash, asdict(recipe), asdict(HEAD), n_labels, seed])
    path = KEPT / f"{hashlib.sha256(told.encode()).hexdigest()}.json"
    if not path.exists():
        judged, report = _tuned(bench, n_labels, seed, encoder, recipe)
        KEPT.mkdir(exist_ok=True)
        path.write_text(json.dumps([asdict(judged), report.best_epoch, round(report.seconds)]), encoding="utf-8")
    figures, best_epoch, spent = json.loads(path.read_text(encoding="utf-8"))
    return Judged(**figures), best_epoch, spent


def _tuned(bench: Bench, n_labels: int, seed: int, encoder: Encoder, recipe: DeepRecipe) -> tuple[Judged, Any]:
    """Fine-tune, embed, fit the head that serves, and judge it on the test galaxies."""
    rows, votes = bench.draw(n_labels, seed)
    images = bench.galaxies.images
    tuned = fit_network(encoder, [Campaign(clean5.TREE, images[rows], votes)], recipe=recipe, seed=seed)
    unlabelled = np.random.default_rng(0).permutation(bench.split.pool)[:N_FOR_COMPONENTS]
    taught, pool, tested = (embed(tuned.encoder, images[part]) for part in (rows, unlabelled, bench.split.test))
    is_untaught = np.isin(np.arange(n_labels), tuned.validation[0])
    fit = partial(fit_honest_head, is_untaught=is_untaught) if tuned.report.best_epoch else fit_head
    head = fit(clean5.TREE, taught, votes, recipe=HEAD, seed=seed, pool=pool).head
    posterior = head.posterior(torch.as_tensor(tested.astype(np.float32)), N_SAMPLES)
    test = bench.test_votes()
    p = clean5.class_probabilities(expected_fractions(posterior))
    return judge(bench, p, predictive_log_likelihood(posterior, test.counts, test.totals)), tuned.report
