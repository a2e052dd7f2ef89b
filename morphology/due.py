"""When a project's next cycle is due: enough new votes, or a new encoder."""

from labelling.models import Project
from morphology.enqueue import count_classifications, start_cycle
from morphology.errors import CycleRunning
from morphology.models import Cycle, Representation


def start_due_cycles() -> list[Cycle]:
    """Start a cycle in each live project that has had enough votes, or a new encoder, since its last one started."""
    started = []
    for project in Project.objects.filter(is_live=True):
        last = project.cycles.order_by("-number").first()
        if last is not None and last.finished_at is None:
            continue
        reason = _why_due(project, last)
        if not reason:
            continue
        try:
            started.append(start_cycle(project, reason, number=last.number + 1 if last else 1))
        except CycleRunning:
            continue  # another reconciler was quicker, and its cycle may have ended by now
    return started


def _why_due(project: Project, last: Cycle | None) -> str:
    """Why a cycle is due after the last one; empty when none is."""
    n_new = count_classifications(project) - (last.n_classifications if last else 0)
    if n_new >= project.votes_per_cycle:
        return f"{n_new} new classifications"
    made = Representation.objects.filter(name=project.encoder)
    is_new = last is not None and made.filter(created_at__gt=last.started_at).exists()
    return f"encoder {project.encoder} is new" if is_new else ""
