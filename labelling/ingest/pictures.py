"""A file becomes a picture: JPEG, PNG and TIFF in `labelling.ingest.raster`, FITS in `labelling.ingest.fits`."""

from collections.abc import Sequence

from labelling.errors import IngestError
from labelling.ingest.originals import Original
from labelling.ingest.raster import Picture, decode

FITS_MAGIC = b"SIMPLE  ="


def picture_of(originals: Sequence[Original], bands: Sequence[str]) -> Picture:
    """Decode the file, or the files of one band each; IngestError says what is wrong with them."""
    are_fits = [original.content.startswith(FITS_MAGIC) for original in originals]
    if all(are_fits):
        from labelling.ingest.fits import from_fits  # the web install has no astropy

        return from_fits(originals, bands)
    if len(originals) > 1:
        raise IngestError(
            f"{originals[are_fits.index(False)].name}: expected FITS, when each band is a file of its own"
        )
    return decode(originals[0])
