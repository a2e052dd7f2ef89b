"""What people would say of a simulated galaxy in other decision trees than Galaxy Zoo 2's.

`truth` answers Galaxy Zoo 2's questions. A question of another tree is known here when it is one of those, when it asks
the same in other words, or when it sorts the latent galaxy more finely, as Galaxy Zoo DECaLS does.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from ml.errors import SchemaError
from ml.schema import DecisionTree, Question
from ml.simulate.morphology import Morphology
from ml.simulate.settings import TRAINING, SkySettings
from ml.simulate.truth import TREE, prominence, soft_bins, vote_probabilities

Truth = Mapping[str, float]
"""Probability of each column of Galaxy Zoo 2's tree."""
Asked = Callable[[Morphology, Truth], Mapping[str, float]]


def check_known(tree: DecisionTree) -> None:
    """Refuse, with a SchemaError that names it, a tree with a question that no simulated galaxy answers."""
    for question in tree.questions:
        _asked(question)


def truth_of(tree: DecisionTree, m: Morphology, settings: SkySettings = TRAINING) -> npt.NDArray[np.float64]:
    """Probability of each answer (A,) given that its question is asked; of each tick, for a multiple-choice one.

    SchemaError: the tree has a question that is not known here.
    """
    known = dict(zip(TREE.columns, vote_probabilities(m, settings).tolist(), strict=True))
    truth = np.empty(len(tree.columns))
    for question in tree.questions:
        shares = _asked(question)(m, known)
        truth[tree.slices[question.key]] = [shares[answer.key] for answer in question.answers]
    return truth


def _asked(question: Question) -> Asked:
    keys = frozenset(answer.key for answer in question.answers)
    found = _KNOWN.get((question.key, keys, question.is_multiple))
    if found is None:
        raise SchemaError(
            f"question {question.key!r} with the answers {', '.join(sorted(keys))}: no simulated galaxy answers it"
        )
    return found


def _same(question: str, spelling: Mapping[str, str], m: Morphology, truth: Truth) -> dict[str, float]:
    """A question of Galaxy Zoo 2, its answers under other names."""
    return {name: truth[f"{question}_{answer}"] for name, answer in spelling.items()}


def _bar(m: Morphology, truth: Truth) -> dict[str, float]:
    """A bar that is long and bright is a strong one."""
    seen = truth["bar_yes"]
    strong = _phi((m.bar_strength * m.bar_length - 0.2) / 0.06) * seen**0.5
    return {"strong": seen * strong, "weak": seen * (1 - strong), "no": 1 - seen}


def _bulge_size(m: Morphology, truth: Truth) -> dict[str, float]:
    shares = soft_bins(
        ("none", "small", "moderate", "large", "dominant"),
        math.log(max(prominence(m), 0.005)),
        tuple(math.log(edge) for edge in (0.022, 0.1, 0.25, 0.45)),
        0.4,
    )
    total = sum(shares.values())
    return {key: share / total for key, share in shares.items()}


def _merging(m: Morphology, truth: Truth) -> dict[str, float]:
    """What has pulled at it, as far as somebody sees that it is odd; what is odd in itself is no merger."""
    seen = max(0.0, (truth["something-odd_yes"] - 0.12) / 0.83)
    strong = _phi((m.oddity_strength - 0.7) / 0.08)
    pulled = {
        "merger": {"merger": 0.9, "major-disturbance": 0.1},
        "disturbed": {"major-disturbance": 0.95 * strong, "minor-disturbance": 0.95 * (1 - strong), "merger": 0.05},
        "irregular": {"minor-disturbance": 0.4, "major-disturbance": 0.1, "none": 0.5},
    }.get(m.oddity, {"none": 1.0})
    unseen = {"none": 0.93, "minor-disturbance": 0.05, "major-disturbance": 0.01, "merger": 0.01}
    return {key: seen * pulled.get(key, 0.0) + (1 - seen) * share for key, share in unseen.items()}


def _ticks(m: Morphology, truth: Truth) -> dict[str, float]:
    """Each feature by itself: people tick what they see, and now and then what it might be."""
    named = {answer.key: truth[f"odd-feature_{answer.key}"] for answer in TREE.question["odd-feature"].answers}
    highest = max(named.values())
    return {key: min(0.97, share / highest * 0.95) if share > 0.3 * highest else share for key, share in named.items()}


def _phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


_PLAIN = {question.key: {answer.key: answer.key for answer in question.answers} for question in TREE.questions}
_RESPELLED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "edge-on-bulge": ("bulge-shape", {"rounded": "round", "boxy": "boxy", "none": "no-bulge"}),
    "how-rounded": ("how-rounded", {"round": "round", "in-between": "in-between", "cigar-shaped": "cigar"}),
}
_KNOWN: dict[tuple[str, frozenset[str], bool], Asked] = {
    **{(key, frozenset(names), False): partial(_same, key, names) for key, names in _PLAIN.items()},
    **{(key, frozenset(names), False): partial(_same, own, names) for key, (own, names) in _RESPELLED.items()},
    ("bar", frozenset({"strong", "weak", "no"}), False): _bar,
    ("bulge-size", frozenset({"none", "small", "moderate", "large", "dominant"}), False): _bulge_size,
    ("merging", frozenset({"none", "minor-disturbance", "major-disturbance", "merger"}), False): _merging,
    ("odd-features", frozenset(_PLAIN["odd-feature"]), True): _ticks,
}
