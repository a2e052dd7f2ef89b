"""What to look for, an answer: said in the field guide and after practice of every tree that has such an answer.

By `question_answer`, as catalogues name it, in Galaxy Zoo 2's spelling and in Galaxy Zoo DECaLS's. A tree's own help
comes first: these stand in where it has none.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_SMOOTH = _("The light fades evenly from a bright middle, without arms, rings or clumps.")
_FEATURED = _("There is structure in the light: arms, a bar, a ring, clumps, or a flat disk.")
_ARTIFACT = _("This is no galaxy: a star with spikes, a satellite's trail, or a reflection in the telescope.")
_EDGE_ON = _("A disk seen from its side is a thin needle of light.")
_NOT_EDGE_ON = _("You look down on this disk, or at it aslant: it is an oval or a circle, not a needle.")
_EDGE_ROUND = _("In the middle of the needle sits a round swelling.")
_EDGE_BOXY = _("The swelling in the middle of the needle has corners: it looks like a box, or a peanut.")
_EDGE_NONE = _("The needle is as thin in the middle as anywhere else.")
_BAR = _("A straight band of light crosses the centre. Arms often begin at its ends.")
_BAR_WEAK = _("A short or faint straight band crosses the centre: look twice.")
_BAR_NONE = _("Nothing straight crosses the centre; the middle is a round or oval glow.")
_ARMS = _("Curved bands of light wind out from the middle.")
_NO_ARMS = _("The disk is even: no band of light winds around the middle.")
_TIGHT = _("The arms are wound closely, nearly like circles, with little room between them.")
_MEDIUM = _("The arms open steadily, between tight coils and loose sweeps.")
_LOOSE = _("The arms sweep out in wide, open curves.")
_ARMS_1 = _("One arm alone winds out from the middle.")
_ARMS_2 = _("Two arms, as a rule on opposite sides.")
_ARMS_3 = _("Count where the arms begin: there are three.")
_ARMS_4 = _("Count where the arms begin: there are four.")
_ARMS_MORE = _("Five arms or more, or many pieces of arms around the whole disk.")
_ARMS_UNCLEAR = _("There are arms, yet too faint or too broken to be counted.")
_BULGE_0 = _("The middle is no brighter and no rounder than the disk around it.")
_BULGE_1 = _("A small bright spot in the middle, far smaller than the disk.")
_BULGE_2 = _("A bright, rounded middle, and still more disk than bulge.")
_BULGE_3 = _("The bright, rounded middle is one of the first things you see.")
_BULGE_4 = _("The bulge outshines everything else; the disk is a fringe around it.")
_ROUND = _("As wide as it is long, or nearly so.")
_IN_BETWEEN = _("An oval, clearly longer than it is wide.")
_CIGAR = _("Long and narrow, like a cigar, and yet smooth.")
_ODD = _("Something here is out of the ordinary: a ring, an arc, a tail, a companion that pulls.")
_NOT_ODD = _("A galaxy like many others, and nothing near it that pulls at it.")
_RING = _("A closed ring of light runs around the middle.")
_LENS = _("A thin, bent arc beside the galaxy: light from far behind it, bent on its way to us.")
_DISTURBED = _("Lopsided, bent or with a tail: something has pulled at it.")
_DISTURBED_A_LITTLE = _("A little lopsided, or with a faint tail.")
_IRREGULAR = _("No clear middle and no symmetry: patches of light without order.")
_OTHER = _("Odd in a way that none of the other answers names, such as a cloud of gas beside the galaxy.")
_MERGER = _("Two galaxies or more touch, or are becoming one.")
_DUST_LANE = _("A dark, narrow band crosses the light.")

_HINTS: Mapping[str, Promise] = {
    "smooth-or-featured_smooth": _SMOOTH,
    "smooth-or-featured_featured-or-disk": _FEATURED,
    "smooth-or-featured_artifact": _ARTIFACT,
    "disk-edge-on_yes": _EDGE_ON,
    "disk-edge-on_no": _NOT_EDGE_ON,
    "bulge-shape_round": _EDGE_ROUND,
    "bulge-shape_boxy": _EDGE_BOXY,
    "bulge-shape_no-bulge": _EDGE_NONE,
    "edge-on-bulge_rounded": _EDGE_ROUND,
    "edge-on-bulge_boxy": _EDGE_BOXY,
    "edge-on-bulge_none": _EDGE_NONE,
    "bar_yes": _BAR,
    "bar_strong": _BAR,
    "bar_weak": _BAR_WEAK,
    "bar_no": _BAR_NONE,
    "has-spiral-arms_yes": _ARMS,
    "has-spiral-arms_no": _NO_ARMS,
    "spiral-winding_tight": _TIGHT,
    "spiral-winding_medium": _MEDIUM,
    "spiral-winding_loose": _LOOSE,
    "spiral-arm-count_1": _ARMS_1,
    "spiral-arm-count_2": _ARMS_2,
    "spiral-arm-count_3": _ARMS_3,
    "spiral-arm-count_4": _ARMS_4,
    "spiral-arm-count_more-than-4": _ARMS_MORE,
    "spiral-arm-count_cant-tell": _ARMS_UNCLEAR,
    "bulge-size_no": _BULGE_0,
    "bulge-size_none": _BULGE_0,
    "bulge-size_just-noticeable": _BULGE_1,
    "bulge-size_small": _BULGE_1,
    "bulge-size_moderate": _BULGE_2,
    "bulge-size_obvious": _BULGE_3,
    "bulge-size_large": _BULGE_3,
    "bulge-size_dominant": _BULGE_4,
    "how-rounded_round": _ROUND,
    "how-rounded_in-between": _IN_BETWEEN,
    "how-rounded_cigar": _CIGAR,
    "how-rounded_cigar-shaped": _CIGAR,
    "something-odd_yes": _ODD,
    "something-odd_no": _NOT_ODD,
    **{
        f"{question}_{answer}": text
        for question in ("odd-feature", "odd-features")
        for answer, text in {
            "ring": _RING,
            "lens-or-arc": _LENS,
            "disturbed": _DISTURBED,
            "irregular": _IRREGULAR,
            "other": _OTHER,
            "merger": _MERGER,
            "dust-lane": _DUST_LANE,
        }.items()
    },
    "merging_none": _NOT_ODD,
    "merging_minor-disturbance": _DISTURBED_A_LITTLE,
    "merging_major-disturbance": _DISTURBED,
    "merging_merger": _MERGER,
}


def hint(column: str) -> str:
    """What to look for, in the reader's language; empty for an answer that is not known here."""
    return str(_HINTS.get(column, ""))
