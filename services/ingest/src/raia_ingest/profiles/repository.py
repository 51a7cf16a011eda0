"""Profiles in PostgreSQL."""

from raia_ingest.derived.repository import DerivedRepository
from raia_ingest.profiles.tables import dataset_profile


class ProfileRepository(DerivedRepository):
    """Reads and writes profiles."""

    def __init__(self) -> None:
        super().__init__(dataset_profile, "statistics")
