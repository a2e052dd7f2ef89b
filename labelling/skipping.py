"""A galaxy that a volunteer cannot tell anything of: no vote; others get its place, and it does not return."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from labelling.assignment import give_back, locked_volunteer, read_token
from labelling.errors import VoteConflict
from labelling.models import Classification, Skip


@transaction.atomic
def skip(token: str, now: datetime | None = None) -> bool:
    """End the lease of a token for good; False when its volunteer had skipped this galaxy before.

    VoteRefused: not a token of ours. VoteConflict: the volunteer has voted on the galaxy.
    """
    assignment = read_token(token)
    volunteer = locked_volunteer(assignment.volunteer_id)  # who may have signed in since the token was read
    voted = Classification.objects.standing().filter(volunteer=volunteer, subject=assignment.subject)
    if voted.exists():
        raise VoteConflict(gettext("You have classified this galaxy already."))
    _, is_new = Skip.objects.get_or_create(volunteer=volunteer, subject=assignment.subject)
    give_back(token, now=now or timezone.now())
    return is_new
