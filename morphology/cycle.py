"""One turn of the loop, a function a step, in order: freeze, embed, train, predict, gate, refill, report.

Each step is a job: it takes the claimed job, writes its results in fenced transactions, and answers with one line for
the job's row. Done twice, a step finds what the first attempt left and goes on from there. When a step's job ends
well, the next one's row is written in the same transaction.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
from django.db import transaction
from django.db.models import Max

from labelling import files
from labelling.models import Galaxy, Project
from ml import checkpoints
from ml.training import FittedHead, HeadRecipe
from morphology import embeddings, predictions, reports, segments, training_set, tuning, versions
from morphology import gate as gates
from morphology.embeddings import encoder_named
from morphology.enqueue import HandOn, cancel, end_cycle, nudge, start_cycle
from morphology.errors import CycleRunning
from morphology.models import Cycle, Job, ModelVersion, Segment
from morphology.refill import refill_at_random, refill_by_information
from morphology.retiring import retire_by_information
from morphology.running import Listener, Work, claim, perform
from morphology.segments import Ids

Step = Callable[[Work], str]

RECIPE = HeadRecipe()
N_COMPONENT_GALAXIES = 2000
"""Galaxies of the pool, labelled or not, whose embeddings give the head its components."""


def freeze(work: Work) -> str:
    """Freeze the votes of now as this cycle's training set; too few end the cycle, which is no failure."""
    cycle = _cycle_of(work)
    if cycle.training_set is None:
        n_galaxies, n_needed = training_set.n_with_votes(cycle.project), 2 * RECIPE.n_members
        if n_galaxies < n_needed:
            return _end_early(work, f"{n_galaxies} galaxies of the pool have votes; {n_needed} are needed to learn")
        with transaction.atomic():
            work.fence()
            cycle.training_set = training_set.freeze(cycle.project)
            cycle.save(update_fields=["training_set"])
    frozen = cycle.training_set
    work.progress(frozen.n_galaxies, frozen.n_galaxies)
    return f"{frozen.n_galaxies} galaxies, {frozen.n_votes} votes"


def embed(work: Work) -> str:
    """Embed the galaxies that have no embedding by the project's encoder, or by the live version's."""
    project = _cycle_of(work).project
    live = versions.live_version(project)
    names = {project.encoder, live.encoder if live else project.encoder}
    n_embedded = sum(embeddings.embed_missing(project, encoder_named(name), work) for name in sorted(names))
    return f"{n_embedded} galaxies by {project.encoder}" if n_embedded else "nothing new to embed"


def train(work: Work) -> str:
    """Fit a head to the frozen votes: a candidate version."""
    cycle = _cycle_of(work)
    assert cycle.training_set is not None, f"{work.job} comes before freezing"
    if cycle.model_version is not None:
        work.progress(0, 0)
        return f"model {cycle.model_version.number} was trained before"
    fitted = _fit(cycle, work)
    encoder = encoder_named(cycle.project.encoder).spec
    notes = {"project": cycle.project.slug, "seed": cycle.seed, "report": asdict(fitted.report)}
    checkpoint = files.put(checkpoints.save(fitted.head, encoder_hash=encoder.hash, notes=notes))
    with transaction.atomic():
        work.fence()
        last = cycle.project.model_versions.aggregate(last=Max("number"))["last"] or 0
        cycle.model_version = cycle.project.model_versions.create(
            number=last + 1,
            training_set=cycle.training_set,
            schema_hash=fitted.head.tree.hash,
            encoder=cycle.project.encoder,
            encoder_hash=encoder.hash,
            checkpoint_sha256=checkpoint,
            n_samples=cycle.project.n_samples,
            seed=cycle.seed,
            metrics=asdict(fitted.report),
        )
        cycle.save(update_fields=["model_version"])
    report = fitted.report
    work.progress(report.n_epochs, report.n_epochs)
    return f"{report.n_epochs} epochs, out-of-fold loss {report.out_of_fold_loss:.3f} (blind {report.blind_loss:.3f})"


def predict(work: Work) -> str:
    """Summarise every galaxy and score the open pool; then the candidate covers all, and is ready."""
    candidate = _candidate_of(work)
    embeddings.embed_missing(candidate.project, encoder_named(candidate.encoder), work)  # came since that step
    n_summarised = predictions.summarise(candidate, work)
    n_scored = predictions.score(candidate, work)
    if candidate.state == ModelVersion.State.CANDIDATE:
        with transaction.atomic():
            work.fence()
            versions.make_ready(candidate)
    return f"{n_summarised} galaxies summarised, {n_scored} scored"


def gate(work: Work) -> str:
    """Let the candidate go live unless it is clearly worse than the version that serves."""
    candidate = _candidate_of(work)
    if candidate.state != ModelVersion.State.READY:
        work.progress(0, 0)
        return f"{candidate.get_state_display()} before"
    verdict = gates.judge(candidate)
    with transaction.atomic():
        work.fence()
        decide = versions.refuse if verdict.is_refused else versions.go_live
        decide(candidate, verdict.to_json())
        if verdict.is_refused:
            _go_back_to_the_live_encoder(candidate)
    work.progress(1, 1)
    return f"{verdict.verdict}: {verdict.why}"


def _go_back_to_the_live_encoder(refused: ModelVersion) -> None:
    """A representation that did no good is left, unless the project has taken another one meanwhile."""
    live = versions.live_version(refused.project)
    if live is not None:
        Project.objects.filter(pk=refused.project_id, encoder=refused.encoder).update(encoder=live.encoder)


def refill(work: Work) -> str:
    """Draw new priorities for the open subjects of the pool, by the project's rule and the live version."""
    project, cycle = work.job.project, work.job.cycle
    assert project is not None
    seed = cycle.seed if cycle is not None else int(work.job.arguments["seed"])
    is_random = project.acquisition == Project.Acquisition.RANDOM
    live = versions.live_version(project)
    if live is None:
        if is_random:
            return f"{refill_at_random(project, seed, work)} subjects in random order"
        work.progress(0, 0)
        return "no model is live: the queue keeps its fixed random order"
    is_as_wanted = predictions.are_as_wanted(live)  # the project's rules may have changed since
    if cycle is None or cycle.model_version_id != live.pk or not is_as_wanted:
        with transaction.atomic():
            work.fence()
            live.scores.all().delete()  # made for an earlier refill: votes have come since
        predictions.score(live, work)
    n_retired = retire_by_information(live, work)
    told = f", {n_retired} retired with nothing more to learn" if n_retired else ""
    if is_random:
        return f"{refill_at_random(project, seed, work)} subjects in random order{told}"
    return f"{refill_by_information(live, seed, work)} subjects by model {live.number}{told}"


def report(work: Work) -> str:
    """Say what the candidate is worth, by the report half of the hold-out, whether it serves or was refused."""
    candidate = _candidate_of(work)
    told = reports.report(candidate, work)
    with transaction.atomic():
        work.fence()
        ModelVersion.objects.filter(pk=candidate.pk).update(report=told)
    if "loss" not in told:
        return f"{told['n_galaxies']} galaxies of the report half have votes; {told['n_needed']} are needed"
    return f"loss {told['loss'][0]:.2f} nats on {told['n_galaxies']} galaxies (blind {told['blind_loss']:.2f})"


STEPS: dict[str, Step] = {
    Job.Kind.FREEZE: freeze,
    Job.Kind.EMBED: embed,
    Job.Kind.TRAIN: train,
    Job.Kind.PREDICT: predict,
    Job.Kind.GATE: gate,
    Job.Kind.REFILL: refill,
    Job.Kind.REPORT: report,
}


def advance(job: Job, hand_on: HandOn = nudge) -> None:
    """After a step: write the next step's job and hand it on, or end the cycle after the last."""
    cycle = Cycle.objects.select_related("model_version").filter(jobs=job, finished_at=None).first()
    if cycle is None:
        return
    order = list(STEPS)
    place = order.index(job.kind) + 1
    if place == len(order):
        end_cycle(cycle.pk, outcome_of(cycle))
    else:
        hand_on(Job.objects.create(kind=order[place], project=job.project, cycle=cycle, requested_by=job.requested_by))


def outcome_of(cycle: Cycle) -> str:
    """What became of the cycle's candidate, in a line."""
    version = cycle.model_version
    if version is None:
        return "no model"
    verdict = version.gate.get("verdict", "")
    if version.state == ModelVersion.State.REFUSED:
        return f"model {version.number} refused by the gate: {version.gate.get('why', '')}"
    return f"model {version.number} went live ({verdict})"


def run_cycle(
    project: Project, reason: str, *, worker: str, seed: int | None = None, listener: Listener | None = None
) -> Cycle:
    """Run a whole cycle here and now, without a broker; or go on with one whose worker is gone.

    Raises:
        CycleRunning: another worker is at it.
    """
    in_hand: list[Work] = []

    def take(job: Job) -> None:
        """Claim it before anybody else can see it."""
        work = claim(job.pk, worker, listener)
        if work is not None:
            in_hand.append(work)

    try:
        cycle = start_cycle(project, reason, seed=seed, hand_on=take)
    except CycleRunning:
        for job in Job.objects.claimable().filter(cycle__project=project, cycle__finished_at=None):
            take(job)
        if not in_hand:
            raise
        cycle = _cycle_of(in_hand[0])
    while in_hand:
        work = in_hand.pop()
        try:
            perform(work, STEPS[work.job.kind], partial(advance, hand_on=take))
        except KeyboardInterrupt:
            cancel(work.job)
            raise
    cycle.refresh_from_db()
    return cycle


def _fit(cycle: Cycle, work: Work) -> FittedHead:
    project, frozen = cycle.project, cycle.training_set
    assert frozen is not None
    votes = training_set.load(frozen)
    encoder_hash = encoder_named(project.encoder).spec.hash
    return tuning.fit_serving_head(
        project.encoder,
        project.tree,
        votes,
        embeddings.load(encoder_hash, votes.galaxy_ids),
        recipe=RECIPE,
        seed=cycle.seed,
        pool=embeddings.load(encoder_hash, _some_of_the_pool(project, encoder_hash)),
        progress=work.progress,
    )


def _some_of_the_pool(project: Project, encoder_hash: str) -> Ids:
    """Embedded galaxies from the head of the pool's fixed random order, ascending by id."""
    pool = project.subjects.filter(side=Galaxy.Side.POOL).order_by("uniform_rank")
    ids = np.array(list(pool.values_list("galaxy_id", flat=True)[:N_COMPONENT_GALAXIES]), dtype=np.int64)
    lacking = segments.galaxies_without(project, Segment.Kind.EMBEDDINGS, encoder_hash=encoder_hash)
    return np.setdiff1d(ids, lacking)


def _cycle_of(work: Work) -> Cycle:
    assert work.job.cycle is not None, f"{work.job} is a step without a cycle"
    return work.job.cycle


def _candidate_of(work: Work) -> ModelVersion:
    candidate = _cycle_of(work).model_version
    assert candidate is not None, f"{work.job} comes before training"
    return candidate


def _end_early(work: Work, why: str) -> str:
    cycle = _cycle_of(work)
    with transaction.atomic():
        work.fence()
        end_cycle(cycle.pk, f"nothing to learn from yet: {why}")
    work.progress(0, 0)
    return why
