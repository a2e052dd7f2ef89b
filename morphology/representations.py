"""Encoders of this installation's own: kept by content, found by name, never changed.

The weights lie in the file store under their sha256; the row holds their card. So a model version that names one
serves as long as the row stands, whatever the project learns with next.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelling import files
from labelling.models import Project
from ml.encoders import Encoder, read_encoder, save_encoder
from morphology.models import Representation

_FILE = "encoder.safetensors"


def store(
    encoder: Encoder,
    name: str,
    *,
    how: Representation.How,
    parent: str,
    project: Project,
    report: Mapping[str, Any],
) -> Representation:
    """Store an encoder's weights under this name; the row is for the caller to save, in its fenced transaction.

    Storing rounds the weights to half precision, so the encoder's hash changes with it.
    """
    encoder.spec = replace(encoder.spec, name=name)
    with tempfile.TemporaryDirectory(prefix="encoder-") as folder:
        path = Path(folder) / _FILE
        save_encoder(encoder, path, {"how": how.value, "parent": parent})
        weights_sha256 = files.put_file(path)
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Representation(
        name=name,
        encoder_hash=encoder.spec.hash,
        weights_sha256=weights_sha256,
        card=card,
        how=how,
        parent=parent,
        project=project,
        report=dict(report),
    )


def load(representation: Representation) -> Encoder:
    """The encoder of this row; CheckpointError when the stored weights are not those of its card."""
    with tempfile.TemporaryDirectory(prefix="encoder-") as folder:
        path = Path(folder) / _FILE
        path.write_bytes(files.read(representation.weights_sha256))
        path.with_suffix(".json").write_text(json.dumps(representation.card), encoding="utf-8")
        return read_encoder(path)
