"""The border where galaxies come in: manifest, images, FITS."""
