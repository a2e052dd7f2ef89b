"""What volunteers say to each other about galaxies: tags, comments, favourites, collections. None of it is a vote."""

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labelling.models.project import Project
from labelling.models.subject import Subject
from labelling.models.volunteer import Volunteer


def new_link_key() -> str:
    """What the address of a private collection ends in; 96 bits, not to be guessed."""
    return secrets.token_urlsafe(12)


class Tag(models.Model):
    """A word that a volunteer has put on a subject, `ring` for #ring."""

    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="tags")
    # Copied from the subject, where it never changes, so that a tag's page reads one index.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="tags")
    word = models.CharField(max_length=40, db_collation="C", help_text="lower case, without the #")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "volunteer", "word"], name="one_tag_each")]
        indexes = [
            # a tag's page: which subjects have it, how often; how often a word is there in all
            models.Index(fields=["project", "word", "subject"], name="tag_by_word"),
        ]

    def __str__(self) -> str:
        return f"#{self.word}"

    def save(self, *args: Any, **options: Any) -> None:
        self.project_id = self.subject.project_id
        super().save(*args, **options)


class TagWord(models.Model):
    """A word of a project and how many tags say it, counted whenever one comes or goes: what suggestions read.

    A moderator may hide it, wherever it stands; the tags stay.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tag_words", db_index=False)
    # In the order of code points, in which a beginning is a range of the index, whatever the server's language.
    word = models.CharField(max_length=40, db_collation="C")
    n = models.PositiveIntegerField(default=0)
    hidden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "word"], name="one_count_a_word")]
        indexes = [models.Index(fields=["project", "-n", "word"], name="words_by_frequency")]

    def __str__(self) -> str:
        return f"#{self.word}: {self.n}"


class Comment(models.Model):
    """A short remark on a subject; hidden, never deleted, by a moderator."""

    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="comments")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="comments")
    text = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["created_at", "pk"]
        # how many within the last minute
        indexes = [models.Index(fields=["volunteer", "created_at"], name="comment_of_volunteer")]

    def __str__(self) -> str:
        return f"{self.volunteer} on {self.subject}"


class Moderation(models.Model):
    """What a moderator decided about a comment or a tag's word, kept for good; how it stands now, that says itself."""

    class Verdict(models.TextChoices):
        HIDE = "hide", _("hidden")
        LET_BE = "let_be", _("let be")

    comment = models.ForeignKey(Comment, null=True, on_delete=models.CASCADE, related_name="moderations")
    word = models.ForeignKey(TagWord, null=True, on_delete=models.CASCADE, related_name="moderations")
    verdict = models.CharField(max_length=6, choices=Verdict.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="of_a_comment_or_a_word", condition=Q(comment__isnull=True) ^ Q(word__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.comment or self.word}: {self.verdict}"


class CommentReport(models.Model):
    """A volunteer's word that a comment should not stand; settled when a moderator has hidden it or let it be."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="reports")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "volunteer"], name="one_comment_report_each")]
        indexes = [
            # the moderators' list of what waits for them
            models.Index(fields=["comment"], name="open_comment_reports", condition=Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"report of {self.comment}"


class TagReport(models.Model):
    """A volunteer's word that a tag should not stand; settled when a moderator has hidden it or let it be."""

    word = models.ForeignKey(TagWord, on_delete=models.CASCADE, related_name="reports")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["word", "volunteer"], name="one_tag_report_each")]
        indexes = [
            # the moderators' list of what waits for them
            models.Index(fields=["word"], name="open_tag_reports", condition=Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"report of {self.word}"


class Favourite(models.Model):
    """A subject that a volunteer wants to find again."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="favourites")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="favourites")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["volunteer", "subject"], name="one_favourite_each")]

    def __str__(self) -> str:
        return f"{self.subject}, a favourite of {self.volunteer}"


class Collection(models.Model):
    """A volunteer's own set of subjects; a private one opens to its owner and to whoever has the link."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="collections")
    title = models.CharField(max_length=120)
    text = models.CharField(max_length=500, blank=True)
    is_public = models.BooleanField(default=False)
    link_key = models.CharField(max_length=32, unique=True, default=new_link_key)
    subjects: "models.ManyToManyField[Subject, CollectionItem]" = models.ManyToManyField(
        Subject, through="CollectionItem", related_name="collections"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # the public ones, newest first
        indexes = [models.Index(fields=["-id"], name="public_collections", condition=Q(is_public=True))]

    def __str__(self) -> str:
        return self.title


class CollectionItem(models.Model):
    """A subject in a collection."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "subject"], name="once_in_a_collection")]

    def __str__(self) -> str:
        return f"{self.subject} in {self.collection}"
