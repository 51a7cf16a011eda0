"""Models as artefacts: signature, format, safe loading and prediction, shared by the two services that score."""

from raia_scoring.artefact import digest, load, save
from raia_scoring.errors import ArtefactInvalid, RowInvalid
from raia_scoring.model import ScoringModel
from raia_scoring.rows import rows_to_frame
from raia_scoring.signature import FeatureSpec, Signature

__all__ = [
    "ArtefactInvalid",
    "FeatureSpec",
    "RowInvalid",
    "ScoringModel",
    "Signature",
    "digest",
    "load",
    "rows_to_frame",
    "save",
]
