"""The settings of ml."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from raia_kit.settings import ServiceSettings


class MlSettings(ServiceSettings):
    """Limits on training and prediction."""

    service: ClassVar[str] = "ml"

    training_time_limit: float = Field(default=3600, gt=0)
    """Seconds that one attempt at a training may take."""
    training_max_rows: int = Field(default=2_000_000, ge=20)
    """Most rows that a training takes: they are held in memory."""
    prediction_children: int = Field(default=1, ge=1, le=16)
    """Compute children for predictions, apart from those of training."""
    prediction_time_limit: float = Field(default=25.0, gt=0)
    """Seconds that a prediction may take, the start of a compute child included."""
    scratch_folder: Path | None = None
    """Folder for temporary files of the size of a dataset; the system's when unset."""
