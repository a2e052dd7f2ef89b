"""The steps of the tutorial of a project that has none of its own."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Step:
    """One page; the picture is one of ours, by its name in static/examples."""

    title: Promise
    text: Promise
    picture: str
    alt: Promise


def steps(*, practises: bool) -> list[Step]:
    """All of them, in order; where nobody practises, practice is not spoken of."""
    return [*_BEFORE, _PRACTICE if practises else _SIMULATED, *_AFTER]


_BEFORE = [
    Step(
        _("Welcome, and thank you for looking"),
        _(
            "Each picture shows a galaxy: billions of stars, gas and dust, so far away that its light has been on its "
            "way for millions of years. We ask you what you see. You need no knowledge, only your eyes."
        ),
        "has-spiral-arms_yes-1",
        _("A spiral galaxy with two wide arms"),
    ),
    Step(
        _("One galaxy, one question"),
        _(
            "Choose the answer that fits best, with its button or its number key. The next question follows from your "
            "answer. Back takes a step back; your last galaxies can be undone for ten minutes."
        ),
        "smooth-or-featured_smooth-1",
        _("A smooth, round galaxy"),
    ),
    Step(
        _("Look closer"),
        _(
            "Zoom with two fingers, the wheel or the + key, and move the picture about. Inverted, dark on bright, "
            "faint arms and tails are easier to see: press Invert or the I key."
        ),
        "odd-feature_disturbed-3",
        _("A galaxy with faint tails"),
    ),
    Step(
        _("Not sure?"),
        _(
            "Say what you see first: your first impression is worth a lot. When you cannot tell at all, skip the "
            "galaxy. When the picture itself is broken, report it, and a researcher will look."
        ),
        "smooth-or-featured_artifact-1",
        _("A picture crossed by the trail of a satellite"),
    ),
    Step(
        _("Help is near"),
        _(
            "At every question, Help (or the H key) shows what each answer looks like. The field guide has all of it "
            "in one place."
        ),
        "bar_yes-1",
        _("A galaxy with a bar through its centre"),
    ),
]
_PRACTICE = Step(
    _("Practice, and simulated galaxies"),
    _(
        "Some galaxies are for practice: what they show is known. A few are simulated, drawn by a computer. We tell "
        "you which right after your answer, and what there was to see. Practice never counts, so take it easy."
    ),
    "odd-feature_ring-2",
    _("A simulated galaxy with a ring"),
)
_SIMULATED = Step(
    _("Simulated galaxies"),
    _(
        "A few galaxies may be simulated, drawn by a computer: they help to measure how well all of us see. We tell "
        "you which right after your answer, never before."
    ),
    "odd-feature_ring-2",
    _("A simulated galaxy with a ring"),
)
_AFTER = [
    Step(
        _("What becomes of your answers"),
        _(
            "Several people look at each galaxy, and nobody sees the others' answers first. A network learns from all "
            "of you, and asks next about the galaxies from which most can be learned. If something looks odd to you, "
            "say so: you may be the first to notice."
        ),
        "odd-feature_merger-1",
        _("Two galaxies that are merging"),
    ),
    Step(
        _("Thank you!"),
        _("You find this again under Tutorial, or with the T key. Enjoy the view."),
        "spiral-arm-count_more-than-4-1",
        _("A galaxy with many arms"),
    ),
]
