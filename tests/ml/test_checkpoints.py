import json
import struct

import pytest
import torch

from ml import checkpoints
from ml.errors import CheckpointError
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
    data = checkpoints.save(make_head(), encoder_hash=ENCODER)
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    card = json.loads(header["__metadata__"]["voorwerp"])
    card["config"][name] = value
    header["__metadata__"]["voorwerp"] = json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(struct.pack("<Q", len(text)) + text + data[8 + length :], CHAIN, encoder_hash=ENCODER)
