"""A model version's page: drawn from its report alone, in every state that a report can be in."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.models import Project
from morphology.models import ModelVersion
from morphology.pages import figures, plots
from tests.morphology.pages.conftest import make_model

pytestmark = pytest.mark.django_db


def make_report(project: Project, **changes: Any) -> dict[str, Any]:
    """A report as `morphology.reports` writes it, of the first question alone."""
    question = project.tree.questions[0]
    n_answers = len(question.answers)
    said = {
        "n_galaxies": 142,
        "n_needed": 30,
        "n_votes": 5680,
        "loss": [5.1, 4.8, 5.4],
        "blind_loss": 6.2,
        "gain": {"mean": -1.1, "standard_error": 0.1},
        "coverage": {"50": [0.52, 0.49, 0.55], "80": [0.81, 0.78, 0.84], "90": [0.91, 0.89, 0.93]},
        "volunteers": 9.6,
        "questions": [
            {
                "key": question.key,
                "n_galaxies": 142,
                "n_votes": 5680,
                "loss": [2.1, 2.0, 2.2],
                "absolute_error": [0.09, 0.08, 0.1],
                "root_mean_square": [0.12, 0.11, 0.13],
                "volunteers": [9.6, 8.2, 1000.0],
                "coverage": {"50": [0.6, 0.57, 0.63], "80": [0.86, 0.84, 0.88], "90": [0.91, 0.89, 0.93]},
                "pit": [0.1] * 10,
                "ece": [0.02, 0.01, 0.03],
                "ece_by_chance": 0.015,
                "reliability": [[0.1, 0.12, 0.08, 0.16], [0.9, 0.88, 0.84, 0.92]],
                "sure_volunteers": {"share": [0.99, 0.96, 1.0], "n_galaxies": 112},
                "sure_model": {"share": None, "n_galaxies": 0},
                "confusion": [[100, 2] + [0] * (n_answers - 2)] + [[0] * n_answers] * (n_answers - 1),
            }
        ],
        "too_few": {project.tree.questions[-1].key: 7},
        "drift": {
            "chosen": [0.71, 0.66, 0.76],
            "population": [0.52, 0.47, 0.57],
            "outside": [0.012, 0.008, 0.02],
            "has_drifted": False,
            "n_chosen": 200,
            "n_by_lot": 60,
            "n_pool": 900,
        },
        "learning_curve": make_curve(),
    }
    return said | changes


def make_curve(saved: tuple[float, float, float] = (0.3, 0.1, 0.45), difference: float = -0.1) -> dict[str, Any]:
    def point(n: int, loss: float) -> dict[str, Any]:
        return {
            "n_galaxies": n,
            "n_votes": 10.0 * n,
            "loss": loss,
            "against_now": [loss - 5.1, loss - 5.2, loss - 5.0],
        }

    return {
        "model": 4,
        "n_random": 80,
        "n_report": 142,
        "random": [point(20, 6.0), point(40, 5.7), point(80, 5.4)],
        "alike": point(80, 5.3) | {"difference": difference, "standard_error": 0.02},
        "now": point(400, 5.1),
        "saving": {"worth_votes": [5700.0, 4400.0, 7300.0], "saved": list(saved), "reach": 7.1},
    }


def page(client: Client, version: ModelVersion) -> str:
    client.force_login(version.project.owner)
    return client.get(f"/research/{version.project.slug}/models/{version.number}/").content.decode()


def test_it_says_and_draws_what_the_report_holds(client: Client, project: Project) -> None:
    make_model(project, 3, "retired", report=make_report(project, gain={"mean": -0.4, "standard_error": 0.1}))
    got = page(client, make_model(project, 4, "live", report=make_report(project)))
    for text in ("1.10", "9.6", "5,680 votes on 142 galaxies", "more careful than it need be", "8.2 or more"):
        assert text in got, text
    answers = project.tree.questions[0].answers
    assert f"Of 102 that volunteers call “{answers[0].text}”, it calls 2 “{answers[1].text}”." in got
    assert f"{project.tree.questions[-1].text} (7)" in got
    assert "30\u00a0% of the votes saved" in got and "7.1 times its own size" in got
    assert "No sign of it" in got and "none seen" in got
    assert got.count("<svg") >= 6 and got.count("<title") >= 4
    assert 'rel="prev"' in got and 'rel="next"' not in got


def test_every_figure_of_a_question_stands_there_with_its_interval(client: Client, project: Project) -> None:
    got = page(client, make_model(project, 4, "live", report=make_report(project)))
    said = " ".join(re.sub(r"<[^>]+>", " ", got).split())
    assert "Loss of its votes 2.10 2.00 to 2.20 nats a galaxy" in said
    assert "Error of a vote fraction 9.0 % 8.0 % to 10.0 %" in said
    assert "Calibration error 2.0 % 1.0 % to 3.0 %; 1.5 % by chance" in said
    assert "Worth, as volunteers 9.6 8.2 or more" in said


def test_every_plot_stays_on_its_canvas(client: Client, project: Project) -> None:
    for number in range(1, 101):
        gain = {"mean": -number / 50, "standard_error": 0.1}
        make_model(project, number, "refused" if number % 9 == 0 else "retired", report=make_report(project, gain=gain))
    got = page(client, project.model_versions.get(number=50))
    assert "100 model versions" in got
    for drawn in re.findall(r'<svg class="plot[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"(.*?)</svg>', got, re.DOTALL):
        width, height = float(drawn[0]), float(drawn[1])
        assert all(0 <= float(x) <= width for x in re.findall(r'\b(?:x|cx|x1|x2)="([-\d.]+)"', drawn[2]))
        assert all(0 <= float(y) <= height for y in re.findall(r'\b(?:y|cy|y1|y2)="([-\d.]+)"', drawn[2]))


def test_a_version_without_a_report_says_so(client: Client, project: Project) -> None:
    assert "has not been held to the hold-out" in page(client, make_model(project, 1, "live"))


def test_too_few_held_out_votes_give_no_figure(client: Client, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(holdout_uniform_share=0)
    said = {"n_galaxies": 12, "n_needed": 30, "drift": {}}
    metrics = {"out_of_fold_loss": 5.25, "blind_loss": 6.125}
    project.refresh_from_db()
    got = page(client, make_model(project, 1, "live", report=said, metrics=metrics))
    assert "12 of the hold-out’s report galaxies have votes; from 30 on" in got
    assert "this project’s share for it is 0" in got and "5.25 nats" in got
    assert "<svg" not in got


def test_drift_warns(client: Client, project: Project) -> None:
    drift = make_report(project)["drift"] | {"has_drifted": True}
    assert "perhaps a new survey has arrived" in page(
        client, make_model(project, 1, "live", report=make_report(project, drift=drift))
    )


@pytest.mark.parametrize(
    ("saved", "difference", "text"),
    [
        ((0.1, -0.2, 0.3), -0.1, "It cannot be told yet"),
        ((-0.4, -0.7, -0.1), 0.1, "Choosing has cost votes here"),
        ((-0.4, -0.7, -0.1), 0.0, "It cannot be told yet"),  # far beyond the share, and as good at equal votes
    ],
)
def test_what_choosing_has_saved_is_said_honestly(
    client: Client, project: Project, saved: tuple[float, float, float], difference: float, text: str
) -> None:
    report = make_report(project, learning_curve=make_curve(saved, difference))
    assert text in page(client, make_model(project, 1, "live", report=report))


def test_a_curve_that_is_not_there_says_why(client: Client, project: Project) -> None:
    curve = {"note": "Not enough yet: the random share has 9 galaxies with votes; 50 are needed.", "n_random": 9}
    assert curve["note"] in page(
        client, make_model(project, 1, "live", report=make_report(project, learning_curve=curve))
    )


def test_the_report_is_there_for_a_notebook(client: Client, project: Project) -> None:
    make_model(project, 2, "live", report=make_report(project))
    client.force_login(project.owner)
    got = client.get(f"/research/{project.slug}/models/2/report.json").json()
    assert got["report"]["volunteers"] == 9.6 and got["model"] == 2


@pytest.mark.parametrize("path", ["models/1/", "models/1/report.json"])
def test_a_stranger_reads_nothing(client: Client, project: Project, ada: User, path: str) -> None:
    make_model(project, 1, "live", report=make_report(project))
    assert client.get(f"/research/{project.slug}/{path}").status_code == 302
    client.force_login(ada)
    assert client.get(f"/research/{project.slug}/{path}").status_code == 404


def test_a_model_that_is_not_there_is_not_found(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    assert client.get(f"/research/{project.slug}/models/9/").status_code == 404


def test_the_state_page_gives_the_live_model_s_figures(client: Client, project: Project) -> None:
    make_model(project, 4, "live", report=make_report(project))
    client.force_login(project.owner)
    got = client.get(f"/research/{project.slug}/").content.decode()
    assert "What model 4 knows of itself" in got and f"/research/{project.slug}/models/4/" in got
    assert "Better than blind" in got


def test_one_level_that_strays_is_chance() -> None:
    strays = {"50": [0.6, 0.55, 0.65], "80": [0.81, 0.78, 0.84], "90": None}
    assert "as sure as it should be" in figures.verdict(strays)
    assert "surer" in figures.verdict({"50": [0.4, 0.3, 0.45], "80": [0.7, 0.6, 0.75], "90": [0.9, 0.85, 0.95]})


def test_a_scale_holds_values_beyond_its_ends() -> None:
    scale = plots.Scale(1, 100, 0, 10, is_log=True)
    assert [scale(value) for value in (0.1, 1, 10, 1e6)] == [0, 0, 5, 10]
