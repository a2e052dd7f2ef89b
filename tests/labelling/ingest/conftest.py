import pytest
from django.contrib.auth.models import User

from labelling.models import Project
from labelling.project import create_project
from ml.schema import load


@pytest.fixture
def project(ben: User) -> Project:
    return create_project(slug="spirals", title="Spirals", owner=ben, tree=load("gz2"))
