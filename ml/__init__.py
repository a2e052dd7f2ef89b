"""COMPUTES: the Bayesian engine, in numpy and torch alone (no Django, no Celery, no HTTP, no database).

Axes are always ``(galaxy, sample, answer)``, letters ``G``, ``S``, ``A``; ``Q`` counts questions and ``E`` the
encoder's features. Never-asked is NaN, never 0.
"""
