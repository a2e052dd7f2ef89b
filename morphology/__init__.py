"""ASSEMBLES: the Django project, and all that needs both sides: models, predictions, the cycle, catalogues."""
