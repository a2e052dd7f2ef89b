"""The rows between a person and a vote; one file a thing."""

from labelling.models.assignment import Assignment
from labelling.models.classification import Classification
from labelling.models.galaxy import Galaxy, Image
from labelling.models.project import Membership, Project, TreeVersion
from labelling.models.subject import Subject
from labelling.models.volunteer import Volunteer

__all__ = [
    "Assignment",
    "Classification",
    "Galaxy",
    "Image",
    "Membership",
    "Project",
    "Subject",
    "TreeVersion",
    "Volunteer",
]
