"""Encoders: from pictures to features, and what identifies a representation.

An encoder is any timm network without its classifier, or the `GalaxyNetwork` that ships, together with its
*convention*: the size it wants and the mean and deviation it subtracts from RGB in [0, 1]. `encoder_hash` names weights
and convention in one; embeddings carry it, so that features of different encoders are never mixed. The small encoder
that ships with Voorwerp is `voorwerp-small`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ml.errors import CheckpointError, PosteriorError
from ml.galaxy_network import GalaxyNetwork
from ml.images import Images, as_batch, fit_size

SHIPPED = "voorwerp-small"
WEIGHTS = Path(__file__).parent / "weights"
ZOOBOT = "hf_hub:mwalmsley/zoobot-encoder-"
ALIGNED = "aligned:"
"""Before the name of a timm network: a `GalaxyNetwork` around it."""

MAX_FEATURE = 60_000.0
"""What float16 still holds."""

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder takes and gives."""

    name: str
    size_px: int
    central_fraction: float
    """How much of a picture's edge it looks at: Galaxy Zoo frames are wide, the galaxy fills their middle."""
    n_features: int
    mean: RGB
    std: RGB
    feature_limit: float
    """Features are held within +- this: a picture of static must not drown every galaxy's features."""
    hash: str
    """sha256 of the architecture, its weights and the convention above; `encoder_hash` computes it."""


class Encoder(nn.Module):
    """Pictures to features: uint8 (G, H, W, 3) or float (G, 3, H, W) in [0, 1] -> float (G, E).

    BatchNorm stays frozen when the encoder is fine-tuned (`train()` leaves it in eval mode): its statistics belong to
    the representation, and a batch of one project's galaxies must not move them.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        architecture: str,
        network: nn.Module,
        *,
        name: str,
        size_px: int,
        mean: RGB = (0.0, 0.0, 0.0),
        std: RGB = (1.0, 1.0, 1.0),
        central_fraction: float = 1.0,
        feature_limit: float = MAX_FEATURE,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval()
        with torch.inference_mode():
            n_features = network(torch.zeros(1, 3, size_px, size_px)).shape[-1]
        unhashed = EncoderSpec(name, size_px, central_fraction, n_features, mean, std, feature_limit, hash="")
        self.spec = replace(unhashed, hash=encoder_hash(architecture, network.state_dict(), unhashed))

    def forward(self, images: Tensor | Images) -> Tensor:
        seen = as_batch(images, self.spec.central_fraction).to(self.mean.device)
        return self.features(fit_size(seen, self.spec.size_px))

    def features(self, seen: Tensor) -> Tensor:
        """Features of what is already cropped and at the encoder's size, float (G, 3, size, size) in [0, 1]."""
        features: Tensor = self.network((seen - self.mean) / self.std)
        return features.clamp(-self.spec.feature_limit, self.spec.feature_limit)

    def train(self, mode: bool = True) -> "Encoder":
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def rehashed(self) -> EncoderSpec:
        """The spec after the weights were changed (fine-tuned): same name and convention, new hash."""
        self.spec = replace(self.spec, hash=encoder_hash(self.architecture, self.network.state_dict(), self.spec))
        return self.spec


def load_encoder(
    name: str = SHIPPED,
    *,
    size_px: int | None = None,
    central_fraction: float | None = None,
    is_pretrained: bool = True,
    seed: int = 0,
) -> Encoder:
    """Make an encoder by name: `voorwerp-small`, or any timm model (`hf_hub:...` needs the network once).

    Parameters
    ----------
    size_px : the picture size it works at; else the size it was trained at (`voorwerp-small` has no other).
    central_fraction : how much of a picture's edge it looks at; else what suits frames as wide as Galaxy Zoo's for
        `voorwerp-small`, and all of it for others.
    is_pretrained : False draws fresh weights from `seed`. The convention is then plain [0, 1].

    Raises
    ------
    CheckpointError
        When no such model exists, the shipped weights are not those that their card names, or not of that size.
    """
    if name == SHIPPED:
        shipped = read_encoder(WEIGHTS / f"{SHIPPED}.safetensors", central_fraction=central_fraction)
        if size_px not in (None, shipped.spec.size_px):
            # What it learned and measures is tied to its pixels.
            raise CheckpointError(f"encoder {name!r} works at {shipped.spec.size_px} px only, not at {size_px}")
        return shipped
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = timm.create_model(name, pretrained=is_pretrained, num_classes=0)
    except (RuntimeError, OSError) as error:
        raise CheckpointError(f"encoder {name!r} cannot be made: {error}") from error
    config: Any = network.pretrained_cfg
    is_plain = not is_pretrained or name.startswith(ZOOBOT)
    return Encoder(
        name,
        network,
        name=name,
        size_px=size_px or int(config["input_size"][-1]),
        mean=(0.0, 0.0, 0.0) if is_plain else _rgb(config["mean"]),
        std=(1.0, 1.0, 1.0) if is_plain else _rgb(config["std"]),
        central_fraction=central_fraction or 1.0,
    )


def encoder_hash(architecture: str, weights: dict[str, Tensor], spec: EncoderSpec) -> str:
    """The sha256 that identifies a representation: architecture, convention, and every weight as float32."""
    convention = [
        architecture,
        spec.size_px,
        spec.central_fraction,
        list(spec.mean),
        list(spec.std),
        spec.feature_limit,
    ]
    digest = hashlib.sha256(json.dumps(convention).encode())
    for key in sorted(weights):
        value = weights[key].detach().cpu().float().contiguous().numpy()
        digest.update(f"{key}{value.shape}".encode())
        digest.update(value.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def embed(encoder: Encoder, images: Images, batch: int = 32) -> npt.NDArray[np.float16]:
    """Features (G, E) of uint8 pictures (G, H, W, 3), float16.

    Few at a time, so that what is between the layers stays in a processor's cache: 32 take 1.9 ms each, 256 3.2.

    Raises
    ------
    PosteriorError
        When a feature is not a finite number: such an encoder cannot serve.
    """
    encoder.eval()
    features = np.empty((len(images), encoder.spec.n_features), np.float16)
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            found = encoder(images[start : start + batch]).float().cpu().numpy()
            features[start : start + batch] = found.astype(np.float16)
    if not np.isfinite(features).all():
        raise PosteriorError(f"encoder {encoder.spec.name!r} gave features that are not finite")
    return features


# Files: weights in safetensors, convention and provenance in a JSON card beside them


def save_encoder(encoder: Encoder, path: Path, provenance: dict[str, Any] | None = None) -> None:
    """Write weights as float16 safetensors, and their card; reading them back gives the hash on the card."""
    halved = {key: _halved(key, value) for key, value in encoder.network.state_dict().items()}
    data = safetensors.torch.save(halved)
    path.write_bytes(data)
    encoder.network.load_state_dict(halved)  # float32 copies of what was stored, so that the hash speaks of the file
    spec = encoder.rehashed()
    card = {
        "name": spec.name,
        "architecture": encoder.architecture,
        "size_px": spec.size_px,
        "central_fraction": spec.central_fraction,
        "n_features": spec.n_features,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "feature_limit": spec.feature_limit,
        "encoder_hash": spec.hash,
        "sha256": hashlib.sha256(data).hexdigest(),
        **(provenance or {}),
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_encoder(path: Path, *, central_fraction: float | None = None) -> Encoder:
    """Read what `save_encoder` wrote; weights that are not the card's are refused with a CheckpointError."""
    try:
        data, card = path.read_bytes(), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"encoder {path.stem!r} has no file {Path(error.filename).name!r}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != card["sha256"]:
        raise CheckpointError(f"{path.name} has sha256 {found}, its card says {card['sha256']}")
    network = _bare_network(card["architecture"])
    network.load_state_dict(safetensors.torch.load(data))
    return Encoder(
        card["architecture"],
        network,
        name=card["name"],
        size_px=card["size_px"],
        mean=_rgb(card["mean"]),
        std=_rgb(card["std"]),
        central_fraction=central_fraction or card["central_fraction"],
        feature_limit=card["feature_limit"],
    )


def _bare_network(architecture: str) -> nn.Module:
    if architecture.startswith(ALIGNED):
        return GalaxyNetwork(architecture.removeprefix(ALIGNED))
    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0)
    return network


def _rgb(values: Sequence[float]) -> RGB:
    red, green, blue = values  # a list, when it comes from JSON
    return red, green, blue


def _halved(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    if not torch.isfinite(half).all():
        raise CheckpointError(f"weight {key!r} does not fit float16")
    return half.contiguous()
