"""Catalogues out: votes and predictions as a table that astronomers can open.

`columns` says what each column is, `rows` streams the galaxies, one module a format writes them, `releases` publishes.
"""
