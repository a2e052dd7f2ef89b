"""Every column of a catalogue, described once, in order.

Names follow Galaxy Zoo: `question_answer` for a count, and what else is said of it after one more underscore. A count
or fraction is empty where nobody was asked: nothing is known there, and 0 would say that nobody agreed.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from labelling.models import Subject
from labelling.models.subject import Arm
from ml.schema import DecisionTree, Question
from morphology.catalogue.column import Column, Kind
from morphology.catalogue.rows import Block, OwnColumn, Scan
from morphology.errors import CatalogueRefused


def catalogue_columns(tree: DecisionTree, scan: Scan) -> tuple[Column, ...]:
    """The columns of a project's catalogue, in order; CatalogueRefused when two of the tree's would share a name."""
    ours = [*_identity(scan), *_votes(tree), *_predictions(tree), *_estimates(tree), *_selection()]
    taken: set[str] = set()
    for column in ours:
        if column.name.lower() in taken:
            raise CatalogueRefused(f"the decision tree gives two columns the name {column.name!r}")
        taken.add(column.name.lower())
    return (*ours, *(_own(column, taken) for column in scan.own))


def _identity(scan: Scan) -> Iterator[Column]:
    yield Column(
        "id_str",
        Kind.TEXT,
        "name of the galaxy in its survey",
        lambda block: block.of("galaxy__name"),
        ucd="meta.id;meta.main",
        width=scan.name_width,
    )
    yield Column(
        "survey",
        Kind.TEXT,
        "who named the galaxy",
        lambda block: block.of("galaxy__survey"),
        ucd="meta.id",
        width=scan.survey_width,
    )
    yield Column(
        "ra",
        Kind.REAL,
        "right ascension, ICRS",
        lambda block: block.reals("galaxy__ra_deg"),
        unit="deg",
        ucd="pos.eq.ra;meta.main",
    )
    yield Column(
        "dec",
        Kind.REAL,
        "declination, ICRS",
        lambda block: block.reals("galaxy__dec_deg"),
        unit="deg",
        ucd="pos.eq.dec;meta.main",
    )
    yield Column("redshift", Kind.REAL, "redshift", lambda block: block.reals("galaxy__redshift"), ucd="src.redshift")
    yield Column(
        "is_simulated",
        Kind.FLAG,
        "true when the galaxy is simulated and not on the sky",
        lambda block: block.flags("galaxy__is_simulated"),
        ucd="meta.code",
    )


def _votes(tree: DecisionTree) -> Iterator[Column]:
    yield Column(
        "n_classifications",
        Kind.COUNT,
        "volunteers who classified the galaxy",
        lambda block: block.integers("n_classifications"),
        ucd="meta.number",
    )
    yield Column(
        "n_late",
        Kind.COUNT,
        "of these, after their lease or after the galaxy had retired",
        lambda block: block.integers("n_late"),
        ucd="meta.number",
    )
    yield Column(
        "n_simulated",
        Kind.COUNT,
        "of these, by simulated volunteers, who are no people",
        lambda block: block.integers("n_simulated"),
        ucd="meta.number",
    )
    for q, question in enumerate(tree.questions):
        yield Column(
            f"{question.key}_total-votes",
            Kind.COUNT,
            f"volunteers who were asked: {_said(question.text)}",
            _at("totals", q),
            ucd="meta.number;src.morph.type",
        )
        yield Column(
            f"{question.key}_proportion_volunteers_asked",
            Kind.FRACTION,
            f"part of the galaxy's volunteers who were asked {question.key}",
            _at("asked", q),
            ucd="stat.probability",
        )
        yield Column(
            f"{question.key}_weighted-total",
            Kind.FRACTION,
            f"what the volunteers asked {question.key} weigh, by skill; empty where nobody was asked",
            _at("weighted_totals", q),
            ucd="stat.weight;src.morph.type",
        )
        for a, answer, name in _answers(tree, question):
            yield Column(
                name,
                Kind.COUNT,
                f"votes for {_said(answer)}; empty where nobody was asked",
                _at("counts", a),
                ucd="meta.number;src.morph.type",
            )
            yield Column(
                f"{name}_fraction",
                Kind.FRACTION,
                f"votes for {_said(answer)} / volunteers asked; empty where nobody was asked",
                _at("fractions", a),
                ucd="stat.probability;src.morph.type",
            )
            yield Column(
                f"{name}_weighted-fraction",
                Kind.FRACTION,
                f"the fraction for {_said(answer)} with volunteers weighed by skill; empty where unknown",
                _at("weighted_fractions", a),
                ucd="stat.probability;src.morph.type",
            )


def _predictions(tree: DecisionTree) -> Iterator[Column]:
    yield Column(
        "model_version",
        Kind.COUNT,
        "number of the model version that predicted; empty where none has seen the galaxy",
        lambda block: block.model_numbers,
        ucd="meta.version",
    )
    yield Column(
        "in_training_set",
        Kind.FLAG,
        "true when this model version learned from votes on this galaxy",
        lambda block: block.in_training_set,
        ucd="meta.code",
    )
    for q, question in enumerate(tree.questions):
        yield Column(
            f"{question.key}_predicted-proportion-asked",
            Kind.FRACTION,
            f"part of volunteers expected to be asked {question.key}, from the image alone",
            _at("predicted_asked", q),
            ucd="stat.probability",
        )
        for place, answer, name in _answers(tree, question):
            names = (f"{name}_predicted-fraction", f"{name}_90pc-lower", f"{name}_90pc-upper")
            yield from _with_interval(names, "from the image alone", answer, "summaries", place)


def _estimates(tree: DecisionTree) -> Iterator[Column]:
    for question in tree.questions:
        for place, answer, name in _answers(tree, question):
            names = (f"{name}_estimated-fraction", f"{name}_estimated-90pc-lower", f"{name}_estimated-90pc-upper")
            yield from _with_interval(names, "from votes and image", answer, "estimates", place)


def _with_interval(names: Sequence[str], source: str, answer: str, field: str, place: int) -> Iterator[Column]:
    """The expected value of a vote fraction, and the ends of its 90 % interval."""
    ends = (
        ("expected vote fraction for", "mean", ""),
        ("90 % interval of the vote fraction, lower end, for", "lower", ";stat.min"),
        ("90 % interval of the vote fraction, upper end, for", "upper", ";stat.max"),
    )
    for name, (what, end, ucd) in zip(names, ends, strict=True):
        yield Column(
            name,
            Kind.FRACTION,
            f"{source}: {what} {_said(answer)}",
            _at(f"{field}.{end}", place),
            ucd=f"stat.probability;src.morph.type{ucd}",
        )


def _selection() -> Iterator[Column]:
    yield Column(
        "is_holdout",
        Kind.FLAG,
        "true for galaxies held out by a hash of their name: nothing is trained on them",
        lambda block: np.array([side != "pool" for side in block.of("side")], dtype=bool),
        ucd="meta.code",
    )
    yield Column(
        "selection_arm",
        Kind.TEXT,
        "why it was first shown: acquired, unscored, random, pool_uniform, holdout_uniform; empty if never",
        lambda block: [arm or None for arm in block.of("first_arm")],
        ucd="meta.code",
        width=max(len(arm) for arm in Arm.values),
    )
    yield Column(
        "inclusion_probability",
        Kind.REAL,
        "part of the fixed random order reached when the uniform share came to it; empty where it has not",
        lambda block: block.reals("inclusion_probability"),
        ucd="stat.probability",
    )
    yield Column(
        "selected_by_model_version",
        Kind.COUNT,
        "number of the model version whose score had it shown first; empty where none had",
        lambda block: block.selected_by,
        ucd="meta.version",
    )
    yield Column(
        "retired_at",
        Kind.TIME,
        "when it was retired, UTC; empty while it is open",
        lambda block: block.of("retired_at"),
        ucd="time.end",
    )
    yield Column(
        "retired_reason",
        Kind.TEXT,
        "why it was retired: count, consensus, information, broken",
        lambda block: [reason or None for reason in block.of("retired_reason")],
        ucd="meta.code",
        width=max(len(reason) for reason in Subject.Retired.values),
    )
    yield Column(
        "schema_hash",
        Kind.TEXT,
        "sha256 of the decision tree that the votes and predictions follow",
        lambda block: [block.schema_hash] * block.n_rows,
        ucd="meta.id",
        width=64,
    )


def _own(column: OwnColumn, taken: set[str]) -> Column:
    """A column of the survey's, under its own name unless that is ours."""
    name = column.name
    while not name or name.lower() in taken:
        name = f"survey_{name}"
    taken.add(name.lower())
    return Column(name, Kind(column.kind), f"the survey's own column {column.name}", column.values, width=column.width)


def _answers(tree: DecisionTree, question: Question) -> Iterator[tuple[int, str, str]]:
    """Each answer's place on the answer axis, its text, and its column's name."""
    places = range(*tree.slices[question.key].indices(len(tree.columns)))
    yield from zip(places, (answer.text for answer in question.answers), question.columns, strict=True)


def _at(field: str, place: int) -> Callable[[Block], Any]:
    told = attrgetter(field)
    return lambda block: told(block)[:, place]


def _said(text: str) -> str:
    """A researcher's text within a description."""
    return " ".join(text.split())[:80]
