"""The whole state of a training in one file, so that a killed one goes on as if nothing had happened.

Written at the end of an epoch: weights, their slow average, the best ones so far, the optimiser's moments, the loss
scaler, and how far it is. Generators need no place in it: each epoch's are seeded by the seed and the epoch's number.
safetensors, never pickle; a file of another training is refused.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ml.errors import CheckpointError

_CARD = "voorwerp"
_FORMAT = "voorwerp-training-1"


@dataclass
class Standing:
    """How far a training is, and how well it went."""

    epoch: int = 0
    """Epochs done."""
    first_loss: float = float("inf")
    best_loss: float = float("inf")
    best_epoch: int = 0
    seconds: float = 0.0
    """Spent in training, by all its attempts."""


@dataclass(frozen=True)
class TrainingState:
    """What goes into the file, by reference: `restore` writes into the very same objects."""

    network: nn.Module
    average: nn.Module
    best: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    standing: Standing

    def save(self, path: Path, fingerprint: str) -> None:
        """Write under a temporary name, then rename: a kill leaves the last whole file."""
        card = {
            "format": _FORMAT,
            "fingerprint": fingerprint,
            "standing": asdict(self.standing),
            "scaler": self.scaler.state_dict(),
        }
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._tensors().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        safetensors.torch.save_file(tensors, half, metadata={_CARD: json.dumps(card, sort_keys=True)})
        with half.open("rb+") as file:
            os.fsync(file.fileno())
        half.replace(path)

    def restore(self, path: Path, fingerprint: str) -> bool:
        """Go on from this file; False where there is none.

        Raises
        ------
        CheckpointError
            When it cannot be read, or is of a training with another recipe, seed, start, pictures or votes.
        """
        if not path.exists():
            return False
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                card = json.loads((file.metadata() or {})[_CARD])
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path.name} is no training that could go on: {error}") from error
        for name, expected in (("format", _FORMAT), ("fingerprint", fingerprint)):
            if card.get(name) != expected:
                raise CheckpointError(f"{path.name} has {name} {card.get(name)!r:.80}, expected {expected!r}")
        for prefix, module in self._modules().items():
            module.load_state_dict(_under(prefix, found))
        self._restore_optimiser(_under("optimiser", found))
        self.scaler.load_state_dict(card["scaler"])
        for name, value in card["standing"].items():
            setattr(self.standing, name, value)
        return True

    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.network, "average": self.average, "best": self.best}

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"{prefix}.{name}": tensor.clone()  # safetensors refuses two names of one memory
            for prefix, module in self._modules().items()
            for name, tensor in module.state_dict().items()
        }
        for place, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{place}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        return tensors

    def _restore_optimiser(self, found: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Any]] = {}
        for key, value in found.items():
            place, _, name = key.partition(".")
            state.setdefault(int(place), {})[name] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})


def _under(prefix: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in found.items() if name.startswith(f"{prefix}.")}
