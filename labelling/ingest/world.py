"""Where a FITS image lies on the sky, from the cards of its header that say so."""

import warnings
from dataclasses import dataclass

import astropy.io.fits
import astropy.units as u
import astropy.wcs
import numpy as np
from astropy.io.fits import VerifyError
from astropy.wcs.utils import proj_plane_pixel_scales

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
            # Distortion terms are left out: a header may claim any order of them, and the centre needs none.
            wcs = astropy.wcs.WCS(_celestial_cards(header), naxis=2)
            if not wcs.has_celestial:
                return None
            x, y = (width_px - 1) / 2, (height_px - 1) / 2
            centre = wcs.pixel_to_world(x, y).icrs
            scale_arcsec = float(np.mean(proj_plane_pixel_scales(wcs))) * 3600
            to_east = wcs.world_to_pixel(centre.directional_offset_by(90 * u.deg, scale_arcsec * u.arcsec))
            to_north = wcs.world_to_pixel(centre.directional_offset_by(0 * u.deg, scale_arcsec * u.arcsec))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, astropy.wcs.WcsError, VerifyError):
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
    words = [f"{card}{axis}" for card in ("CTYPE", "CUNIT") for axis in (1, 2)]
    numbers = [f"{card}{axis}" for card in ("CRVAL", "CRPIX", "CDELT", "CROTA") for axis in (1, 2)]
    numbers += [f"{card}{i}_{j}" for card in ("CD", "PC") for i in (1, 2) for j in (1, 2)]
    kept = astropy.io.fits.Header()
    for name in (*words, *numbers, "RADESYS", "RADECSYS", "EQUINOX", "LONPOLE", "LATPOLE"):
        if name in header:
            kept[name] = float(header[name]) if name in numbers else header[name]  # wcslib takes a word for 0
    return kept
