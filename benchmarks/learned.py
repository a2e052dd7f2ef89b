"""What the engine learns and knows of itself, in words and tables: sections of docs/engine.md."""

from collections.abc import Iterable

from benchmarks.markdown import Figures, percent, table


def representation(figures: Figures) -> str:
    """Accuracy by labels, a row a representation; and mergers."""
    labels = list(figures["frozen"]["accuracy"])
    rows = []
    titles = {name: title for name, title in ROWS_OF_REPRESENTATION.items() if name in figures}
    for name, title in titles.items():
        row = figures[name]
        n_draws = min(row["n_seeds"].values())
        draws = "" if n_draws == len(figures["seeds"]) else f" ({n_draws} of the draws)"
        rows.append([f"{title}{draws}", *(_accuracy_of(row, n) for n in labels)])
    rows.append(["to reach, frozen", ".78", ".81", ".83", ".84", ".85"])
    rows.append(["to reach, fine-tuned", "", "", ".86", "", ".88"])
    loss = [[title, *(_loss_of_votes(figures[name], n) for n in labels)] for name, title in titles.items()]
    merged = figures.get("merger_task")
    mergers = "" if merged is None else mergers_said(merged)
    return f"""## What the representation is worth
Real SDSS galaxies of five clean classes; a label is ten votes, each right nine times in ten. 2,000 test galaxies by a
hash of their id, scored once; accuracy ± deviation over draws of labels. Nothing published is taken in the same way;
the nearest is Zoobot's: 80 labelled rings with its representation do what 3,500 do with one from everyday pictures.

Fine-tuning reaches its marks, but adds next to nothing to the shipped encoder: {_added(figures, "deep")}, and the
loss of votes is no better. (Under the head of before, which knew of no slips, it added .007 to .009; rates and steps
were chosen under that one.) Beside the labels it was also shown pictures without votes, whose answers an average of the
network foretold (FixMatch): on galaxies of the pool that was no better at three times the cost, and is gone. Adapting
to pictures alone was to add two hundredths, and does not: {_added(figures, "adapted")}. Tried: contrast and
self-distillation, with and without rotations, more steps, and only the last layers moving. A small network of fresh
weights (64 px, 1,000 steps) comes to {_accuracy_of(figures["scratch"], "2000")} with 2,000 labels; the shipped one to
{_accuracy_of(figures["frozen"], "50")} with 50.{_head_of_before(figures)}

![accuracy and loss of votes by labels](figures/representation.svg)

{table(["accuracy at labels", *labels], rows)}

{table(["loss of votes, nats a galaxy", *labels], loss)}

{mergers}"""


def _added(figures: Figures, name: str) -> str:
    """By what a row's accuracy differs from the shipped encoder's, over all numbers of labels."""
    row, frozen = figures[name]["accuracy"], figures["frozen"]["accuracy"]
    gains = [row[n] - frozen[n] for n in row]
    return f"{min(gains):+.3f} to {max(gains):+.3f} of accuracy"


def _head_of_before(figures: Figures) -> str:
    """One draw from scratch was taken before the head knew of slips; five were taken since."""
    if figures["scratch"]["n_seeds"]["2000"] > 1:
        return ""
    return """ The
row *from scratch* is of one draw, with the head of before, which takes some .18 nats more of the loss of votes: it
compares by accuracy."""


def _accuracy_of(row: Figures, n_labels: str) -> str:
    """With its deviation over draws, where there are some; nothing where it was not measured."""
    if n_labels not in row["accuracy"]:
        return ""
    spread = f" ± {row['accuracy_sd'][n_labels]:.3f}" if row["n_seeds"][n_labels] > 1 else ""
    return f"{row['accuracy'][n_labels]:.3f}{spread}"


def _loss_of_votes(row: Figures, n_labels: str) -> str:
    return f"{row['dm_loss'][n_labels]:.2f}" if n_labels in row["dm_loss"] else ""


ROWS_OF_REPRESENTATION = {
    "scratch": "from scratch, end to end",
    "floor": "the encoder that shipped before",
    "frozen": "**voorwerp-small, as it ships**",
    "adapted": "adapted to the pool's pictures",
    "deep": "fine-tuned on the labels",
}


def mergers_said(figures: Figures) -> str:
    """Area under the curve with few mergers labelled."""
    ours, theirs = figures["shipped"], figures["colour_and_size"]
    said = "; ".join(
        f"{n} mergers labelled: {ours[n]:.3f} ± {figures['shipped_sd'][n]:.3f}, colour and size alone {theirs[n]:.3f}"
        for n in ours
    )
    return f"Mergers among 386 SDSS galaxies, area under the ROC curve. {said}."


def acquisition(figures: Figures) -> str:
    """Savings and paired gains of every strategy."""
    parts = [
        """## What choosing galaxies saves
The same galaxies and labels, bought 50 at a time after 50 random ones; every strategy against random on the same seed.
*Saved*: how many fewer labels it takes to what random reaches at the end (none: it never does). *Gain*: mean over the
curve, paired by seed, ± standard error. To reach: 35 % in accuracy, 20 % in loss, 1.5 times the cigars. Published: 35
to 60 % fewer labels for BALD on Galaxy Zoo 2 (Walmsley et al. 2020).

On the shipped encoder the default, margin, reaches all three marks in the rare mix, and in the natural one that in
accuracy alone: there it finds 1.27 times the cigars, and votes are foretold as after random labels, no better. On the
fine-tuned encoder it reaches the mark in accuracy in the natural mix only, and neither of the others. Tree-BALD and
EPIG find more cigars and reach the mark in accuracy in both mixes; in the loss of votes EPIG reaches it in the rare
mix, tree-BALD in none. Margin was chosen on development galaxies (one seed a mix), where its accuracy and its loss
were the best; EPIG of this power was tried there only after it had been measured here, and was better in class NLL and
cigars alone.

Why chosen galaxies foretold votes worse than random ones, by up to .09 nats, was sought on the same development
galaxies. A third of it was precision; the rest was that fractions had no ceiling: people slip, and a linear head that
learns from close calls promised what no crowd keeps. A lapse and a temperature a question, found on galaxies left out,
took that away for draws that are not too hard, and gave more to random labels than any choice does: 175 at most now
foretell votes as well as 800 did. All figures here are against that better random. What did no good: finding
precision, lapse and temperature on the uniform share alone (.05 to .13 nats worse than on everything), weighting by
how often the pool has a galaxy's entropy (now .02 better, now .07 worse), products of margin and tree-BALD (in loss
between the two), harder draws (margin with power 4: .087 worse), four of every fifty at random with the margin (.02 to
.03 worse), and spreading a batch out (.04 to .05 worse).

![learning curves](figures/acquisition.svg)"""
    ]
    for kind in ("quick", "deep"):
        for mix, said in figures.get(kind, {}).items():
            if mix == "cold_start":
                continue
            rows = [
                [
                    name,
                    percent(of["saving_accuracy"]),
                    percent(of["saving_nll"]),
                    percent(of["saving_loss"]),
                    gain(of, "accuracy"),
                    gain(of, "nll"),
                    gain(of, "loss"),
                    f"{of['rare_ratio']:.2f}",
                ]
                for name, of in said.items()
                if name != "random"
            ]
            head = [
                f"{kind}, {mix} mix",
                "saved, accuracy",
                "saved, class NLL",
                "saved, loss of votes",
                "gain, accuracy",
                "gain, class NLL (nats)",
                "gain, loss of votes (nats)",
                "cigars found",
            ]
            parts.append(table(head, rows))
    return "\n\n".join([*parts, _beginning(figures["quick"]["cold_start"])])


def _beginning(figures: Figures) -> str:
    """Accuracy after the first labels, typical galaxies against random ones."""
    rows = [
        [how, *(f"{of[how][0]:.3f} ± {of[how][1]:.3f}" for of in figures.values())] for how in ("typical", "random")
    ]
    return f"""Before there are scores: accuracy when the first labels are of *typical* galaxies, the most central
ones of clusters (`ml/batches.py`), or of random ones, ± deviation over draws. A project begins with random ones all the
same.

{table(["accuracy at labels", *figures], rows)}"""


def gain(of: Figures, measure: str) -> str:
    """A paired gain with its standard error, better above 0."""
    value, error = of["paired_gain"][measure]
    return f"{value:+.4f} ± {error:.4f}"


def calibration(figures: Figures) -> str:
    """Coverage, calibration error and worth in volunteers."""
    rows = []
    for world, name in (("judging", "simulation, true fractions known"), ("gz2_votes", "600 real galaxies")):
        if world in figures["coverage_error"]:
            error = figures["coverage_error"][world]
            told = [f"{error[level]:.1f}" for level in ("50", "80", "90")]
            rows.append([name, *told, f"{figures['ece'][world]:.3f}", f"{figures['effective_volunteers'][world]:.1f}"])
    rows.append(["to reach", "3 / 5", "3 / 5", "3 / 5", "", "15"])
    questions = figures["worlds"]["judging"]["questions"]
    worth = ", ".join(f"{key} {of['effective_volunteers']:.0f}" for key, of in questions.items())
    return f"""## Whether it knows itself
Coverage by the PIT of counts, in points from nominal (mean over questions); expected calibration error (median over
questions); and how many volunteers the network is worth (median over questions). In the *judging simulation* sky and
crowd differ from those that it was trained on. Published: Zoobot for GZ DESI is worth about 15 volunteers, 6 to 10 for
spiral arms and bars, with hundreds of thousands of labelled galaxies. The fifteen are reached for the questions that
can be told from a small picture, and not for most; more labels, more components and a fine-tuned encoder did not help.

{table(["", "50 %", "80 %", "90 %", "calibration error", "volunteers"], rows)}

A question, in the simulation: {worth}."""


def retirement(figures: Figures) -> str:
    """Votes saved, and at what error: two thresholds, two rules without pictures, and mistaken galaxies."""
    mistaken, blind, nats = figures["mistaken"], figures["without_pictures"], figures["thresholds_nats"]
    often = [question for question, reach in figures["reach"].items() if reach >= 0.25]
    rows = [
        [f"**below {nats['information']:.2f} nats**", *_saved(figures, often)],
        [f"below {nats['every_question']:.2f} nats: no question worse", *_saved(figures["every_question"], often)],
        ["to reach", "40 %", "1", "", ""],
        ["without pictures, the population's votes known", *_saved(blind["population"], often)],
        ["without pictures, nothing known", *_saved(blind["flat"], often)],
        [f"shown another's picture, {nats['information']:.2f} nats", *_saved(mistaken["information"], often)],
        [f"shown another's picture, {nats['every_question']:.2f} nats", *_saved(mistaken["every_question"], often)],
    ]
    head = ["", "votes saved", "error", "worst question", "over 40 votes read with the network"]
    return f"""## What retiring by information saves
In the judging simulation, where every true fraction is known: squared error of the published fraction (votes and
network together), the rule over the plain fractions of a fixed 40 votes; the worst is of the questions that a quarter
of the volunteers reach. Thresholds were chosen in the training simulation: the first by the whole error with a margin,
in which deep questions pay for first ones; the second so that none does, and it is the one to start from. The last rows
are galaxies about which the network is wrong. A catalogue publishes the fraction of which this table speaks as
`estimated-fraction`, beside the votes' own and the network's. Galaxy Zoo retires at a fixed count.

{table(head, rows)}"""


def _saved(figures: Figures, often: Iterable[str]) -> list[str]:
    spread = figures["spread"]
    return [
        f"{100 * figures['votes_saved']:.0f} % ± {100 * spread['votes_saved']:.1f}",
        f"{figures['error_ratio']:.2f} ± {spread['error_ratio']:.2f}",
        f"{max(figures['error_ratio_of_question'][question] for question in often):.2f}",
        f"{figures['error_ratio_same_estimator']:.2f}",
    ]


def posteriors(figures: Figures) -> str:
    """Kinds of head on held-out real galaxies, each with the recipe that its own training data chose."""
    tasks = [(data, n, kinds) for data in ("clean5", "gz2_votes") for n, kinds in figures.get(data, {}).items()]
    names = list(tasks[0][2])
    said = {"clean5": "{} labels, five classes", "gz2_votes": "{} galaxies of Galaxy Zoo 2, all questions"}
    rows = [
        [
            f"{said[data].format(n)}, {kinds['laplace']['n_seeds']} seeds",
            *(_loss_of(kind, of) for kind, of in kinds.items()),
        ]
        for data, n, kinds in tasks
    ]
    return f"""## Which posterior
Held-out real galaxies, loss of their votes in nats a galaxy (lower is better); in brackets, how much more than the
Laplace head's, paired by seed, ± standard error. Each kind has the recipe that its own training data chose.

With ten votes a galaxy and five classes the Laplace head wins at every size, the more so the fewer the labels; from
200 labels on members with a hidden layer name the class a little better (by .3 to .7 points of accuracy). **Where 450
galaxies have forty votes each on eleven questions it loses**, by half a nat of thirty: its expected fractions are the
better ones (by .5 nats of the votes' cross-entropy, with 64 components), but its samples say less of how a galaxy's
questions go together, and a line bends less than a hidden layer. Tried there, on one seed's four folds: 32
components, and 64 with three times the prior (30.17 and 30.24 nats, from 30.47), random hidden features under the
same head (30.25), members without a hidden layer (30.58). It stays the default, since choosing, retiring and trusting
matter most while labels are few.

{table(["", *names], rows)}"""


def _loss_of(kind: str, of: Figures) -> str:
    told = f"{of['mean']['dm_loss']:.3f}"
    if kind == "laplace":
        return told
    more, error = of["minus_laplace"]["dm_loss"]
    return f"{told} ({more:+.3f} ± {error:.3f})"
