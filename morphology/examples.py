"""The example pictures that ship with Voorwerp: for each answer of its trees, galaxies that show it.

Rendered by our own simulator, so they may go with the code. An answer has its pictures by its column: trees that ask
the same share them. `index.json` beside the pictures says which galaxy each one is, so that each can be drawn again.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from ml.schema import load, shipped
from ml.simulate.galaxies import simulate_one
from ml.simulate.morphology import Morphology
from ml.simulate.teaching import TEACHING, Candidates, candidates

FOLDER = Path(__file__).resolve().parent.parent / "labelling" / "static" / "examples"
INDEX = "index.json"
SEED = 2007  # the year of Hanny's Voorwerp
N_LOOKED_AT = 16_000
N_EACH = 3
SIZE_PX = 160
DRAWN_PX = 2 * SIZE_PX
QUALITIES = (90, 84, 76, 66, 54)
MAX_BYTES = 5000
ODD = ("something-odd", "odd-feature", "odd-features", "merging")
FROM_ABOVE = ("bar", "has-spiral-arms", "spiral-winding", "spiral-arm-count", "bulge-size")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """A galaxy that shows an answer."""

    column: str
    index: int
    """Of the sky of SEED."""
    fraction: float
    """How many of those who are asked would give this answer."""


def choose(n: int = N_LOOKED_AT) -> dict[str, list[Chosen]]:
    """Choose the galaxies of every answer of every tree that ships, by column, from the first `n` of the sky."""
    chosen: dict[str, list[Chosen]] = {}
    for name in shipped():
        found = candidates(load(name), n, SEED)
        for column, galaxies in _chosen_of(found):
            chosen.setdefault(column, galaxies)
    return chosen


def render(index: int) -> bytes:
    """The picture of a galaxy of the sky: WebP of SIZE_PX, the best quality that fits in MAX_BYTES."""
    drawn = PIL.Image.fromarray(simulate_one(SEED, index, DRAWN_PX, TEACHING).image)
    small = drawn.resize((SIZE_PX, SIZE_PX), PIL.Image.Resampling.LANCZOS)
    for quality in QUALITIES:
        content = io.BytesIO()
        small.save(content, "WEBP", quality=quality, method=6)
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()


def write(chosen: Mapping[str, list[Chosen]], folder: Path = FOLDER) -> int:
    """Draw what was chosen, with the index, in place of what is there; how many pictures that is."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    index: dict[str, list[dict[str, object]]] = {}
    for column, galaxies in sorted(chosen.items()):
        for number, galaxy in enumerate(galaxies, start=1):
            file = f"{column}-{number}.webp"
            (folder / file).write_bytes(render(galaxy.index))
            index.setdefault(column, []).append(
                {"file": file, "galaxy": galaxy.index, "fraction": round(galaxy.fraction, 3)}
            )
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return sum(map(len, index.values()))


def _chosen_of(found: Candidates) -> Iterator[tuple[str, list[Chosen]]]:
    """Of each answer the galaxies in which most see it and little else; none twice in a question."""
    tree, looks = found.tree, _looks(found)
    for question in tree.questions:
        used: set[int] = set()
        for column in question.columns:
            place = tree.columns.index(column)
            fraction, reach = found.truth[:, place], found.reach[:, place]
            plain = np.array([_plainness(column, m) for m in found.latent])
            worth = np.minimum(fraction, 0.93) ** 4 * np.minimum(reach, 0.7) ** 0.5 * looks * plain
            best = _best(worth, [_sort(column, m) for m in found.latent], used)
            used.update(best)
            yield column, [Chosen(column, index, float(fraction[index])) for index in best]


def _best(worth: Floats, sorts: list[str], used: set[int]) -> list[int]:
    """The worthiest that are not used yet, each of another sort where there are sorts."""
    best: list[int] = []
    for index in np.argsort(-worth, kind="stable").tolist():
        is_another = not sorts[index] or sorts[index] not in [sorts[other] for other in best]
        if index not in used and is_another:
            best.append(index)
        if len(best) == N_EACH:
            break
    return best


def _sort(column: str, m: Morphology) -> str:
    """What an answer covers that looks very different."""
    match column:
        case "smooth-or-featured_artifact":
            return m.artifact or "none"
        case "smooth-or-featured_smooth":
            return str(round(5 * max(m.axis_ratio, 0.5)))
        case "smooth-or-featured_featured-or-disk":
            return f"{m.kind}, {m.has_bar}"
        case "something-odd_yes":
            return m.oddity or "none"
    return ""


def _plainness(column: str, m: Morphology) -> float:
    """How little else there is to see than what the answer is about: 1 for nothing."""
    question, _, answer = column.rpartition("_")
    if question in ODD:
        ought_to_be_plain = answer in ("no", "none", "ring")
        return 0.3 if ought_to_be_plain and (m.has_arms or m.has_bar or m.oddity not in ("", "ring")) else 1.0
    plain = 0.2 if m.oddity else 1.0
    if column == "smooth-or-featured_smooth" and m.kind != "smooth":
        plain *= 0.2
    if question in FROM_ABOVE:
        plain *= m.axis_ratio
    if question == "bar":
        plain *= 1 - 0.7 * m.arm_contrast
    if question == "bulge-size":
        plain *= (0.3 if m.has_bar else 1.0) * (1 - 0.5 * m.arm_contrast)
    if column == "has-spiral-arms_no" and m.has_bar:
        plain *= 0.3
    if question.startswith("spiral-") or column == "has-spiral-arms_yes":
        plain *= m.arm_contrast * (0.5 if m.has_bar else 1.0) * _order(answer, m)
    return plain


def _order(answer: str, m: Morphology) -> float:
    """How easily arms are followed; for who cannot tell how many there are, how hard it is."""
    if answer == "cant-tell":
        return m.flocculence**2
    open_enough = min(m.pitch_deg / 22, 1.0) if answer in ("1", "2", "3", "4", "more-than-4", "yes") else 1.0
    return (1 - 0.8 * m.flocculence) * open_enough


def _looks(found: Candidates) -> Floats:
    """How well each galaxy is seen, (G,): bright, and large within its frame; artifacts as they are."""
    size = np.array([min(m.radius, 0.5) for m in found.latent]) / 0.5
    bright = np.array([min(m.brightness, 45.0) for m in found.latent]) / 45.0
    is_artifact = np.array([m.kind == "artifact" for m in found.latent])
    return np.where(is_artifact, 1.0, (size * bright) ** 0.5)
