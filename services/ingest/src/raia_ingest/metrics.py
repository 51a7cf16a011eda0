"""The metrics of ingest, by name."""

from prometheus_client import Counter, Histogram

UPLOADS = Counter(
    "raia_ingest_uploads_total",
    "Uploads by what became of them: ready (read at once), processing (left to a job), refused",
    ["outcome"],
)
UPLOADED_BYTES = Counter("raia_ingest_uploaded_bytes_total", "Bytes of files that were taken")
READS = Counter(
    "raia_ingest_versions_total",
    "Dataset versions by format and how reading ended: ready, failed",
    ["file_type", "status"],
)
RECORDS = Counter("raia_ingest_records_total", "Records of files by whether they were stored or rejected", ["outcome"])
READ_SECONDS = Histogram(
    "raia_ingest_read_seconds",
    "Seconds from a stored file to stored rows",
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)
VALIDATIONS = Counter(
    "raia_ingest_validations_total", "Validations by how they ended: passed, not_passed, failed, cancelled", ["outcome"]
)
QUARANTINES = Counter("raia_ingest_quarantines_total", "Versions that were put into quarantine")
STREAMED_BYTES = Counter("raia_ingest_streamed_bytes_total", "Bytes of rows that other services read")
RECIPE_RUNS = Counter(
    "raia_ingest_recipe_runs_total",
    "Runs of recipes by engine and how they ended: succeeded, failed",
    ["engine", "status"],
)
SOURCE_LOOKS = Counter(
    "raia_ingest_source_looks_total", "Looks at watched sources by kind and how they ended", ["kind", "outcome"]
)
SOURCE_ITEMS = Counter(
    "raia_ingest_source_items_total", "Items of watched sources by kind and what became of them", ["kind", "outcome"]
)
STREAM_RECORDS = Counter(
    "raia_ingest_stream_records_total",
    "Records of streams by source type and whether they were stored or rejected",
    ["source_type", "outcome"],
)
