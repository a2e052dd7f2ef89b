"""Django's admin: what votes and workers made is looked at, and changed by the verbs alone."""

from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from labelling.models import Assignment, Classification, Galaxy, Project, Subject, Volunteer
from morphology.models import Job, ModelVersion, Release, Score, Segment
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import SMOOTH
from tests.morphology.pages.conftest import make_cycle, make_job, make_model

pytestmark = pytest.mark.django_db

READ_ONLY = [
    "labelling.assignment",
    "labelling.classification",
    "labelling.image",
    "labelling.subject",
    "labelling.treeversion",
    "labelling.volunteer",
    "morphology.cycle",
    "morphology.job",
    "morphology.modelversion",
    "morphology.release",
    "morphology.score",
    "morphology.segment",
    "morphology.trainingset",
]


@pytest.fixture
def project() -> Project:
    """One row of everything."""
    project = make_drawn_project(2)
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    model = make_model(project, 1, "retired")
    make_job(project, cycle=make_cycle(project))
    digest = "a" * 64
    ids = [1, 2]
    Segment.objects.create(
        kind="posterior", encoder_hash=digest, sha256=digest, galaxy_ids=ids, first_galaxy_id=1, last_galaxy_id=2
    )
    for subject in project.subjects.all()[:1]:
        Score.objects.create(model_version=model, subject=subject, information_nats=0.1, terms_nats=[0.1, 0])
    Release.objects.create(
        project=project, format="csv", sha256=digest, n_bytes=1, n_rows=1, columns=[], schema_hash=digest
    )
    return project


def of(name: str) -> admin.ModelAdmin:  # type: ignore[type-arg]
    return next(site for model, site in admin.site._registry.items() if model._meta.label_lower == name)


def test_every_list_and_every_row_opens(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    for model in admin.site._registry:
        if model._meta.app_label not in ("labelling", "morphology"):
            continue
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{stem}_changelist")).status_code == 200, model
        for row in model._default_manager.all()[:1]:
            assert client.get(reverse(f"{stem}_change", args=[row.pk])).status_code == 200, model


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_votes_and_workers_made_is_neither_added_nor_changed_nor_deleted(
    client: Client, cleo: User, project: Project, name: str
) -> None:
    client.force_login(cleo)
    model = of(name).model
    row = model._default_manager.order_by("pk")[0]
    before = model._default_manager.filter(pk=row.pk).values().get()
    stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert client.get(reverse(f"{stem}_add")).status_code == 403
    assert client.post(reverse(f"{stem}_change", args=[row.pk]), {"state": "done"}).status_code == 403
    assert client.post(reverse(f"{stem}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    client.post(reverse(f"{stem}_changelist"), bulk)
    assert model._default_manager.filter(pk=row.pk).values().get() == before


def test_nothing_of_ours_that_was_voted_on_is_deleted_by_way_of_its_project(
    client: Client, cleo: User, project: Project
) -> None:
    client.force_login(cleo)
    for model, pk in ((Project, project.pk), (Galaxy, Galaxy.objects.all()[0].pk)):
        name = model._meta.model_name
        assert client.post(reverse(f"admin:labelling_{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
        bulk = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        client.post(reverse(f"admin:labelling_{name}_changelist"), bulk)
    assert Project.objects.count() == 1 and Classification.objects.count() == 1 and Galaxy.objects.count() == 2


def test_a_projects_text_is_edited_and_its_tree_is_not(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    page = client.get(reverse("admin:labelling_project_change", args=[project.pk]))
    fields = page.context["adminform"].form.fields
    assert "title" in fields and "description" in fields
    assert not {"tree_version", "slug", "encoder"} & set(fields)


def test_a_galaxys_identity_and_side_stay(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    galaxy = Galaxy.objects.all()[0]
    page = client.get(reverse("admin:labelling_galaxy_change", args=[galaxy.pk]))
    assert set(page.context["adminform"].form.fields) == {"ra_deg", "dec_deg", "redshift", "columns"}


@pytest.mark.parametrize("columns", ["[]", "3", '{"a": 1}', '{"a": NaN}', '{"a": "\\u0000"}', '{"\\u0000": ""}'])
def test_a_galaxys_columns_stay_what_a_catalogue_can_write(
    client: Client, cleo: User, project: Project, columns: str
) -> None:
    client.force_login(cleo)
    address = reverse("admin:labelling_galaxy_change", args=[Galaxy.objects.all()[0].pk])
    assert client.post(address, {"columns": columns}).status_code == 200
    assert client.post(address, {"columns": '{"mag": "17.2"}'}).status_code == 302
    assert Galaxy.objects.filter(columns={"mag": "17.2"}).count() == 1


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({"question_weights": '{"bar": 0.5}'}, True),
        ({"question_weights": '{"spiral": 1}'}, False),
        ({"question_weights": '{"bar": "much"}'}, False),
        ({"question_weights": '{"bar": NaN}'}, False),
        ({"question_weights": '{"bar": -1}'}, False),
        ({"question_weights": "[]"}, False),
        ({"pool_uniform_share": "0.7", "holdout_uniform_share": "0.7"}, False),
    ],
)
def test_a_projects_rules_are_checked_before_a_refill_reads_them(
    client: Client, cleo: User, project: Project, changes: dict[str, str], is_taken: bool
) -> None:
    client.force_login(cleo)
    address = reverse("admin:labelling_project_change", args=[project.pk])
    form = client.get(address).context["adminform"].form
    filled = {name: form.initial[name] for name in form.fields if form.initial[name] not in (None, {})}
    assert (client.post(address, {**filled, **changes}).status_code == 302) is is_taken


def test_who_leaves_takes_no_vote_along(client: Client, cleo: User, ada: User, project: Project) -> None:
    """A user goes, for good; the volunteer and what they said stay."""
    Volunteer.objects.update(user=ada)
    client.force_login(cleo)
    assert client.post(reverse("admin:auth_user_delete", args=[ada.pk]), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=ada.pk).exists()
    assert Classification.objects.count() == Volunteer.objects.filter(user=None).count() == 1
    client.post(reverse("admin:auth_user_delete", args=[project.owner_id]), {"post": "yes"})
    assert User.objects.filter(pk=project.owner_id).exists(), "who owns a project stays"


def test_the_action_retires_broken_images_through_the_verb(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    pks = list(Subject.objects.values_list("pk", flat=True))
    client.post(
        reverse("admin:labelling_subject_changelist"), {"action": "retire_as_broken", "_selected_action": pks[:1]}
    )
    assert dict(Subject.objects.values_list("pk", "retired_reason")) == {pks[0]: "broken", pks[1]: ""}
    assert Subject.objects.get(pk=pks[0]).retired_at is not None


def test_the_action_cancels_jobs_through_the_verb(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    job = Job.objects.get()
    client.post(reverse("admin:morphology_job_changelist"), {"action": "cancel_jobs", "_selected_action": [job.pk]})
    job.refresh_from_db()
    assert job.state == "cancelled" and job.cycle is not None and job.cycle.finished_at is not None


def test_the_action_rolls_back_through_the_verb(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    model = ModelVersion.objects.get()
    bulk = {"action": "roll_back_to_it", "_selected_action": [model.pk]}
    client.post(reverse("admin:morphology_modelversion_changelist"), bulk)
    model.refresh_from_db()
    assert model.state == "live"


def test_whoever_may_only_look_runs_no_action(client: Client, ada: User, project: Project) -> None:
    ada.is_staff = True
    ada.save()
    ada.user_permissions.add(Permission.objects.get(codename="view_subject"))
    client.force_login(ada)
    pk = Subject.objects.all()[0].pk
    page = reverse("admin:labelling_subject_changelist")
    assert client.get(page).status_code == 200
    client.post(page, {"action": "retire_as_broken", "_selected_action": [pk]})
    assert Subject.objects.get(pk=pk).retired_at is None


def test_a_volunteers_key_is_not_shown(client: Client, cleo: User, project: Project) -> None:
    client.force_login(cleo)
    volunteer = Assignment.objects.all()[0].volunteer
    page = client.get(reverse("admin:labelling_volunteer_change", args=[volunteer.pk])).content.decode()
    key: UUID = volunteer.key
    assert str(key) not in page and key.hex not in page


@pytest.mark.parametrize("query", ["side=%00", "side__exact=a%00b", "q=%00"])
def test_a_nul_in_the_address_is_a_400(client: Client, cleo: User, query: str) -> None:
    client.force_login(cleo)
    assert client.get(f"{reverse('admin:labelling_galaxy_changelist')}?{query}").status_code == 400
    assert client.get(f"/?{query}").status_code == 400
