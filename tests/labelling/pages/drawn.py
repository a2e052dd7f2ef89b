"""Projects whose galaxies have real pictures, drawn here: for every test that shows a page."""

import io

import numpy as np
from PIL import Image as Picture

from labelling import files
from labelling.models import Galaxy, Image, Project, Subject
from ml.schema import DecisionTree
from tests.labelling.factories import make_project, make_subjects
from tests.labelling.trees import TWO


def make_drawn_project(n: int = 3, tree: DecisionTree = TWO, **rules: object) -> Project:
    """A live project of n galaxies with a picture each."""
    project = make_project(tree, **rules)
    for number, subject in enumerate(make_subjects(project, n)):
        add_picture(subject, seed=number)
    return project


def add_picture(subject: Subject, *, seed: int = 0) -> Image:
    """Give the subject's galaxy a JPEG of a blob; each seed another one."""
    return add_picture_of(subject.galaxy, seed=seed)


def add_picture_of(galaxy: Galaxy, *, seed: int = 0) -> Image:
    return Image.objects.create(
        galaxy=galaxy,
        originals=[],
        page_sha256=files.put(blob(seed)),
        page_media_type="image/jpeg",
        page_width_px=96,
        page_height_px=96,
        network_sha256="0" * 64,
        pixel_scale_arcsec=0.5,
    )


def blob(seed: int) -> bytes:
    y, x = np.mgrid[:96, :96] - 48.0
    light = np.exp(-np.hypot(x * (1 + 0.1 * (seed % 7)), y) / (8 + seed % 5))
    pixels = (light[..., None] * np.array([255, 210, 160])).astype(np.uint8)
    content = io.BytesIO()
    Picture.fromarray(pixels).save(content, "JPEG")
    return content.getvalue()


def mark_simulated(project: Project) -> None:
    Galaxy.objects.filter(subjects__project=project).update(is_simulated=True)
