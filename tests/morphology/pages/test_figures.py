import pytest

from morphology.pages.figures import MOST_VOLUNTEERS, Told, volunteers


def test_volunteers_are_told_with_their_interval() -> None:
    assert volunteers([12.3, 8.24, 20.0]) == Told("12", "8.2 to 20")
    assert volunteers([9.6, None, None]) == Told("9.6")
    assert volunteers([None, None, None]) == Told("not known")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ([9.6, 8.2, MOST_VOLUNTEERS], Told("9.6", "8.2 or more")),
        ([MOST_VOLUNTEERS, 2.3, MOST_VOLUNTEERS], Told("more than 2.3")),
        ([MOST_VOLUNTEERS, MOST_VOLUNTEERS, MOST_VOLUNTEERS], Told("more than 1,000")),
        ([MOST_VOLUNTEERS, None, None], Told("more than these votes can tell")),
    ],
)
def test_a_number_without_bound_is_told_by_the_bound_below(ends: list[float | None], told: Told) -> None:
    assert volunteers(ends) == told
