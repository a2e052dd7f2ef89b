"""COMPUTES: the Bayesian engine, in numpy and torch alone (no Django, no Celery, no HTTP, no database).

Axes are always ``(galaxy, sample, answer)``, letters ``G``, ``S``, ``A``. ``Q`` counts a tree's questions, ``K`` one
question's answers, ``E`` an encoder's features, ``C`` a head's components, ``M`` its members. Never-asked is NaN, never
0.
"""
