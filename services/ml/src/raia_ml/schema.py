"""The service's tables as one catalogue."""

from sqlalchemy import MetaData

metadata = MetaData()
"""Every table of the service; each resource's tables.py adds its own."""

TENANT_TABLES = (
    "model",
    "model_version",
    "training_run",
    "deployment",
    "deployment_change",
    "deployment_policy",
    "deployment_policy_version",
    "evidence",
    "verdict",
    "model_prediction",
)
"""Tables under row security; beside the kit's, there are no others."""
