"""The name that a volunteer shows: one that can be read, and that nobody takes for somebody else's."""

import re
import unicodedata

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext

from labelling.errors import NameRefused
from labelling.models import Volunteer

_PRESENTATION = re.compile("[\ufe0e\ufe0f]")  # says only how a picture before it is drawn
_FILLERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\U000e0100-\U000e01ef]")
_PILE_OF_MARKS = 4  # more than any script puts on one letter
# Capitals and small letters of Cyrillic, then of Greek.
_LIKE_LATIN = {
    "abesijkmhopctyx": "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425",
    "aesijkmopcyxhd": "\u0430\u0435\u0455\u0456\u0458\u043a\u043c\u043e\u0440\u0441\u0443\u0445\u04bb\u0501",
    "abezhikmnoptyx": "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "aikvoptuxw": "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03c9",
}
_LATIN = str.maketrans(
    {sign: like for likes, signs in _LIKE_LATIN.items() for sign, like in zip(signs, likes, strict=True)}
)


def cleaned(text: str) -> str:
    """The name as it is kept: NFKC, on one line. NameRefused for one that cannot be read, or is an e-mail address."""
    name = " ".join(_PRESENTATION.sub("", unicodedata.normalize("NFKC", text)).split())
    if _FILLERS.search(name) or any(unicodedata.category(sign).startswith("C") for sign in name):
        raise NameRefused(gettext("There is an invisible character in this name."))
    if "@" in name:
        raise NameRefused(gettext("Everybody will see this name: please do not use your e-mail address."))
    if name and (not any(sign.isalnum() for sign in name) or _is_piled(name)):
        raise NameRefused(gettext("Please choose a name of letters or digits, which others can read."))
    return name


def is_taken(name: str, volunteer: Volunteer) -> bool:
    """Whether another volunteer shows a name that looks like this one, or a team has somebody of that name."""
    wanted = look_of(name)
    shown = Volunteer.objects.exclude(pk=volunteer.pk).exclude(public_name="").values_list("public_name", flat=True)
    of_teams = User.objects.filter(Q(projects__isnull=False) | Q(memberships__isnull=False) | Q(is_staff=True))
    theirs = of_teams.exclude(volunteer=volunteer).values_list("username", flat=True)
    return any(look_of(other) == wanted for rows in (shown, theirs) for other in rows.iterator())


def look_of(name: str) -> str:
    """What a name looks like at a glance: Cyrillic and Greek letters as the Latin ones that they resemble; no accents,
    no capitals, nothing between."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).translate(_LATIN)).casefold()
    return "".join(sign for sign in letters.translate(_LATIN) if sign.isalnum() or _is_vowel_sign(sign))


def _is_vowel_sign(sign: str) -> bool:
    """A mark that is spelling and no accent, as scripts of India have it."""
    return unicodedata.category(sign) in ("Mn", "Mc") and not "\u0300" <= sign <= "\u036f"


def _is_piled(name: str) -> bool:
    n = 0
    for sign in unicodedata.normalize("NFD", name):
        n = n + 1 if unicodedata.category(sign) in ("Mn", "Me") else 0
        if n >= _PILE_OF_MARKS:
            return True
    return False
