"""Where a FITS image lies on the sky, from the cards of its header that say so."""

import warnings
from dataclasses import dataclass

import astropy.io.fits
import astropy.units as u
import astropy.wcs
import numpy as np
from astropy.wcs.utils import proj_plane_pixel_scales

# Distortion terms are left out: a header could claim terms of any order, and a cutout's centre does not need them.
_CARDS = ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT", "CROTA")
_MATRIX = ("CD", "PC")
_FRAME = ("RADESYS", "RADECSYS", "EQUINOX", "LONPOLE", "LATPOLE")
_PIXEL_SCALES_ARCSEC = (1e-4, 3600.0)  # beyond these a header is nonsense, not astronomy


@dataclass(frozen=True)
class SkyPlace:
    """Centre, scale and orientation of an image."""

    centre_deg: tuple[float, float]  # (ra, dec), ICRS
    pixel_scale_arcsec: float
    north_deg: float  # from the upward direction on the page, counter-clockwise
    east_is_left: bool  # of north, as on the sky; a mirrored image has it on the right


def place_on_the_sky(header: astropy.io.fits.Header, *, width_px: int, height_px: int) -> SkyPlace | None:
    """The image's place, or None where the header has no celestial coordinates that make sense."""
    try:
        with warnings.catch_warnings(action="ignore"):
            wcs = astropy.wcs.WCS(_celestial_cards(header), naxis=2)
            if not wcs.has_celestial:
                return None
            x, y = (width_px - 1) / 2, (height_px - 1) / 2
            centre = wcs.pixel_to_world(x, y).icrs
            scale_arcsec = float(np.mean(proj_plane_pixel_scales(wcs))) * 3600
            to_east = wcs.world_to_pixel(centre.directional_offset_by(90 * u.deg, scale_arcsec * u.arcsec))
            to_north = wcs.world_to_pixel(centre.directional_offset_by(0 * u.deg, scale_arcsec * u.arcsec))
    except (ValueError, TypeError, ArithmeticError, AttributeError, astropy.wcs.WcsError):
        return None
    east, north = (np.array([float(p[0]) - x, float(p[1]) - y]) for p in (to_east, to_north))
    numbers = (centre.ra.deg, centre.dec.deg, scale_arcsec, *east, *north)
    if not np.isfinite(numbers).all() or not _PIXEL_SCALES_ARCSEC[0] <= scale_arcsec <= _PIXEL_SCALES_ARCSEC[1]:
        return None
    return SkyPlace(
        centre_deg=(float(centre.ra.deg) % 360.0, float(centre.dec.deg)),
        pixel_scale_arcsec=scale_arcsec,
        north_deg=float(np.degrees(np.arctan2(-north[0], north[1]))),
        east_is_left=bool(north[0] * east[1] - north[1] * east[0] > 0),
    )


def _celestial_cards(header: astropy.io.fits.Header) -> astropy.io.fits.Header:
    names = [f"{card}{axis}" for card in _CARDS for axis in (1, 2)]
    names += [f"{card}{i}_{j}" for card in _MATRIX for i in (1, 2) for j in (1, 2)]
    kept = astropy.io.fits.Header()
    for name in (*names, *_FRAME):
        if name in header:
            kept[name] = header[name]
    return kept
