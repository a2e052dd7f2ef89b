"""The texts of the trees that ship, marked for translation: makemessages reads Python, not ml/schemas.

A test holds this list to the trees.
"""

from django.utils.translation import gettext_noop as _

SHIPPED_TEXTS = frozenset(
    [
        _("Galaxy Zoo 2"),
        _("Is the galaxy smooth and rounded, or does it have features or a disk?"),
        _(
            "Smooth galaxies fade evenly from the centre. Choose features or disk for anything with structure: arms, bars, rings, clumps or an edge-on disk. A satellite trail or a bright star is an artifact."  # noqa: E501 - makemessages takes a text in one piece
        ),
        _("Smooth"),
        _("Features or disk"),
        _("Star or artifact"),
        _("Could this be a disk seen edge-on?"),
        _(
            "Edge-on disks look like needles, perhaps with a bulge in the middle. A disk that is only strongly tilted is a no."  # noqa: E501 - makemessages takes a text in one piece
        ),
        _("Yes"),
        _("No"),
        _("Is there a bulge at the centre of the disk, and what shape is it?"),
        _("Look at the middle of the needle: does it swell, and is the swelling round or box-like?"),
        _("Rounded"),
        _("Boxy"),
        _("No bulge"),
        _("Is there a bar through the centre?"),
        _("A bar is a straight band of stars that crosses the centre."),
        _("Bar"),
        _("No bar"),
        _("Is there any sign of spiral arms?"),
        _("Arms can be faint and sunk in the disk: look closely."),
        _("Spiral"),
        _("No spiral"),
        _("How tightly are the arms wound?"),
        _("Tight"),
        _("Medium"),
        _("Loose"),
        _("How many spiral arms are there?"),
        _("More than 4"),
        _("Can't tell"),
        _("How prominent is the central bulge?"),
        _("The bulge is the bright, rounded middle. Compare it with the rest of the galaxy."),
        _("Just noticeable"),
        _("Obvious"),
        _("Dominant"),
        _("How rounded is it?"),
        _("Completely round"),
        _("In between"),
        _("Cigar shaped"),
        _("Is there anything odd?"),
        _("A ring, a merger, a disturbed shape, an arc of a lensed galaxy: anything out of the ordinary."),
        _("What is the odd feature?"),
        _("Ring"),
        _("Lens or arc"),
        _("Disturbed"),
        _("Irregular"),
        _("Other"),
        _("Merger"),
        _("Dust lane"),
        _("Galaxy Zoo DECaLS (DR5)"),
        _("None"),
        _("A strong bar is a clear, bright band across the centre; a weak one is short or faint."),
        _("Strong bar"),
        _("Weak bar"),
        _("How big is the central bulge, compared with the galaxy?"),
        _("Large"),
        _("Moderate"),
        _("Small"),
        _("Is the galaxy merging or disturbed?"),
        _("A merger shows two or more galaxies touching. A disturbed galaxy is lopsided or has tails."),
        _("Minor disturbance"),
        _("Major disturbance"),
        _("Galaxy Zoo (Sloan), odd features as checkboxes"),
        _("What are the odd features? Tick all that you see."),
    ]
)
