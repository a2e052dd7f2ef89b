from django.apps import AppConfig  # noqa: D100


class LabellingConfig(AppConfig):
    """Galaxies, projects, volunteers and their votes."""

    name = "labelling"
    verbose_name = "Labelling"
