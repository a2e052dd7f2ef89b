"""Write a project's catalogue to a file: whole, or not at all."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from labelling.models import Project
from morphology.catalogue import csv, fits, parquet
from morphology.catalogue.column import Column, Entry
from morphology.catalogue.columns import catalogue_columns
from morphology.catalogue.facts import Facts
from morphology.catalogue.rows import Block, blocks, scan
from morphology.errors import CatalogueRefused
from morphology.models import ModelVersion

Writer = Callable[[Path, Sequence[Column], Iterable[Block], Facts], Iterator[int]]
FORMATS: dict[str, Writer] = {"csv": csv.write, "fits": fits.write, "parquet": parquet.write}


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    n_rows: int
    columns: list[Entry]  # the data dictionary
    model_version: ModelVersion | None
    schema_hash: str


def export(
    project: Project,
    file_format: str,
    out: Path,
    *,
    progress: Callable[[int, int], None] = lambda n_done, n_total: None,
) -> Exported:
    """Write the votes of now and the predictions of the live model, if there is one, to `out`.

    CatalogueRefused for an unknown format, a project without a tree, and what the format cannot hold.
    """
    if file_format not in FORMATS:
        raise CatalogueRefused(f"{file_format!r} is no format of ours; expected one of {', '.join(FORMATS)}")
    if project.tree_version is None:
        raise CatalogueRefused(f"project {project.slug!r} has no decision tree, and so no columns")
    model_version = _live_model(project)
    found = scan(project)
    columns = catalogue_columns(project.tree, found)
    number = model_version.number if model_version else None
    facts = Facts.of(project, n_rows=found.n_rows, model_number=number, written_at=timezone.now())
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    n_done = 0
    progress(0, found.n_rows)
    try:
        for n_rows in FORMATS[file_format](temporary, columns, blocks(project, model_version), facts):
            n_done += n_rows
            progress(n_done, max(n_done, found.n_rows))
        temporary.replace(out)
    except OSError as wrong:
        raise CatalogueRefused(f"{out} cannot be written: {wrong.strerror}") from wrong
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(out, n_done, [column.entry for column in columns], model_version, facts.schema_hash)


def write_dictionary(exported: Exported) -> Path:
    """The data dictionary beside a catalogue: what each column is, as JSON."""
    path = exported.path.with_name(f"{exported.path.name}.columns.json")
    path.write_text(json.dumps(exported.columns, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _live_model(project: Project) -> ModelVersion | None:
    """The live model version, if it speaks of the tree that volunteers walk now."""
    live = project.model_versions.select_related("training_set").filter(state=ModelVersion.State.LIVE).first()
    return live if live is not None and live.schema_hash == project.tree.hash else None
