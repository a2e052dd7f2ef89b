"""What an astronomer would measure in a picture, by the hundred galaxies: shape, spirality, colours in rings.

Features that no training made: a galaxy's centre, size and flattening by adaptive moments (Bernstein & Jarvis 2002,
astro-ph/0107431, section 3), then azimuthal Fourier amplitudes of its light, its colour and its fine detail in rings
about that centre, once circular and once as flat as the galaxy itself; and how the phase turns from ring to ring,
which is what tells arms from a bar. Turning or mirroring a picture changes none of them, as far as pixels allow.
On real galaxies they add to a network's features more than a second network does (the card of the shipped encoder).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

N_RINGS = 12
N_ANGLES = 48
N_WAVES = 6
"""Largest azimuthal wave number."""
LARGEST_RADIUS = 3.9
"""Of the outermost ring, in standard deviations of the Gaussian that fits the galaxy."""

N_FEATURES = 5 + 2 * (N_RINGS * (3 + 3 + 3 * N_WAVES) + 2 * (N_RINGS - 1))

_N_ROUNDS = 12
_MOMENTS_PX = 32
_SMALLEST_VARIANCE, _LARGEST_VARIANCE = 0.0015, 0.5
_SKY_QUANTILE = 0.35
"""Of the frame's edge: below its middle, since a neighbour may stand there."""
_FLOOR = 0.03
"""Light, in [0, 1], that is added to a ring's before dividing by it: rings in the dark have no features."""


@dataclass(frozen=True)
class Place:
    """Where and how a galaxy lies in its frame, (G,) each; lengths in half-frames."""

    x: Tensor
    y: Tensor
    size: Tensor
    """Standard deviation of the Gaussian that fits it, along the major axis."""
    axis_ratio: Tensor
    angle_rad: Tensor
    """Of the major axis, from x towards y; without meaning for a round one."""


def locate(batch: Tensor) -> Place:
    """Find the galaxy in the middle of each frame of float (G, 3, H, W) in [0, 1].

    Moments weighted by the Gaussian that they themselves define: neighbours outside it do not count. Bounded whatever
    the picture: the centre within 0.3 of the middle, the axis ratio above 0.1.
    """
    small = functional.interpolate(batch, (_MOMENTS_PX, _MOMENTS_PX), mode="bilinear", antialias=True)
    light = (small - sky(small)).mean(1).clamp_min(0)  # (G, P, P)
    steps = (torch.arange(_MOMENTS_PX, device=light.device, dtype=light.dtype) + 0.5) / _MOMENTS_PX * 2 - 1
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    pixels = torch.stack([torch.ones_like(u), u, v, u * u, v * v, u * v]).flatten(1)  # (6, P * P)
    x, y = light.new_zeros(2, len(light))
    xx, yy, xy = light.new_full((len(light),), 0.06), light.new_full((len(light),), 0.06), x
    for _ in range(_N_ROUNDS):
        quadratic = _inverse_as_polynomial(x, y, xx, yy, xy) @ pixels  # (G, P * P)
        weighted = torch.exp(-quadratic / 2) * light.flatten(1)
        total, first_x, first_y, second_xx, second_yy, second_xy = (weighted @ pixels.T).unbind(1)  # (G,) each
        total = total.clamp_min(1e-6)
        x, y = first_x / total, first_y / total
        # A Gaussian under a Gaussian weight of its own width has half its variance left.
        xx = (2 * (second_xx / total - x * x)).clamp(_SMALLEST_VARIANCE, _LARGEST_VARIANCE)
        yy = (2 * (second_yy / total - y * y)).clamp(_SMALLEST_VARIANCE, _LARGEST_VARIANCE)
        bound = 0.98 * (xx * yy).sqrt()
        xy = (2 * (second_xy / total - x * y)).clamp(-bound, bound)
        x, y = x.clamp(-0.3, 0.3), y.clamp(-0.3, 0.3)
    middle, half = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    major, minor = middle + half, (middle - half).clamp_min(1e-6)
    return Place(x, y, major.sqrt(), (minor / major).sqrt(), torch.atan2(2 * xy, xx - yy) / 2)


def sky(batch: Tensor) -> Tensor:
    """The dark at the edge of each frame, (G, 3, 1, 1)."""
    edge = [batch[..., :2, :], batch[..., -2:, :], batch[..., :, :2], batch[..., :, -2:]]
    pixels = torch.cat([side.flatten(2) for side in edge], dim=-1)  # (G, 3, edge)
    return pixels.quantile(_SKY_QUANTILE, dim=-1)[..., None, None]


def measure(batch: Tensor, place: Place) -> Tensor:
    """Features (G, N_FEATURES) of galaxies so placed in frames (G, 3, H, W) in [0, 1]; bounded, whatever the picture.

    Detail is measured at the scale of a pixel: the frames want to be some 64 pixels wide.
    """
    light = batch - sky(batch)
    soft = _blurred(light.mean(1, keepdim=True), 1.0)
    softer = _blurred(soft, 1.7)
    layers = torch.cat([light, soft - softer, softer - _blurred(softer, 3.5)], dim=1)  # (G, 5, H, W)
    round_size = place.size * place.axis_ratio.sqrt()
    parts = [_shape(place, light)]
    for along, across in ((place.size, place.size * place.axis_ratio), (round_size, round_size)):
        parts += _ring_features(_waves(layers, place, along, across))
    return torch.cat(parts, dim=1)


def _inverse_as_polynomial(x: Tensor, y: Tensor, xx: Tensor, yy: Tensor, xy: Tensor) -> Tensor:
    """Coefficients (G, 6) of 1, u, v, u², v², uv in the squared distance from (x, y) in units of the covariance."""
    scale = (xx * yy - xy * xy).clamp_min(1e-8).reciprocal()
    a, b, c = yy * scale, xx * scale, -xy * scale
    constant = a * x * x + b * y * y + 2 * c * x * y
    return torch.stack([constant, -2 * (a * x + c * y), -2 * (b * y + c * x), a, b, 2 * c], dim=1)


def _blurred(light: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of (G, 1, H, W), the frame mirrored at its edge."""
    reach = math.ceil(2.5 * sigma_px)
    steps = torch.arange(-reach, reach + 1, device=light.device, dtype=light.dtype)
    kernel = torch.exp(-((steps / sigma_px) ** 2) / 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(light, (reach,) * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def _waves(layers: Tensor, place: Place, along: Tensor, across: Tensor) -> Tensor:
    """Azimuthal Fourier coefficients of every layer in elliptical rings, complex (G, L, R, 1 + N_WAVES)."""
    radius = torch.linspace(0.15, LARGEST_RADIUS, N_RINGS, device=layers.device, dtype=layers.dtype)
    angle = torch.arange(N_ANGLES, device=layers.device, dtype=layers.dtype) * (2 * math.pi / N_ANGLES)
    u = radius[:, None] * torch.cos(angle) * along[:, None, None]  # (G, R, T)
    v = radius[:, None] * torch.sin(angle) * across[:, None, None]
    cos, sin = torch.cos(place.angle_rad)[:, None, None], torch.sin(place.angle_rad)[:, None, None]
    at = torch.stack([place.x[:, None, None] + u * cos - v * sin, place.y[:, None, None] + u * sin + v * cos], dim=-1)
    rings = functional.grid_sample(layers, at, padding_mode="border", align_corners=False)  # (G, L, R, T)
    phase = torch.arange(N_WAVES + 1, device=layers.device, dtype=layers.dtype) * angle[:, None]  # (T, W)
    return torch.complex(rings @ torch.cos(phase), -rings @ torch.sin(phase)) / N_ANGLES


def _shape(place: Place, light: Tensor) -> Tensor:
    peak = light.mean(1).amax((1, 2)).clamp_min(1e-3)
    off_centre = torch.hypot(place.x, place.y)
    return torch.stack(
        [
            place.axis_ratio,
            torch.log(place.size),
            torch.log(place.size * place.axis_ratio),
            torch.log(peak),
            off_centre,
        ],
        dim=1,
    )


def _ring_features(waves: Tensor) -> list[Tensor]:
    """From the Fourier coefficients (G, 5, R, W) of red, green, blue and two layers of detail."""
    total = waves[:, :3].mean(1)  # (G, R, W)
    profile = total[..., 0].real  # (G, R)
    lit = profile.clamp_min(0) + _FLOOR
    red_minus_blue = waves[:, 0] - waves[:, 2]
    bend = waves[:, 0, :, 0].real + waves[:, 2, :, 0].real - 2 * waves[:, 1, :, 0].real
    return [
        (profile / profile[:, :1].clamp_min(0.02)).clamp(-1, 3),
        (red_minus_blue[..., 0].real / lit).clamp(-3, 3),
        (bend / lit).clamp(-3, 3),
        _amplitudes(total[..., 1:], lit, 0.02),
        _amplitudes(red_minus_blue[..., 1:4], lit, 0.02),
        _amplitudes(waves[:, 3, :, 1:], lit, 0.01),
        _amplitudes(waves[:, 4, :, 1:], lit, 0.01),
        _winding(total[..., 2]),
    ]


def _amplitudes(waves: Tensor, lit: Tensor, floor: float) -> Tensor:
    """Logarithms of relative amplitudes, (G, R, W) -> (G, R * W)."""
    return torch.log((waves.abs() / lit[..., None]).clamp_max(3) + floor).flatten(1)


def _winding(wave: Tensor) -> Tensor:
    """How the phase of one wave (G, R) turns from each ring to the next: cosine, and size of the sine."""
    turn = wave[:, 1:] * wave[:, :-1].conj()
    turn = turn / (turn.abs() + 1e-4)
    return torch.cat([turn.real, turn.imag.abs()], dim=1)
