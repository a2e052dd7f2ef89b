"""The engine by itself, on a folder of galaxy images and a table of votes: run it, or paste it cell by cell.

    python -m docs.engine folder

The folder holds the pictures and `votes.csv`: a column `file`, and a count for every answer of the tree, named
question_answer (Galaxy Zoo 2's here).
No database, no server: `ml/` needs numpy and torch alone.
"""

# %% images and votes
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import torch
from PIL import Image

from ml import posterior
from ml.coverage import coverage
from ml.encoders import embed, load_encoder
from ml.posterior import Votes
from ml.schema import load
from ml.training import fit_head
from ml.uncertainty import doubt

folder = Path(sys.argv[1])
table = pyarrow.csv.read_csv(folder / "votes.csv")
tree = load("gz2")
images = np.stack([np.asarray(Image.open(folder / name).convert("RGB")) for name in table["file"].to_pylist()])
theirs = {"bulge-size_no": "bulge-size_none", "bulge-shape_round": "bulge-shape_rounded"}  # as this table spells them
theirs |= {"bulge-shape_no-bulge": "bulge-shape_none"}
counts = np.stack([table[theirs.get(column, column)].to_numpy() for column in tree.columns], axis=1)
everybody = counts[:, tree.slices[tree.questions[0].key]].sum(1)  # the first question is put to all
votes = Votes(counts, tree.totals(counts, everybody))

# %% fit the Bayesian head on four galaxies in five, and ask it about the fifth
embeddings = embed(load_encoder(), images)
is_held_out = np.arange(len(images)) % 5 == 0
taught, held_out = np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)
fitted = fit_head(tree, embeddings[taught], votes.rows(taught))
believed = fitted.head.posterior(torch.from_numpy(embeddings[held_out]), n_samples=32, seed=1)

# %% what it believes, how sure it is, and what a vote would teach
fractions = posterior.expected_fractions(believed)
lower, upper = posterior.intervals(believed)
unknown = doubt(believed)  # nats, a column a question; what the network does not know is tree-BALD
told = unknown.network
most = int(told.sum(1).argmax())
print(f"{len(taught)} galaxies taught it; out-of-fold loss {fitted.report.out_of_fold_loss:.2f} nats a galaxy")
print(f"look next at {table['file'][int(held_out[most])]}: a vote would teach {told[most].sum():.3f} nats")
print(f"  (people will go on to disagree about it: {unknown.people[most].sum():.2f} nats)")
for column, mean, low, high in zip(tree.columns, fractions[most], lower[most], upper[most], strict=True):
    print(f"  {column:40} {mean:5.2f}  ({low:.2f} to {high:.2f})")

# %% was it right to be so sure? the votes that it never saw say
covered = coverage(believed, counts[held_out], votes.totals[held_out], level=0.9)
print(f"90 % intervals hold {np.nanmean(covered):.0%} of the votes of {len(held_out)} galaxies")
