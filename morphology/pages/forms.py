"""The researchers' forms; what they refuse is said beside the field, in the words of whoever refused it."""

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings

from labelling.models import Project
from ml import schema
from ml.errors import SchemaError
from ml.schema import DecisionTree
from morphology.pages.uploads import Upload, is_zip

MAX_TREE_BYTES = 1_000_000
MAX_MANIFEST_BYTES = 500_000_000
MAX_FILE_NAME_BYTES = 255  # Linux takes no longer one; other systems count letters
OWN_TREE = "own"


if TYPE_CHECKING:
    ProjectForm = forms.ModelForm[Project]
else:  # generic in the stubs alone
    ProjectForm = forms.ModelForm


class RulesForm(ProjectForm):
    """What may change while a project runs."""

    class Meta:
        model = Project
        fields: ClassVar = [
            "title",
            "description",
            "research",
            "results",
            "retirement_limit",
            "consensus_fraction",
            "consensus_n_votes",
            "votes_per_cycle",
            "acquisition",
            "is_scored_per_answer",
            "weighting",
            "tunes_encoder",
            "pool_uniform_share",
            "holdout_uniform_share",
            "lease_seconds",
        ]
        labels: ClassVar = {
            "research": "What the answers are needed for",
            "results": "Results so far",
            "retirement_limit": "Votes that finish a galaxy",
            "consensus_fraction": "Agreement that finishes a galaxy early",
            "consensus_n_votes": "Fewest votes before agreement counts",
            "votes_per_cycle": "New votes that start a cycle",
            "acquisition": "Which galaxies are asked about next",
            "is_scored_per_answer": "Count the clicks, not the galaxies",
            "weighting": "How the weighted fractions weigh volunteers",
            "tunes_encoder": "Fine-tune the encoder as votes come in",
            "pool_uniform_share": "Uniform share of the pool",
            "holdout_uniform_share": "Uniform share of the hold-out",
            "lease_seconds": "Seconds for which a galaxy is kept for whoever looks at it",
        }
        help_texts: ClassVar = {
            "description": "For volunteers, on the project's page: what the galaxies are, and what you hope to learn.",
            "research": "For volunteers, on the project's page: the science behind the questions.",
            "results": "For volunteers: what has come of their answers. Papers, surprises, thanks.",
            "retirement_limit": "How many people answer the questions about each galaxy.",
            "consensus_fraction": "0.5 to 1: the part that has to agree on every first question. Empty: never.",
            "consensus_n_votes": "Counts only when an agreement is set.",
            "votes_per_cycle": "Then a new model is trained by itself.",
            "acquisition": "Closest call: those between two answers. About the network: those that it would learn most "
            "from, oddities too. About the catalogue: those whose votes carry over to most others.",
            "is_scored_per_answer": "Of two galaxies wanted as much, asks first about the one whose way "
            "through the questions is shorter.",
            "weighting": "For the columns beside the plain fractions. Nothing else knows of weights.",
            "tunes_encoder": "In the background, whenever there are 70 % more galaxies with votes. Minutes on a GPU, "
            "far longer on two cores. What it makes serves only if the held-out votes do not speak against it.",
            "pool_uniform_share": "Part of the servings that ignore the model, so that the catalogue can be corrected.",
            "holdout_uniform_share": "Part of the servings that go to galaxies on which the model is only tested.",
            "lease_seconds": "Afterwards somebody else may get it.",
        }
        widgets: ClassVar = {name: forms.Textarea(attrs={"rows": 4}) for name in ("description", "research", "results")}


class _ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files under one name."""

    widget = _ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files or [None]]


class GalaxiesForm(forms.Form):
    """A manifest and its pictures."""

    manifest = forms.FileField(
        help_text="A CSV file with a header. It needs the columns id and file; ra and dec (degrees), redshift and any "
        "others are kept."
    )
    images = ManyFilesField(
        label="Pictures",
        help_text="One zip, or up to 90 files: JPEG, PNG, TIFF or FITS, named as in the manifest.",
    )
    is_simulated = forms.BooleanField(required=False, label="These galaxies are simulated")

    def clean_manifest(self) -> Upload:
        manifest: Upload = self.cleaned_data["manifest"]
        if (manifest.size or 0) > MAX_MANIFEST_BYTES:
            raise forms.ValidationError(f"{manifest.size} bytes; expected at most {MAX_MANIFEST_BYTES}")
        return manifest

    def clean_images(self) -> list[Upload]:
        images: list[Upload] = self.cleaned_data["images"]
        n_bytes = sum(image.size or 0 for image in images)
        if n_bytes > settings.MAX_UPLOAD_BYTES:
            raise forms.ValidationError(f"{n_bytes} bytes; expected at most {settings.MAX_UPLOAD_BYTES}")
        names = [image.name for image in images]
        if len(set(names)) < len(names):
            raise forms.ValidationError("two of these files have the same name")
        if too_long := next((name for name in names if len(os.fsencode(name or "")) > MAX_FILE_NAME_BYTES), None):
            raise forms.ValidationError(f"the name {too_long:.40}... has more than {MAX_FILE_NAME_BYTES} bytes")
        if not is_zip(images) and any((name or "").lower().endswith(".zip") for name in names):
            raise forms.ValidationError("expected one zip, or picture files, not both")
        if is_zip(images):
            if not zipfile.is_zipfile(images[0]):
                raise forms.ValidationError(f"{images[0].name} is not a zip that can be read")
            images[0].seek(0)  # the look read it to its end
        return images


class TreeForm(forms.Form):
    """A decision tree: one that ships with Voorwerp, or the researcher's own file."""

    tree = forms.ChoiceField(label="Decision tree", help_text="The questions. They are fixed from the first vote on.")
    tree_file = forms.FileField(
        required=False,
        label="Tree file",
        help_text="Only for your own tree: JSON, as the example below.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shipped = [(name, schema.load(name).title) for name in schema.shipped()]
        field = self.fields["tree"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [*shipped, (OWN_TREE, "My own, from the file below")]

    def clean(self) -> dict[str, Any]:
        """Read the tree; `cleaned_data["decision_tree"]` holds it."""
        cleaned = super().clean() or {}
        if "tree" not in cleaned or "tree_file" not in cleaned:
            return cleaned
        try:
            cleaned["decision_tree"] = (
                _own_tree(cleaned["tree_file"]) if cleaned["tree"] == OWN_TREE else _shipped(cleaned)
            )
        except SchemaError as refused:
            self.add_error("tree_file", str(refused))
        return cleaned


class NewProjectForm(RulesForm):
    """The rules, and the project's address."""

    class Meta(RulesForm.Meta):
        fields: ClassVar = ["title", "slug", "description", *RulesForm.Meta.fields[4:]]
        labels: ClassVar = RulesForm.Meta.labels | {"slug": "Address"}
        help_texts: ClassVar = RulesForm.Meta.help_texts | {
            "slug": "Lower-case letters, digits and hyphens: the last part of the project's address."
        }
        error_messages: ClassVar = {"slug": {"unique": "another project has this address; choose another one"}}


def _shipped(cleaned: dict[str, Any]) -> DecisionTree:
    if cleaned["tree_file"]:
        raise SchemaError("a file was given, but a tree of ours was chosen: choose your own, or take the file away")
    return schema.load(cleaned["tree"])


def _own_tree(uploaded: Upload | None) -> DecisionTree:
    if uploaded is None:
        raise SchemaError("choose the file of your tree")
    if (uploaded.size or 0) > MAX_TREE_BYTES:
        raise SchemaError(f"{uploaded.size} bytes; expected at most {MAX_TREE_BYTES}")
    try:
        return schema.from_json(json.loads(uploaded.read()))
    except (ValueError, RecursionError) as broken:
        raise SchemaError(f"this is not JSON: {broken}") from broken
