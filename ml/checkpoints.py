"""A head as bytes and back: safetensors, never pickle, and refused where it does not belong.

The header names the decision tree's hash and the encoder's: the same weights mean nothing on another tree's answer
axis or on another encoder's features.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch

from ml.errors import CheckpointError, PosteriorError
from ml.heads import kind_of, make_head
from ml.networks import HeadConfig, TreeHead
from ml.schema import DecisionTree

FORMAT = "voorwerp-head-2"
_CARD = "voorwerp"
_MAX_HEADER_BYTES = 10_000_000


@dataclass(frozen=True)
class Checkpoint:
    """A head in evaluation mode, and the notes that were saved with it (metrics, seeds, training set hash)."""

    head: TreeHead
    encoder_hash: str
    notes: Mapping[str, Any]


def save(head: TreeHead, *, encoder_hash: str, notes: Mapping[str, Any] | None = None) -> bytes:
    """The head as safetensors bytes; the same head and notes give the same bytes.

    `notes` are kept as JSON. Weights that are not finite raise CheckpointError: such a head is never stored.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    _check_finite(tensors)
    card = {
        "format": FORMAT,
        "tree_hash": head.tree.hash,
        "encoder_hash": encoder_hash,
        "kind": kind_of(head),
        "config": asdict(head.config),
        "notes": dict(notes or {}),
    }
    # One entry: safetensors writes several in a random order, and the same head must give the same bytes.
    return safetensors.torch.save(tensors, {_CARD: json.dumps(card, sort_keys=True)})


def load(data: bytes, tree: DecisionTree, *, encoder_hash: str) -> Checkpoint:
    """Read a head for this tree and this encoder; CheckpointError says what does not fit."""
    card = _card(data)
    for name, expected in (("format", FORMAT), ("tree_hash", tree.hash), ("encoder_hash", encoder_hash)):
        if card.get(name) != expected:
            raise CheckpointError(f"checkpoint's {name} is {card.get(name)!r:.80}, expected {expected!r}")
    try:
        head = make_head(card.get("kind", "dropout"), tree, HeadConfig(**card["config"]))  # the first kind had no name
        tensors = safetensors.torch.load(data)
        head.load_state_dict(tensors)
        notes = dict(card["notes"])
    except (KeyError, TypeError, ValueError, RuntimeError, PosteriorError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"checkpoint cannot be read: {error}") from error
    _check_finite(tensors)
    return Checkpoint(head.eval(), encoder_hash, notes)


def _card(data: bytes) -> dict[str, Any]:
    """What the header says of the head; the library gives it for files only."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > _MAX_HEADER_BYTES:
            raise ValueError(f"its header claims {length} bytes")
        card = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_CARD])
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"not a checkpoint: its card is {card!r:.80}")
    return card


def _check_finite(tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"weights {name!r} are not all finite numbers")
