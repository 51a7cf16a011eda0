"""The settings of ingest."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr
from raia_kit.settings import ServiceSettings


class IngestSettings(ServiceSettings):
    """Limits on files and on the work done with them."""

    service: ClassVar[str] = "ingest"

    max_upload_bytes: int = Field(default=10 * 1024**3, ge=1)
    """Largest file that is taken, in bytes."""
    max_columns: int = Field(default=10_000, ge=1)
    """Widest table that is taken."""
    max_unpacked_bytes: int = Field(default=4 * 1024**3, ge=1)
    """Bytes that a workbook may unpack to."""
    quota_bytes: int = Field(default=0, ge=0)
    """Bytes of uploaded files that one organisation may keep; 0 is no limit."""
    read_at_once_bytes: int = Field(default=8 * 1024**2, ge=0)
    """Files up to this size are read while the uploader waits; larger ones by a job."""
    read_at_once_seconds: float = Field(default=10.0, gt=0)
    """How long an upload waits for such a file, the start of a compute child included, before a job takes over."""
    read_time_limit: float = Field(default=3600, gt=0)
    """Seconds that reading a file may take."""
    profile_time_limit: float = Field(default=3600, gt=0)
    """Seconds that a profile may take."""
    profile_memory_bytes: int = Field(default=512 * 1024**2, ge=64 * 1024**2)
    """Memory that a profile's database uses before it spills to disk."""
    validation_time_limit: float = Field(default=3600, gt=0)
    """Seconds that running the rules of a dataset, or assessing its quality, may take."""
    preview_children: int = Field(default=1, ge=1, le=16)
    """Compute children for previews and small uploads, apart from those of jobs."""
    reader_children: int = Field(default=2, ge=1, le=16)
    """Compute children that stream rows to other services."""
    report_time_limit: float = Field(default=3600, gt=0)
    """Seconds that an exploratory report may take."""
    diff_time_limit: float = Field(default=3600, gt=0)
    """Seconds that comparing two versions may take."""
    chart_children: int = Field(default=1, ge=1, le=16)
    """Compute children that draw charts."""
    routing_time_limit: float = Field(default=120, gt=0)
    """Seconds that routing a version may take."""
    processing_time_limit: float = Field(default=1800, gt=0)
    """Seconds that a processor may take for one version."""
    processor_concurrency: int = Field(default=2, ge=1, le=64)
    """How many versions of one organisation a processor works on at once."""
    stream_children: int = Field(default=1, ge=1, le=16)
    """Compute children that check the records of topics."""
    stream_readers: int = Field(default=16, ge=0, le=256)
    """How many topics one process reads at once; other processes read further ones."""
    stream_private_brokers: bool = False
    """Whether streams may read from brokers whose addresses are not public."""
    signed_address_seconds: int = Field(default=3600, ge=1, le=604_800)
    """How long an address holds at which the object store itself takes or gives out a file."""
    upload_hours: int = Field(default=24, ge=1, le=24 * 7)
    """How long an upload in parts may stay open; its parts are forgotten then."""
    recipe_time_limit: float = Field(default=4 * 3600, gt=0)
    """Seconds that a run of a recipe may take."""
    recipe_memory_bytes: int = Field(default=768 * 1024**2, ge=64 * 1024**2)
    """Memory that a recipe's database uses before it spills to disk."""
    spark_master: str = ""
    """Where Spark runs large recipes, such as spark://host:7077 or local[4]; it must see the files of the object store
    and the scratch folder under the same paths. No Spark when empty."""
    spark_threshold_bytes: int = Field(default=2 * 1024**3, ge=0)
    """Stored bytes of a dataset version from which Spark runs its recipes."""
    spark_options: dict[str, str] = Field(default_factory=dict)
    """Further options of the Spark session, as JSON."""
    spark_packages: Path | None = None
    """Folder with the packages pyspark and py4j, where they are not installed with the extra ``spark``."""
    watched_folders: tuple[str, ...] = ()
    """Folders that sources may watch, as JSON; {org_id} stands for the organisation's id. Relative paths begin in the
    first one. None may be watched when empty."""
    sources_private_addresses: bool = False
    """Whether sources may reach addresses in private networks."""
    envelope_key: SecretStr = SecretStr("")
    """32 random bytes in base64 under which credentials of sources are sealed at rest; none can be kept when empty."""
    envelope_previous_keys: tuple[SecretStr, ...] = ()
    """Envelope keys used before, as JSON, under which credentials may still be sealed."""
    scratch_folder: Path | None = None
    """Folder for temporary files of the size of a dataset; the system's when unset."""

    @property
    def envelope_keys(self) -> list[str]:
        """The envelope key and those used before, the current one first."""
        keys = [self.envelope_key, *self.envelope_previous_keys]
        return [key.get_secret_value() for key in keys if key.get_secret_value()]
