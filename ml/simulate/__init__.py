"""Galaxies and volunteers that are drawn, not observed: for demonstrations, tests, and the shipped representation."""
