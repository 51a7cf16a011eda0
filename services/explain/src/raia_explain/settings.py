"""The settings of explain."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from raia_kit.settings import ServiceSettings


class ExplainSettings(ServiceSettings):
    """Limits on explanations and on what is kept of other services' data."""

    service: ClassVar[str] = "explain"

    explanation_time_limit: float = Field(default=3600, gt=0)
    """Seconds that an explanation may take."""
    fairness_time_limit: float = Field(default=3600, gt=0)
    """Seconds that a fairness analysis may take."""
    most_attributions: int = Field(default=40_000, ge=1)
    """Rows times columns that one explanation of rows may have: its answer is one message."""
    inline_bytes: int = Field(default=1024**2, ge=0)
    """Results up to this size are kept in the table; larger ones as objects."""
    most_dataset_bytes: int = Field(default=4 * 1024**3, ge=1)
    """Bytes of rows that are fetched for one explanation or analysis."""
    file_cache_bytes: int = Field(default=2 * 1024**3, ge=0)
    """Bytes of artefacts and rows that are kept on disk between explanations."""
    scratch_folder: Path | None = None
    """Folder for these files; the system's for temporary files when unset."""
