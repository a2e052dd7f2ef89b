"""What a posterior costs beside the picture: one encoding serves every sample; the last line is one JSON object.

`python -m benchmarks.scoring`: 2,000 images, decoded, in memory.

* `head_us_per_galaxy_64`: 64 samples and tree-BALD of an embedded galaxy, in microseconds.
* `overhead_64`: (encoder + 64 samples + tree-BALD) over (encoder + one pass of the head), the shipped encoder;
  `overhead_64_convnext_atto` alike, with fresh weights, which cost the same, at its own 224 px; and at 64 px. Each of
  the three parts is timed by itself: one encoding differs from the next by more than the head costs.
* `speedup_over_rerun`: against decoding and encoding every picture again for each of 25 samples, as a network whose
  dropout lies anywhere must. One such round is measured and taken 25 times.
* `baal_passes`: what 25 iterations of baal 2.1 over the same pool cost in plain passes of the same network, and
  `baal_speedup`, what they cost over our 25 samples with their scores; where baal can be imported (it wants an
  environment of its own: `pip install --target FOLDER`, and `PYTHONPATH=FOLDER`), else absent.

Ways are timed in turns, and the least of each counts: whatever else the machine does only adds to a time.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Picture
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.figures import publish, tell
from ml.encoders import Encoder, embed, load_encoder
from ml.images import Images, as_batch
from ml.networks import TreeHead
from ml.posterior import Votes
from ml.prediction import score
from ml.schema import DecisionTree, load
from ml.simulate.galaxies import simulate_one
from ml.simulate.volunteers import draw_counts
from ml.training import fit_head

N_SAMPLES = 64
N_RERUN = 25
N_TAUGHT = 500
TARGETS = {
    "head_us_per_galaxy_64": 25.0,
    "overhead_64": 1.15,
    "overhead_64_convnext_atto": 1.02,
    "speedup_over_rerun": 20.0,
}


def main() -> None:
    """Measure, and print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=5, help="turns")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    images, jpegs, votes = draw(arguments.images)
    tell(f"{len(images)} pictures drawn")
    shipped = measure(load_encoder(), images, votes, arguments.passes, jpegs)
    tell(f"shipped encoder: {shipped}")
    shipped |= measure_baal(load_encoder(), images, arguments.passes, shipped["samples_25_s"])
    atto = measure(load_encoder("convnext_atto", is_pretrained=False), images, votes, min(2, arguments.passes))
    small = measure(load_encoder("convnext_atto", size_px=64, is_pretrained=False), images, votes, arguments.passes)
    figures = {
        "head_us_per_galaxy_64": shipped["head_us_per_galaxy"],
        "overhead_64": shipped["overhead"],
        "overhead_64_convnext_atto": atto["overhead"],
        "overhead_64_convnext_atto_64_px": small["overhead"],
        "speedup_over_rerun": shipped["speedup_over_rerun"],
        **{key: shipped[key] for key in ("baal_speedup", "baal_passes") if key in shipped},
        "shipped": shipped,
        "convnext_atto": atto,
        "convnext_atto_64_px": small,
    }
    publish({**figures, "n_images": len(images), "targets": TARGETS}, seeds=[0], out=arguments.out)


def draw(n_images: int) -> tuple[Images, list[bytes], Votes]:
    """Simulated galaxies decoded (G, 128, 128, 3), as JPEG files, and the votes of those that teach."""
    tree = load("gz2")
    galaxies = [simulate_one(0, index, 128) for index in range(n_images)]
    images = np.stack([galaxy.image for galaxy in galaxies])
    truth = np.stack([galaxy.truth for galaxy in galaxies[:N_TAUGHT]])
    counts = draw_counts(tree, truth, 40, np.random.default_rng(0))
    return images, [_jpeg(image) for image in images], Votes(counts, tree.totals(counts, np.full(len(counts), 40)))


def measure(
    encoder: Encoder, images: Images, votes: Votes, n_passes: int, jpegs: list[bytes] | None = None
) -> dict[str, Any]:
    """Time one encoder with a head fitted on its features; the rerun too, if there are files to decode."""
    tree: DecisionTree = load("gz2")
    features = embed(encoder, images)
    head = fit_head(tree, features[: len(votes)], votes, seed=0).head
    ways: dict[str, Callable[[], object]] = {
        "encoder": lambda: embed(encoder, images),
        "one pass": lambda: one_pass(head, features),
        "head": lambda: score(head, features, n_samples=N_SAMPLES),
        "samples 25": lambda: score(head, embed(encoder, images), n_samples=N_RERUN),
    }
    if jpegs is not None:
        ways["rerun"] = lambda: one_pass(head, embed(encoder, decode(jpegs)))
        ways["once"] = lambda: score(head, embed(encoder, decode(jpegs)), n_samples=N_RERUN)
    least = least_seconds(ways, n_passes)
    plain = least["encoder"] + least["one pass"]
    told: dict[str, Any] = {
        "encoder": encoder.spec.name,
        "plain_pass_s": round(plain, 3),
        "head_us_per_galaxy": round(1e6 * least["head"] / len(images), 1),
        "overhead": round((least["encoder"] + least["head"]) / plain, 4),
        "samples_25_s": round(least["samples 25"], 3),
    }
    if jpegs is not None:
        told["speedup_over_rerun"] = round(N_RERUN * least["rerun"] / least["once"], 1)
    return told


def measure_baal(encoder: Encoder, images: Images, n_passes: int, own_s: float) -> dict[str, float]:
    """The same encoder, with dropout before a linear layer, through baal's own prediction; nothing without baal."""
    try:
        from baal.bayesian.dropout import MCDropoutModule
        from baal.modelwrapper import ModelWrapper, TrainingArgs
    except ImportError as missing:
        tell(f"baal is not measured: {missing}")
        return {}
    n_outputs = len(load("gz2").columns)
    network = nn.Sequential(encoder, nn.Dropout(0.5), nn.Linear(encoder.spec.n_features, n_outputs)).eval()
    pool = TensorDataset(as_batch(images), torch.zeros(len(images)))
    baal = ModelWrapper(MCDropoutModule(network), TrainingArgs(batch_size=32, workers=0, use_cuda=False))

    def plain() -> None:
        with torch.inference_mode():
            for batch, _ in DataLoader(pool, batch_size=32):
                network(batch)

    def iterated() -> None:
        with torch.inference_mode():
            baal.predict_on_dataset(pool, iterations=N_RERUN, verbose=False)

    least = least_seconds({"plain": plain, "baal": iterated}, max(1, n_passes // 3))  # it takes its time
    return {
        "baal_passes": round(least["baal"] / least["plain"], 1),
        "baal_speedup": round(least["baal"] / own_s, 1),
        "baal_s": round(least["baal"], 2),
    }


def one_pass(head: TreeHead, features: npt.NDArray[np.float16]) -> object:
    """The most probable weights' answer to every galaxy."""
    with torch.inference_mode():
        return head(torch.as_tensor(features.astype(np.float32)))


def least_seconds(ways: dict[str, Callable[[], object]], n_passes: int) -> dict[str, float]:
    """The least time of each way, taken in turns."""
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(n_passes):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            least[name] = min(least[name], time.perf_counter() - started)
    return least


def decode(jpegs: list[bytes]) -> Images:
    """Files to pixels, (G, H, W, 3)."""
    return np.stack([np.asarray(Picture.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])


def _jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
