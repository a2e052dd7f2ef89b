"""The names of what a simulated galaxy can be."""

from typing import Literal

Kind = Literal["smooth", "disk", "edge-on", "artifact"]
BulgeShape = Literal["round", "boxy", "no-bulge"]
Oddity = Literal["", "ring", "lens-or-arc", "disturbed", "irregular", "other", "merger", "dust-lane"]
Artifact = Literal["", "trail", "star", "ghost"]
