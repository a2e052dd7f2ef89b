"""The jobs that look at all of a project's votes, or a volunteer's: weighing them, and counting them anew."""

from labelling import setting_aside, weighting
from labelling.models import Project
from morphology.enqueue import enqueue
from morphology.models import Job
from morphology.running import Work


def weigh(work: Work) -> str:
    """Estimate the skill of a project's volunteers and the weighted counts of its subjects; done twice, the same."""
    project = work.job.project
    assert project is not None, f"{work.job} weighs no project's votes"
    done = weighting.weigh(project, progress=work.progress, fence=work.fence)
    return f"{done.n_classifications} classifications by {done.n_volunteers} volunteers on {done.n_subjects} galaxies"


def retally(work: Work) -> str:
    """Count the subjects of a volunteer (argument volunteer) anew, going on where the attempt before had come to."""
    job = work.job

    def fence(subject_id: int) -> None:
        work.fence()
        job.arguments = {**job.arguments, "after": subject_id}
        job.save(update_fields=["arguments"])

    volunteer_id, after = int(job.arguments["volunteer"]), int(job.arguments.get("after", 0))
    n_changed = setting_aside.retally(volunteer_id, after=after, fence=fence, progress=work.progress)
    return f"the counts of {n_changed} galaxies changed"


def start_due_weighings() -> list[Job]:
    """Ask for a weighing in each project that has started a cycle since the last one was asked for."""
    asked = []
    for project in Project.objects.filter(is_live=True, tree_version__isnull=False):
        last = project.cycles.order_by("-number").first()
        if last is None or project.jobs.filter(kind=Job.Kind.WEIGH, created_at__gte=last.started_at).exists():
            continue
        asked.append(enqueue(Job.Kind.WEIGH, project=project))
    return asked
