"""Deleting an account: the votes stay, pseudonymous; name, addresses, keys and sessions go, wherever they were kept."""

import re
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet

from labelling.models import Project, SetAside, Volunteer
from labelling.privacy import forget
from morphology.errors import AccountNeeded
from morphology.models import Cycle

_NOBODY = "a former member"


@transaction.atomic
def delete_account(user: User) -> None:
    """Remove the user and everything that names them.

    AccountNeeded while they own projects: somebody has to answer for those; an admin hands them over.
    """
    owned = list(Project.objects.filter(owner=user).values_list("title", flat=True))
    if owned:
        raise AccountNeeded(f"the account owns {', '.join(owned)}")
    _forget_in_sentences(user)
    _forget_in_the_admins_log(user)
    _end_sessions(user)
    volunteer = Volunteer.objects.filter(user=user).first()
    if volunteer is not None:
        forget(volunteer)
    user.delete()  # and by cascade e-mail addresses, OpenID accounts, memberships, groups


def _forget_in_sentences(user: User) -> None:
    """Sentences that quote a name: who asked for a cycle, why votes were set aside."""
    asked = Cycle.objects.filter(reason=f"asked for by {user.get_username()}"[:200])
    asked.update(reason=f"asked for by {_NOBODY}")
    names = "|".join(re.escape(name) for name in (user.email, user.get_username()) if name)
    for act in SetAside.objects.filter(volunteer__user=user):
        act.why = re.sub(rf"(?<!\w)({names})(?!\w)", _NOBODY, act.why)[:500]
        act.save(update_fields=["why"])


def _forget_in_the_admins_log(user: User) -> None:
    """Django's admin writes an object's name beside each act on it; the acts of others stay, without it."""
    own: list[QuerySet[Any]] = [User.objects.filter(pk=user.pk), Volunteer.objects.filter(user=user)]
    for relation in User._meta.related_objects:
        model: type[Model] = relation.related_model
        own.append(model._default_manager.filter(**{relation.field.name: user}))
    for rows in own:
        kind = ContentType.objects.get_for_model(rows.model)
        keys = [str(key) for key in rows.values_list("pk", flat=True)]
        about = LogEntry.objects.filter(content_type=kind, object_id__in=keys)
        about.exclude(user=user).update(object_repr=_NOBODY, change_message="")


def _end_sessions(user: User) -> None:
    """Every browser is signed out; a session tells whose it is only when it is opened."""
    own = [
        session.pk
        for session in Session.objects.iterator(chunk_size=1000)
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(pk__in=own).delete()
