"""`manage.py demo`: accounts that can sign in, and galaxies that are there when the page opens."""

import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from PIL import Image

from labelling.models import Project
from morphology.management.commands import demo
from morphology.rehearsal.errors import RehearsalError


@pytest.mark.django_db
def test_the_printed_logins_are_the_same_at_the_next_start_and_sign_in(client: Client) -> None:
    first = [demo.login_of(name) for name in demo.PEOPLE]
    assert first == [demo.login_of(name) for name in demo.PEOPLE]
    assert len({login.password for login in first}) == 3
    for login in first:
        assert client.login(username=login.name, password=login.password)
    assert [user.username for user in User.objects.filter(is_staff=True)] == ["cleo"]


@pytest.mark.django_db
def test_a_password_that_was_changed_is_not_printed() -> None:
    demo.login_of("ada")
    ada = User.objects.get(username="ada")
    ada.set_password("her own choice")
    ada.save()
    assert demo.login_of("ada").password == "(changed since)"


@pytest.mark.django_db
def test_simulated_galaxies_are_rendered_once_marked_and_live() -> None:
    demo.login_of("ben")
    project = demo.simulate(12)
    assert project.subjects.count() == 12
    assert project.subjects.filter(galaxy__is_simulated=False).count() == 0
    assert Project.objects.get(pk=project.pk).is_live
    assert project.practices.count() == 24
    assert demo.simulate(99).subjects.count() == 12


@pytest.mark.django_db
def test_a_folder_of_ones_own_becomes_a_live_project_and_stays_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "My Survey"
    folder.mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "one.png")
    (folder / "manifest.csv").write_text("id,file\none,one.png\ntwo,missing.png\n", encoding="utf-8")
    demo.login_of("ben")
    for _ in range(2):
        project = demo.bring_in(folder)
        assert (project.slug, project.title, project.subjects.count()) == ("my-survey", "My Survey", 1)
    assert Project.objects.get(pk=project.pk).is_live
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.csv", "one.png"]


@pytest.mark.django_db
def test_a_start_that_was_cut_short_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    demo.login_of("ben")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(demo, "add_galaxies", cut_short)
        demo.simulate(3)
    assert demo.simulate(3).subjects.count() == 3


@pytest.mark.django_db
def test_a_project_that_was_paused_stays_so_and_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "manifest.csv").write_text("id,file\n", encoding="utf-8")
    demo.login_of("ben")
    for start in (partial(demo.simulate, 3), partial(demo.bring_in, folder)):
        project = start()
        assert project.is_live and project.votes_per_cycle == demo.RULES["votes_per_cycle"]
        assert "paused" not in capsys.readouterr().err
        Project.objects.filter(pk=project.pk).update(is_live=False)
        assert not start().is_live
        assert not Project.objects.get(pk=project.pk).is_live
        assert f"'{project.slug}' is paused" in capsys.readouterr().err


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "slug"), [("new", "my-galaxies"), ("星", "my-galaxies"), ("s" * 250, "s" * 80)])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str, slug: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "manifest.csv").write_text("id,file\n", encoding="utf-8")
    demo.login_of("ben")
    assert demo.bring_in(folder).slug == slug


def test_a_folder_without_a_manifest_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"{tmp_path}/manifest.csv is missing"):
        call_command("demo", data=tmp_path)


def test_volunteers_that_the_site_refuses_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, stop = threading.Event(), threading.Event()

    def refused(*args: object, **options: object) -> None:
        asked.set()
        raise RehearsalError("GET /: 500")

    monkeypatch.setattr(demo, "vote_forever", refused)
    monkeypatch.setattr(demo, "read_truths", lambda folder: {})
    monkeypatch.setattr(demo, "RETURN_SECONDS", 0.01)
    demo.let_volunteers_vote("http://nowhere", stop)
    assert asked.wait(5)
    while "go away for a while: GET /: 500" not in capsys.readouterr().err:
        pass
    stop.set()
