from django.apps import AppConfig  # noqa: D100


class MorphologyConfig(AppConfig):
    """Models, predictions, the cycle, catalogues."""

    name = "morphology"
    verbose_name = "Morphology"
