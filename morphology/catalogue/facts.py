"""What is true of a catalogue as a whole, for the headers of those formats that have one."""

from dataclasses import dataclass
from datetime import datetime

import labelling.models


@dataclass(frozen=True)
class Facts:
    """Where a catalogue comes from."""

    project: str  # slug
    title: str
    n_rows: int  # when it was begun
    model_number: int | None
    schema_hash: str
    written_at: datetime

    @classmethod
    def of(
        cls, project: labelling.models.Project, *, n_rows: int, model_number: int | None, written_at: datetime
    ) -> "Facts":
        return cls(project.slug, project.title, n_rows, model_number, project.tree.hash, written_at)

    def as_texts(self) -> dict[str, str]:
        """For key-value metadata."""
        return {
            "creator": "Voorwerp",
            "project": self.project,
            "title": self.title,
            "model_version": "" if self.model_number is None else str(self.model_number),
            "schema_hash": self.schema_hash,
            "written_at": self.written_at.isoformat(timespec="seconds"),
            "frame": "ICRS",
        }
