"""Pictures are decoded once, kept by size and crop, and joined by those that come later."""

import numpy as np
import pytest

from ml.pixels import Window
from morphology import pixels
from morphology.errors import NotEmbedded
from morphology.models import Job, Segment
from tests.morphology.skies import SIZE_PX, add_galaxy, make_sky, make_work

pytestmark = pytest.mark.django_db

WHOLE = Window(SIZE_PX, 1.0)


def test_pictures_are_decoded_once_and_found_in_any_order() -> None:
    project = make_sky(n_pool=3)
    work = make_work(Job.Kind.EMBED, project)
    assert pixels.decode_missing(project, WHOLE, work) == 3
    assert (work.job.n_done, work.job.n_total) == (3, 3)
    assert pixels.decode_missing(project, WHOLE, work) == 0
    ids = np.array(project.subjects.order_by("-galaxy_id").values_list("galaxy_id", flat=True))
    found = pixels.load(WHOLE, ids)[:]
    assert (found.shape, found.dtype) == ((3, SIZE_PX, SIZE_PX, 3), np.uint8)
    np.testing.assert_array_equal(pixels.load(WHOLE, ids[::-1])[:], found[::-1])
    assert found.reshape(3, -1).std(1).min() > 5  # pictures, not blanks


def test_galaxies_that_come_later_are_another_segment() -> None:
    project = make_sky(n_pool=2)
    work = make_work(Job.Kind.EMBED, project)
    pixels.decode_missing(project, WHOLE, work)
    newcomer = add_galaxy(project)
    assert pixels.decode_missing(project, WHOLE, work) == 1
    assert Segment.objects.filter(kind="pixels").count() == 2
    ids = np.array(project.subjects.order_by("galaxy_id").values_list("galaxy_id", flat=True))
    assert len(pixels.load(WHOLE, ids)[:]) == 3
    assert newcomer.galaxy_id in ids


def test_another_crop_is_decoded_anew() -> None:
    project = make_sky(n_pool=2)
    work = make_work(Job.Kind.EMBED, project)
    pixels.decode_missing(project, WHOLE, work)
    ids = np.array(project.subjects.values_list("galaxy_id", flat=True))
    with pytest.raises(NotEmbedded, match="2 galaxies have no pixels"):
        pixels.load(Window(16, 0.5), ids)
    assert pixels.decode_missing(project, Window(16, 0.5), work) == 2
    assert pixels.load(Window(16, 0.5), ids)[:].shape == (2, 16, 16, 3)
