import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch

from ml import checkpoints
from ml.errors import CheckpointError
from ml.heads import HEADS
from ml.heads import make_head as make_head_of
from ml.networks import HeadConfig
from tests.ml.test_networks import embeddings, make_head
from tests.ml.trees import CHAIN, SIBLINGS

ENCODER = "e" * 64


@pytest.mark.parametrize("n_hidden", [0, 16])
def test_a_head_comes_back_as_it_was(n_hidden: int) -> None:
    head = make_head(n_hidden=n_hidden)
    data = checkpoints.save(head, encoder_hash=ENCODER, notes={"seed": 3, "training_set": "abc"})
    loaded = checkpoints.load(data, CHAIN, encoder_hash=ENCODER)
    assert torch.equal(loaded.head.samples(embeddings(), 9, seed=1)[0], head.samples(embeddings(), 9, seed=1)[0])
    assert loaded.notes == {"seed": 3, "training_set": "abc"}
    assert loaded.head.config == head.config
    assert not loaded.head.training


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_of_each_kind_comes_back_as_it_was(kind: str) -> None:
    head = make_head_of(kind, CHAIN, HeadConfig(n_features=20, n_components=8, n_members=9), seed=4).eval()
    loaded = checkpoints.load(checkpoints.save(head, encoder_hash=ENCODER), CHAIN, encoder_hash=ENCODER).head
    assert type(loaded) is HEADS[kind]
    for told, expected in zip(loaded.samples(embeddings(), 9), head.samples(embeddings(), 9), strict=True):
        assert torch.equal(told, expected)


def test_the_same_head_gives_the_same_bytes() -> None:
    notes = {"a": 1, "b": 2}
    first = checkpoints.save(make_head(), encoder_hash=ENCODER, notes=notes)
    assert first == checkpoints.save(make_head(), encoder_hash=ENCODER, notes=dict(reversed(notes.items())))


def test_another_tree_is_refused() -> None:
    data = checkpoints.save(make_head(), encoder_hash=ENCODER)
    with pytest.raises(CheckpointError, match=f"tree_hash is '{CHAIN.hash}', expected '{SIBLINGS.hash}'"):
        checkpoints.load(data, SIBLINGS, encoder_hash=ENCODER)


def test_another_encoder_is_refused() -> None:
    data = checkpoints.save(make_head(), encoder_hash=ENCODER)
    with pytest.raises(CheckpointError, match="encoder_hash"):
        checkpoints.load(data, CHAIN, encoder_hash="f" * 64)


def test_weights_that_are_not_finite_are_refused_both_ways() -> None:
    head = make_head()
    data = bytearray(checkpoints.save(head, encoder_hash=ENCODER))
    data[-4:] = struct.pack("<f", float("nan"))
    with pytest.raises(CheckpointError, match="not all finite"):
        checkpoints.load(bytes(data), CHAIN, encoder_hash=ENCODER)
    with torch.no_grad():
        head.bias[0, 0, 0] = torch.nan
    with pytest.raises(CheckpointError, match="'bias' are not all finite"):
        checkpoints.save(head, encoder_hash=ENCODER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"not a checkpoint at all",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 4) + b"null",
    ],
)
def test_bytes_that_are_no_checkpoint_are_refused(data: bytes) -> None:
    with pytest.raises(CheckpointError):
        checkpoints.load(data, CHAIN, encoder_hash=ENCODER)


def test_a_truncated_checkpoint_is_refused() -> None:
    data = checkpoints.save(make_head(), encoder_hash=ENCODER)
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(data[:-10], CHAIN, encoder_hash=ENCODER)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_components", 9), ("n_members", 0), ("dropout", 0.0), ("n_hidden", 8), ("unknown", 1)],
)
def test_a_header_whose_shape_is_not_that_of_its_weights_is_refused(name: str, value: float) -> None:
    data = with_card(
        checkpoints.save(make_head(), encoder_hash=ENCODER), lambda card: card["config"].update({name: value})
    )
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(data, CHAIN, encoder_hash=ENCODER)


@pytest.mark.parametrize("kind", ["laplace", "oracle"])
def test_a_header_that_names_another_kind_is_refused(kind: str) -> None:
    data = with_card(checkpoints.save(make_head(), encoder_hash=ENCODER), lambda card: card.update(kind=kind))
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(data, CHAIN, encoder_hash=ENCODER)


def test_a_checkpoint_from_before_kinds_had_names_is_a_dropout_head() -> None:
    data = with_card(checkpoints.save(make_head(), encoder_hash=ENCODER), lambda card: card.pop("kind"))
    assert type(checkpoints.load(data, CHAIN, encoder_hash=ENCODER).head) is HEADS["dropout"]


def with_card(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The checkpoint with something else in its header."""
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    card = json.loads(header["__metadata__"]["voorwerp"])
    change(card)
    header["__metadata__"]["voorwerp"] = json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]
