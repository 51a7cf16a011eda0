"""The service's tables as one catalogue."""

from sqlalchemy import MetaData

metadata = MetaData()
"""Every table of the service; each resource's tables.py adds its own."""

TENANT_TABLES = (
    "dataset",
    "dataset_version",
    "dataset_profile",
    "dataset_report",
    "dataset_routing",
    "processing_result",
    "quality_rule",
    "dataset_validation",
    "data_quality_report",
    "data_quality_issue",
    "recipe",
    "recipe_version",
    "recipe_run",
    "recipe_binding",
    "target_schema",
    "mapping",
    "mapping_column",
    "mapping_feedback",
    "mapping_run",
    "mapping_review_item",
    "mapping_entity",
    "upload",
    "upload_part",
    "attachment",
    "version_diff",
    "source",
    "source_item",
    "trained_model",
    "dataset_search",
    "data_stream",
    "stream_partition",
    "stream_batch",
    "stream_landing",
    "stream_delivery",
    "stream_rejection",
    "stream_minute",
    "retention_policy",
)
"""Tables under row security; beside the kit's, there are no others."""
