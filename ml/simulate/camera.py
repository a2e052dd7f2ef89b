"""From light to a picture: seeing, sky noise, the stretch of a colour composite, and JPEG.

One FFT of the three bands does the seeing and their misregistration; light at the frame's edge wraps round.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft, special

from ml.simulate.light import Map
from ml.simulate.morphology import Morphology
from ml.simulate.settings import SkySettings


@dataclass(frozen=True)
class Look:
    """How one picture was taken and printed; the galaxy is the same in another."""

    beta: float
    noise_length_px: float
    band_noise: Map
    band_correlation: float
    offset: Map
    """Places of the three bands, (3, 2) in arcsec."""
    noise_grey: float
    softening: float
    gain: Map
    saturation: float
    sky_grey: Map
    jpeg_quality: int
    pixel_arcsec: float

    @classmethod
    def draw(cls, rng: np.random.Generator, settings: SkySettings) -> "Look":
        """Draw one picture's own values from the ranges of a sky."""
        scatter = settings.band_gain_sigma * rng.standard_normal(3)
        return cls(
            beta=float(rng.uniform(*settings.moffat_beta)),
            noise_length_px=float(rng.uniform(*settings.noise_length_px)),
            band_noise=(np.array(settings.band_noise) * np.exp(0.2 * rng.standard_normal(3))).astype(np.float32),
            band_correlation=float(rng.uniform(*settings.band_correlation)),
            offset=(settings.band_offset_arcsec * rng.standard_normal((3, 2))).astype(np.float32),
            noise_grey=float(settings.noise_grey[0] * np.exp(settings.noise_grey[1] * rng.standard_normal())),
            softening=float(rng.uniform(*settings.softening)),
            gain=(np.array(settings.band_gain) * np.exp(scatter)).astype(np.float32),
            saturation=float(rng.uniform(*settings.saturation)),
            sky_grey=(np.array(settings.sky_grey) + settings.sky_grey_sigma * rng.standard_normal(3)).astype(
                np.float32
            ),
            jpeg_quality=round(rng.uniform(*settings.jpeg_quality)),
            pixel_arcsec=settings.pixel_arcsec,
        )


def expose(light: Map, m: Morphology, look: Look, noise_rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Picture (H, W, 3) of the light (3, H, W) of a galaxy and its field, in units of sky noise."""
    size = light.shape[-1]
    native_px = m.noise_length * size / 2
    seen = blur(light, m.psf_fwhm * size / 2, look.beta, look.offset * np.float32(native_px / look.pixel_arcsec))
    seen += sky_noise(native_px, look, noise_rng, size)
    return through_jpeg(stretch(seen, look), look.jpeg_quality)


def blur(light: Map, fwhm_px: float, beta: float, offset_px: Map) -> Map:
    """Convolve (3, H, W) with a Moffat profile (Moffat 1969) and move each band by its offset (3, 2)."""
    size = light.shape[-1]
    ky, kx = fft.fftfreq(size).astype(np.float32)[:, None], fft.rfftfreq(size).astype(np.float32)[None, :]
    k = np.hypot(kx, ky)
    steps = np.linspace(0, 0.75, 40)
    response = np.interp(k, steps, _moffat_transfer(2 * math.pi * steps * fwhm_px, beta)).astype(np.float32)
    spectrum = fft.rfft2(light) * response
    if offset_px.any():
        turn = np.complex64(-2j * math.pi)
        spectrum *= np.exp(turn * offset_px[:, 0, None, None] * kx)
        spectrum *= np.exp(turn * offset_px[:, 1, None, None] * ky)
    return np.asarray(fft.irfft2(spectrum, s=(size, size)), np.float32)


def _moffat_transfer(wave_number: npt.NDArray[np.float64], beta: float) -> npt.NDArray[np.float64]:
    """Fourier transform of a Moffat profile of unit width, 1 at wave number 0."""
    alpha = 0.5 / math.sqrt(2 ** (1 / beta) - 1)
    x = np.maximum(wave_number * alpha, 1e-6)
    order = beta - 1
    return np.asarray(2 * (x / 2) ** order * special.kv(order, x) / special.gamma(order))


def sky_noise(native_px: float, look: Look, rng: np.random.Generator, size_px: int) -> Map:
    """Sky noise of native pixels, resampled to this grid: correlated in a fine picture, averaged in a coarse one."""
    white = rng.standard_normal((4, size_px, size_px), dtype=np.float32)
    shared = np.float32(look.band_correlation)
    white = np.sqrt(1 - shared) * white[:3] + np.sqrt(shared) * white[3]
    ky, kx = fft.fftfreq(size_px).astype(np.float32)[:, None], fft.rfftfreq(size_px).astype(np.float32)[None, :]
    response = np.exp(np.float32(-2 * (math.pi * look.noise_length_px * native_px) ** 2) * (kx**2 + ky**2))
    smooth = fft.irfft2(fft.rfft2(white) * response, s=(size_px, size_px))
    amplitude = native_px / math.hypot(native_px, 1.0) / max(float(smooth.std()), 1e-6)
    return np.asarray(smooth * (look.band_noise[:, None, None] * np.float32(amplitude)), np.float32)


def stretch(light: Map, look: Look) -> npt.NDArray[np.uint8]:
    """Colour composite of (3, H, W) fluxes after Lupton et al. 2004 (PASP 116, 133, eq. 2): hue survives brightness."""
    light = light * look.gain[:, None, None]
    mean = light.mean(0)
    light = mean + np.float32(look.saturation) * (light - mean)
    mean = np.maximum(mean, np.float32(1e-3))
    level = look.noise_grey * look.softening * np.arcsinh(mean / np.float32(look.softening))
    colours = light * (level / mean) + look.sky_grey[:, None, None]
    # Half held (the brightest channel stays below white, the others keep their ratio), half clipped: white-hot cores.
    colours *= 0.5 + 125 / np.maximum(colours.max(0), 250)
    return np.ascontiguousarray(np.clip(colours, 0, 255).transpose(1, 2, 0)).astype(np.uint8)  # (H, W, 3)


def through_jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """The picture as a survey's server would send it, its losses included."""
    buffer = io.BytesIO()
    # Colour is halved in resolution as servers do, but not in small pictures, which stand for a large one reduced.
    subsampling = 2 if len(image) > 200 else 0
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality, subsampling=subsampling)
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))
