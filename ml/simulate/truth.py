"""What people would say of a simulated galaxy: the true vote probabilities, features seen or missed.

A feature of contrast-to-noise v is noticed with probability Phi(a (v - v0)). The contrast is what is left of it after
the seeing, the noise is that of the sky over the resolution elements that the feature covers. So a fine bar in a small,
faint galaxy is in the latent galaxy and not in the votes: as in the real surveys, and as debiasing needs it.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ml.schema import DecisionTree, load
from ml.simulate.morphology import Morphology
from ml.simulate.settings import TRAINING, SkySettings

TREE: DecisionTree = load("gz2")


def vote_probabilities(m: Morphology, settings: SkySettings = TRAINING) -> npt.NDArray[np.float64]:
    """The probability of each answer given that its question is asked, (A,) over the `gz2` tree; never NaN."""
    seen = {
        "arms": notice(_arm_contrast(m), m, settings),
        "bar": notice(_bar_contrast(m), m, settings),
        "ring": notice(1.1 * m.ring_strength * _survives(0.14 * m.radius, m), m, settings),
        "odd": notice(_odd_contrast(m), m, settings),
    }
    answers: dict[str, Mapping[str, float]] = {
        **_first_look(m, seen, settings),
        **_disk_answers(m, seen, settings),
        **_odd_answers(m, seen),
        "how-rounded": soft_bins(("cigar", "in-between", "round"), apparent_axis_ratio(m), (0.39, 0.77), 0.09),
    }
    truth = np.empty(len(TREE.columns))
    for question in TREE.questions:
        shares = np.array([answers[question.key][answer.key] for answer in question.answers])
        truth[TREE.slices[question.key]] = shares / shares.sum()
    return truth


def notice(contrast: float, m: Morphology, sky: SkySettings) -> float:
    """Probability that somebody sees a feature of this contrast in this galaxy's light."""
    n_elements = (0.35 * m.radius / max(m.psf_fwhm, m.noise_length)) ** 2 + 0.25
    noise = 1.0 / (m.brightness * math.sqrt(n_elements))
    clearness = contrast / math.hypot(sky.eye_contrast, 1.5 * noise)
    return _phi(sky.steepness * (clearness - sky.threshold)) if contrast > 0 else 0.0


def apparent_axis_ratio(m: Morphology) -> float:
    """Axis ratio of the whole galaxy after the seeing has rounded it."""
    q = m.axis_ratio if m.kind != "edge-on" else 1.3 * m.thickness + 0.3 * m.bulge_fraction
    blur = (0.42 * m.psf_fwhm / m.radius) ** 2
    return math.sqrt((q**2 + blur) / (1 + blur))


# One function a part of the tree


def _first_look(m: Morphology, seen: Mapping[str, float], sky: SkySettings) -> dict[str, Mapping[str, float]]:
    if m.kind == "artifact":
        return {"smooth-or-featured": {"smooth": 0.06, "featured-or-disk": 0.05, "artifact": 0.89}}
    q = apparent_axis_ratio(m)
    # Somebody calls it a disk for its features, or for being flat; an edge-on disk nearly always.
    flat = _phi((0.33 - q) / 0.07) * (0.85 if m.kind == "edge-on" else 0.5)
    disk = 0.40 * (1 - m.bulge_fraction) * notice(0.2, m, sky) if m.kind == "disk" else 0.0
    odd = seen["odd"] * {"irregular": 0.85, "disturbed": 0.5, "merger": 0.35, "dust-lane": 0.5}.get(m.oddity, 0.0)
    unseen = (
        (1 - seen["arms"]) * (1 - 0.9 * seen["bar"]) * (1 - 0.8 * seen["ring"]) * (1 - flat) * (1 - disk) * (1 - odd)
    )
    featured = sky.slip + (1 - 2 * sky.slip) * (1 - unseen * 0.95)
    artifact = 0.012
    return {
        "smooth-or-featured": {
            "smooth": (1 - featured) * (1 - artifact),
            "featured-or-disk": featured * (1 - artifact),
            "artifact": artifact,
        }
    }


def _disk_answers(m: Morphology, seen: Mapping[str, float], sky: SkySettings) -> dict[str, Mapping[str, float]]:
    edge_on = _yes(_phi((0.32 - apparent_axis_ratio(m)) / 0.06) * (1 - 0.9 * seen["arms"]), sky)
    return {
        "disk-edge-on": _pair(edge_on),
        "bar": _pair(_yes(0.9 * seen["bar"], sky)),
        "has-spiral-arms": _pair(_yes(seen["arms"], sky)),
        "spiral-winding": soft_bins(
            ("tight", "medium", "loose"),
            math.log(m.pitch_deg if m.has_arms else 14),
            _logs(13.5, 24),
            _winding_doubt(seen),
        ),
        "spiral-arm-count": _arm_count(m, seen["arms"]),
        "bulge-size": soft_bins(
            ("no", "just-noticeable", "obvious", "dominant"),
            math.log(max(prominence(m), 0.005)),
            _logs(0.022, 0.13, 0.45),
            0.65,
        ),
        "bulge-shape": _bulge_shape(m, sky),
    }


def _odd_answers(m: Morphology, seen: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    kinds = [answer.key for answer in TREE.question["odd-feature"].answers]
    background = {"other": 0.45, "disturbed": 0.15, "irregular": 0.15, "merger": 0.1, "ring": 0.07}
    odd = max(seen["odd"], seen["ring"]) if m.oddity else 0.0
    named = 0.85 * odd / (odd + 0.06) if m.oddity else 0.0
    confused = {
        "disturbed": {"irregular": 0.3, "merger": 0.3},
        "merger": {"disturbed": 0.3},
        "irregular": {"disturbed": 0.3},
    }
    shares = {kind: (1 - named) * background.get(kind, 0.04) for kind in kinds}
    for kind, share in {m.oddity: 1.0, **confused.get(m.oddity, {})}.items():
        if kind:
            shares[kind] += named * share
    return {"something-odd": _pair(0.12 + 0.83 * odd), "odd-feature": shares}


def _arm_count(m: Morphology, seen: float) -> dict[str, float]:
    counts = np.arange(1, 7)
    doubt = 0.3 + 0.4 * m.flocculence + 0.8 * (1 - seen)
    near = np.exp(-(((counts - (m.n_arms or 2)) / doubt) ** 2) / 2)
    certain = 0.96 * seen * (1 - 0.4 * m.flocculence) * (0.85 if m.n_arms > 3 else 1.0)
    shares = certain * near / near.sum()
    keys = ("1", "2", "3", "4")
    return {
        **{key: float(share) + 0.004 for key, share in zip(keys, shares[:4], strict=True)},
        "more-than-4": float(shares[4:].sum()) + 0.004,
        "cant-tell": 1 - certain + 0.004,
    }


def _bulge_shape(m: Morphology, sky: SkySettings) -> dict[str, float]:
    visible = notice(0.65 * math.sqrt(prominence(m)), m, sky) if m.bulge_shape != "no-bulge" else 0.0
    resolved = _phi(2.0 * (0.35 * m.radius / m.psf_fwhm - 1.0))
    boxy = 0.06 + 0.5 * resolved * (m.bulge_shape == "boxy")
    return {"round": visible * (1 - boxy) + 0.03, "boxy": visible * boxy + 0.02, "no-bulge": 1 - visible + 0.03}


# Contrasts


def _arm_contrast(m: Morphology) -> float:
    """Crest against trough, less what the seeing smears: the spacing of the arms across the minor axis counts."""
    if not m.has_arms:
        return 0.0
    spacing = 2 * math.pi * 0.6 * m.radius * math.tan(math.radians(m.pitch_deg)) / m.n_arms
    spacing = min(spacing, 1.2 * m.radius) * math.sqrt(m.axis_ratio)
    swing = math.tanh(m.arm_sharpness * 0.8)
    return 0.85 * m.arm_contrast * swing * (1 - 0.35 * m.flocculence) * _survives(spacing, m)


def _bar_contrast(m: Morphology) -> float:
    if not m.has_bar:
        return 0.0
    foreshortened = math.hypot(math.cos(m.bar_angle_rad), m.axis_ratio * math.sin(m.bar_angle_rad))
    width = 2.5 * m.bar_length * m.bar_axis_ratio * m.radius * foreshortened
    drowned = 1 - 0.8 * m.bulge_fraction / (m.bulge_fraction + 0.25)
    return 0.62 * m.bar_strength * foreshortened * drowned * _survives(1.4 * width, m)


def _odd_contrast(m: Morphology) -> float:
    strength = {
        "": 0.0,
        "ring": 0.9 * m.ring_strength,
        "lens-or-arc": 0.6,
        "disturbed": 0.5,
        "irregular": 0.7,
        "other": 0.6,
        "merger": 0.9,
        "dust-lane": 0.6,
    }[m.oddity]
    return strength * m.oddity_strength * _survives(0.4 * m.radius, m)


def _survives(wavelength: float, m: Morphology) -> float:
    """The part of a ripple's contrast that is left after a Gaussian seeing disc."""
    return math.exp(-2 * (math.pi * m.psf_fwhm / 2.355 / max(wavelength, 1e-6)) ** 2)


def prominence(m: Morphology) -> float:
    """Bulge-to-total ratio as it looks: a smooth galaxy is all bulge, as far as somebody calls it a disk."""
    return 0.35 if m.kind == "smooth" else m.bulge_fraction


# Small distributions


def _phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _yes(seen: float, sky: SkySettings) -> float:
    return sky.slip + (1 - 2 * sky.slip) * seen


def _pair(yes: float) -> dict[str, float]:
    return {"yes": yes, "no": 1 - yes}


def _logs(*values: float) -> tuple[float, ...]:
    return tuple(math.log(value) for value in values)


def _winding_doubt(seen: Mapping[str, float]) -> float:
    return 0.24 + 0.4 * (1 - seen["arms"])


def soft_bins(keys: tuple[str, ...], value: float, edges: tuple[float, ...], doubt: float) -> dict[str, float]:
    """Shares of a value that each person reads with a Gaussian error, then sorts into bins."""
    below = [0.0, *(_phi((edge - value) / doubt) for edge in edges), 1.0]
    return {key: high - low + 0.005 for key, low, high in zip(keys, below[:-1], below[1:], strict=True)}
