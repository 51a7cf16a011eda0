"""The built-in roles as permission sets: one table in code, from which docs/permissions.md is generated.

Permissions add up and nothing subtracts. A role that a membership names and this table lacks grants nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One built-in role: what it is for and what its holders may do."""

    name: str
    description: str
    permissions: frozenset[str]


PERMISSIONS: dict[str, str] = {
    "audit.read": "Read and search the organisation's audit ledger and verify its chain",
    "chat.use": "Ask questions of documents and data",
    "datasets.create": "Upload datasets and new versions of them",
    "datasets.delete": "Archive datasets",
    "datasets.read": "See datasets, their previews, profiles and rows",
    "documents.create": "Add documents for retrieval",
    "documents.delete": "Remove documents",
    "documents.read": "See documents and what is retrieved from them",
    "events.publish": "Publish events of the organisation's own topics",
    "explanations.create": "Compute explanations of models and predictions",
    "explanations.read": "See explanations",
    "exports.create": "Start exports and reports",
    "exports.delete": "Remove exports",
    "exports.read": "See and download exports",
    "fairness.analyze": "Run fairness analyses and bias mitigation",
    "fairness.read": "See fairness reports",
    "models.delete": "Archive models",
    "models.deploy": "Put a model version into production, if the gates allow it",
    "models.predict": "Ask a model for predictions",
    "models.read": "See models, versions, runs and figures",
    "models.retire": "Take a model out of production",
    "models.train": "Train or register models",
    "operations.manage": "Replay dead letters, clear caches",
    "operations.read": "See the platform's detailed health, metrics and dead letters",
    "policies.manage": "Write the policies that gate deployments",
    "policies.read": "See policies and verdicts",
    "projects.admin": "See every project, restricted ones too, and grant access to them",
    "quality.manage": "Write data quality rules, validate and assess datasets",
    "quality.release": "Release dataset versions from quarantine, or put them there",
    "sources.manage": "Watch folders and object stores for files, and stop doing so",
    "streams.manage": "Make, change, start, stop and delete streams",
    "streams.read": "See streams, their figures and rejected records",
    "streams.send": "Deliver records to streams",
    "users.manage": "Create, change and deactivate the organisation's users and their roles",
    "users.read": "See the organisation's users and roles",
}
"""Every permission that a role may name, with what it allows."""

_SEE = frozenset(
    {
        "datasets.read", "documents.read", "explanations.read", "exports.read", "fairness.read", "models.read",
        "policies.read", "streams.read",
    }
)  # fmt: skip
_USE = frozenset({"chat.use", "documents.create", "documents.read", "models.predict", "models.read"})
_ANALYSE = (
    _SEE
    | _USE
    | {
        "datasets.create",
        "exports.create",
        "exports.delete",
        "explanations.create",
        "fairness.analyze",
        "quality.manage",
        "sources.manage",
        "streams.manage",
        "streams.send",
    }
)
_BUILD = _ANALYSE | {
    "datasets.delete", "documents.delete", "events.publish", "models.delete", "models.deploy", "models.retire",
    "models.train", "quality.release",
}  # fmt: skip
_OVERSEE = _SEE | {"audit.read", "exports.create", "users.read"}

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("admin", "Runs the organisation: every permission", frozenset(PERMISSIONS)),
        Role("analyst", "Brings data, asks questions, explains and tests models", _ANALYSE),
        Role("data_scientist", "Trains, registers and deploys models, beside all that an analyst does", _BUILD),
        Role(
            "risk_officer",
            "Writes the policies that gate deployments, tests models for fairness, takes models out of production",
            _OVERSEE
            | {
                "chat.use",
                "explanations.create",
                "fairness.analyze",
                "models.retire",
                "policies.manage",
                "quality.release",
            },
        ),
        Role(
            "auditor", "Sees everything, the audit ledger included, and changes nothing", _OVERSEE | {"operations.read"}
        ),
        Role("user", "Uses deployed models, documents and chat", _USE),
        Role(
            "viewer",
            "Sees models, explanations, reports and policies, but no rows of data",
            _SEE - {"datasets.read", "documents.read", "streams.read"},
        ),
    )
}
"""The built-in roles by name."""

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {name: role.permissions for name, role in ROLES.items()}
"""What each built-in role permits, by name."""

ADMIN = "admin"
"""The role that the first user of an organisation gets and that an organisation never loses."""


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """What the holders of all these roles may do; unknown roles grant nothing."""
    return frozenset().union(*(ROLES[name].permissions for name in roles if name in ROLES))
