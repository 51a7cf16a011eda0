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
)
"""Tables under row security; beside the kit's, there are no others."""
