"""Which events users are told of, whom, and in which words: a table, read from top to bottom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from raia_workspace.notifications.domain import Told

_LONGEST_TITLE, _LONGEST_MESSAGE, _LONGEST_VALUE = 300, 2000, 1000


@dataclass(frozen=True)
class Template:
    """What is said of one kind of event. Texts name the event's fields in braces."""

    event: str
    """Full name of the event's message."""
    type: str
    severity: str
    title: str
    message: str
    resource_type: str
    resource_id: str
    """The field that holds the resource's id."""
    when: Mapping[str, Any] = field(default_factory=dict)
    """Values that fields of the event must have."""
    tell: str = ""
    """A permission whose holders are told too; beside them, it is whoever made the change."""


_INGEST, _ML = "raia.ingest.events.v1", "raia.ml.events.v1"
_EXPLAIN, _LLM = "raia.explain.events.v1", "raia.llm.events.v1"
_WORKSPACE = "raia.workspace.events.v1"
_GOVERN = "policies.manage"
"""Held by those who answer for what is in production."""
_RELEASE = "quality.release"
"""Held by those who may release what is in quarantine."""
_OPERATE = "operations.manage"
"""Held by those who mend what failed."""

# fmt: off
TEMPLATES: tuple[Template, ...] = (
    Template(
        f"{_INGEST}.DatasetReady", "dataset_ready", "success", "Dataset {name} is ready",
        "Version {version} of {name} was read: {row_count} rows in {column_count} columns.",
        "dataset", "dataset_id",
    ),
    Template(
        f"{_INGEST}.DatasetFailed", "dataset_failed", "error", "Dataset {name} could not be read",
        "Version {version} of {name} could not be read: {error}",
        "dataset", "dataset_id", tell=_OPERATE,
    ),
    Template(
        f"{_INGEST}.DatasetProcessed", "dataset_processed", "success", "Dataset {name} was processed",
        "Version {version} of {name}, {processor}: {headline}",
        "dataset", "dataset_id", when={"status": "succeeded"},
    ),
    Template(
        f"{_INGEST}.DatasetProcessed", "processing_failed", "error", "Dataset {name} could not be processed",
        "The processor {processor} failed on version {version} of {name}: {headline}",
        "dataset", "dataset_id", tell=_OPERATE, when={"status": "failed"},
    ),
    Template(
        f"{_INGEST}.SourceItemTaken", "source_item_taken", "success", "{item_key} was taken from {source_name}",
        "{item_key}, found by the source {source_name}, became version {version} of a dataset.",
        "dataset", "dataset_id",
    ),
    Template(
        f"{_INGEST}.SourceItemFailed", "source_item_failed", "error", "{item_key} could not be taken",
        "{item_key}, found by the source {source_name}, could not be taken: {error}",
        "source", "source_id", tell=_OPERATE,
    ),
    Template(
        f"{_INGEST}.SourceFailed", "source_failed", "error", "The source {source_name} cannot be looked at",
        "The source {source_name} cannot be looked at, which is tried again: {error}",
        "source", "source_id", tell=_OPERATE,
    ),
    Template(
        f"{_INGEST}.DatasetProfiled", "profile_failed", "error", "A dataset could not be profiled",
        "The profile of version {version} of the dataset failed.",
        "dataset", "dataset_id", when={"status": "failed"},
    ),
    Template(
        f"{_INGEST}.DatasetQuarantined", "dataset_quarantined", "warning", "{name} is in quarantine",
        "Version {version} of {name} may not be used until it is released: {reason}",
        "dataset", "dataset_id", tell=_RELEASE,
    ),
    Template(
        f"{_INGEST}.DatasetValidated", "validation_failed", "error", "{name} could not be validated",
        "The rules of version {version} of {name} could not be run.",
        "dataset", "dataset_id", when={"status": "failed"},
    ),
    Template(
        f"{_INGEST}.DatasetAssessed", "assessment_failed", "error", "{name} could not be assessed",
        "The quality of version {version} of {name} could not be assessed.",
        "dataset", "dataset_id", when={"status": "failed"},
    ),
    Template(
        f"{_INGEST}.StreamFailed", "stream_failed", "error", "Stream {name} has stopped",
        "The stream {name} has stopped: {error}",
        "stream", "stream_id", tell=_OPERATE,
    ),
    Template(
        f"{_ML}.TrainingFinished", "training_finished", "success", "Training of {model_name} finished",
        "Version {version} of {model_name} is trained.",
        "model", "model_id", when={"status": "succeeded"},
    ),
    Template(
        f"{_ML}.TrainingFinished", "training_failed", "error", "Training of {model_name} failed",
        "Training of {model_name} failed: {error}",
        "training_run", "training_run_id", when={"status": "failed"},
    ),
    Template(
        f"{_ML}.TrainingFinished", "training_cancelled", "info", "Training of {model_name} was cancelled",
        "Training of {model_name} was cancelled; no version was made.",
        "training_run", "training_run_id", when={"status": "cancelled"},
    ),
    Template(
        f"{_ML}.ModelDeployed", "model_deployed", "success", "{model_name} is in production",
        "Version {version} of {model_name} went into production.",
        "model", "model_id", tell=_GOVERN,
    ),
    Template(
        f"{_ML}.DeploymentRefused", "deployment_refused", "warning", "The gate refused {model_name}",
        "Version {version} of {model_name} may not go into production. Failed checks: {failed_checks}.",
        "model", "model_id", tell=_GOVERN,
    ),
    Template(
        f"{_ML}.ModelRetired", "model_retired", "warning", "{model_name} was taken out of production",
        "Version {version} of {model_name} serves no longer.",
        "model", "model_id", tell=_GOVERN,
    ),
    Template(
        f"{_EXPLAIN}.FairnessAnalyzed", "bias_detected", "warning", "A fairness report found bias",
        "The fairness report of version {version} of the model detected bias; read its recommendations.",
        "fairness_report", "report_id", when={"status": "succeeded", "bias_detected": True}, tell=_GOVERN,
    ),
    Template(
        f"{_EXPLAIN}.FairnessAnalyzed", "fairness_report_ready", "success", "A fairness report is ready",
        "The fairness report of version {version} of the model is ready; it detected no bias.",
        "fairness_report", "report_id", when={"status": "succeeded", "bias_detected": False},
    ),
    Template(
        f"{_EXPLAIN}.FairnessAnalyzed", "fairness_report_failed", "error", "A fairness analysis failed",
        "The fairness analysis of version {version} of the model failed.",
        "fairness_report", "report_id", when={"status": "failed"},
    ),
    Template(
        f"{_LLM}.DocumentReady", "document_ready", "success", "{filename} is ready",
        "{filename} can be found and asked.",
        "document", "document_id",
    ),
    Template(
        f"{_LLM}.DocumentFailed", "document_failed", "error", "{filename} could not be read",
        "{filename} could not be read: {error}",
        "document", "document_id",
    ),
    Template(
        f"{_WORKSPACE}.ExportFinished", "export_ready", "success", "An export is ready",
        "The governance record was exported as {format} and can be downloaded.",
        "export_job", "export_job_id", when={"status": "succeeded"},
    ),
    Template(
        f"{_WORKSPACE}.ExportFinished", "export_failed", "error", "An export failed",
        "The governance record could not be exported as {format}; the export says why.",
        "export_job", "export_job_id", when={"status": "failed"},
    ),
)
# fmt: on

EVENTS = frozenset(template.event for template in TEMPLATES)
"""Full names of the messages that any template speaks of."""


def template_of(message: Message) -> Template | None:
    """The first template whose conditions the event meets; None when nobody needs to know."""
    for template in TEMPLATES:
        if template.event == message.DESCRIPTOR.full_name and all(
            getattr(message, name) == value for name, value in template.when.items()
        ):
            return template
    return None


def told(template: Template, event_id: Any, message: Message) -> Told:
    """The words of one event."""
    facts: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    words = {field.name: _word(field, getattr(message, field.name)) for field in message.DESCRIPTOR.fields}
    return Told(
        event_id=event_id,
        type=template.type,
        severity=template.severity,
        title=_cut(template.title.format_map(words), _LONGEST_TITLE),
        message=_cut(template.message.format_map(words), _LONGEST_MESSAGE),
        resource_type=template.resource_type,
        resource_id=str(facts[template.resource_id]),
        data={
            name: _cut(value, _LONGEST_MESSAGE) if isinstance(value, str) else value for name, value in facts.items()
        },
    )


def _word(field: Any, value: Any) -> str:
    """A field as a sentence has it: numbers with commas, lists in a row."""
    if field.is_repeated:
        return _cut(", ".join(map(str, value)), _LONGEST_VALUE)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _cut(str(value), _LONGEST_VALUE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
