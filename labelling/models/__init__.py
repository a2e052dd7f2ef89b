"""The rows between a person and a vote; one file a thing."""

from labelling.models.assignment import Assignment
from labelling.models.classification import Classification
from labelling.models.conduct import SetAside, Skill, Suspicion
from labelling.models.doubt import ImageReport, Skip
from labelling.models.galaxy import Galaxy, Image
from labelling.models.guide import Example, GuidePage
from labelling.models.practice import Practice, PracticeWalk
from labelling.models.project import Membership, Project, TreeVersion
from labelling.models.subject import Subject
from labelling.models.talk import (
    Collection,
    CollectionItem,
    Comment,
    CommentReport,
    Favourite,
    Moderation,
    Tag,
    TagReport,
    TagWord,
)
from labelling.models.translation import Translation
from labelling.models.volunteer import Volunteer

__all__ = [
    "Assignment",
    "Classification",
    "Collection",
    "CollectionItem",
    "Comment",
    "CommentReport",
    "Example",
    "Favourite",
    "Galaxy",
    "GuidePage",
    "Image",
    "ImageReport",
    "Membership",
    "Moderation",
    "Practice",
    "PracticeWalk",
    "Project",
    "SetAside",
    "Skill",
    "Skip",
    "Subject",
    "Suspicion",
    "Tag",
    "TagReport",
    "TagWord",
    "Translation",
    "TreeVersion",
    "Volunteer",
]
