"""Names that others read."""

import pytest
from django.contrib.auth.models import User

from labelling.errors import NameRefused
from labelling.models import Volunteer
from labelling.public_names import cleaned, is_taken, look_of
from tests.labelling.factories import make_project


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Ada  of the\tRings ", "Ada of the Rings"),
        ("\u2b50\ufe0f Ada", "\u2b50 Ada"),
        ("Nguy\u1ec5n 3", "Nguy\u1ec5n 3"),
        ("\u661f\u7a7a", "\u661f\u7a7a"),
        ("", ""),
    ],
)
def test_a_name_is_kept_on_one_line(text: str, kept: str) -> None:
    assert cleaned(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "\u3164",
        "\u2800",
        "\u115f",
        "V\u200bega",
        "\u202eagev",
        "\u034fVega",
        "a\u180bb",
        "...",
        "\u2b50",
        "a" + "\u0301" * 4,
    ],
)
def test_a_name_that_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(NameRefused):
        cleaned(text)


@pytest.mark.parametrize(
    "name",
    [
        "vega",
        "V\u0435ga",
        "VEGA",
        "Ve ga",
        "V\u00e9ga",
        "\u0056\u0395\u0047\u0410",
        "Vega.",
        "\uff36\uff45\uff47\uff41",
    ],
)
def test_names_that_look_alike_are_one(name: str) -> None:
    assert look_of(name) == look_of("Vega")


@pytest.mark.parametrize("name", ["Vegas", "Mira", "\u0412\u0435\u0433\u0430", "\u7ec7\u5973"])
def test_other_names_are_others(name: str) -> None:
    assert look_of(name) != look_of("Vega")


def test_vowel_signs_are_spelling_and_no_accents() -> None:
    assert look_of("\u0930\u093e\u092e") != look_of("\u0930\u092e\u093e")  # Ram, Rama
    assert cleaned("\u0930\u093e\u092e")


@pytest.mark.django_db
def test_nobody_passes_for_another_volunteer_or_for_somebody_of_a_team(ada: User, cleo: User) -> None:
    own = Volunteer.objects.create(user=ada, public_name="Mira")
    Volunteer.objects.create(public_name="Vega")
    make_project()  # by a user called owner
    User.objects.create_user("quiet")
    taken = {name: is_taken(name, own) for name in ("vega", "Owner", "CLEO", "quiet", "ada", "Mira")}
    assert taken == {"vega": True, "Owner": True, "CLEO": True, "quiet": False, "ada": False, "Mira": False}
