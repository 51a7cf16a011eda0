"""The Protocols that plug-ins implement: typing and dataclasses alone, so that a plug-in depends on nothing else.

A plug-in is a class without constructor arguments, named by an entry point of the group ``raia.plugins.<kind>``; the
entry point's name is the plug-in's. See docs/plugins.md.
"""

from collections.abc import Mapping

from raia_plugins.base import PluginError, Progress
from raia_plugins.explainer import Explainer, Explanation, ExplanationRequest, Predictor
from raia_plugins.exporter import Exporter, Figure, Paragraph, Report, Section, Table
from raia_plugins.processor import ColumnInfo, Processed, ProcessingRequest, Processor
from raia_plugins.provider import Completion, CompletionRequest, Message, ModelInfo, Provider
from raia_plugins.retriever import Chunk, Hit, Query, Retriever
from raia_plugins.trainer import TrainedModel, Trainer, TrainingRequest

GROUP_PREFIX = "raia.plugins."
"""Before the kind, the name of the entry point group."""

API_VERSIONS: Mapping[str, int] = {
    "trainer": 1,
    "explainer": 1,
    "processor": 2,
    "retriever": 1,
    "provider": 1,
    "exporter": 1,
}
"""The version of each Protocol: a plug-in says by ``api_version`` which it implements. A change that an older plug-in
does not meet raises it."""

PROTOCOLS: Mapping[str, type] = {
    "trainer": Trainer,
    "explainer": Explainer,
    "processor": Processor,
    "retriever": Retriever,
    "provider": Provider,
    "exporter": Exporter,
}
"""The Protocol of each kind."""

__all__ = [
    "API_VERSIONS",
    "GROUP_PREFIX",
    "PROTOCOLS",
    "Chunk",
    "ColumnInfo",
    "Completion",
    "CompletionRequest",
    "Explainer",
    "Explanation",
    "ExplanationRequest",
    "Exporter",
    "Figure",
    "Hit",
    "Message",
    "ModelInfo",
    "Paragraph",
    "PluginError",
    "Predictor",
    "Processed",
    "ProcessingRequest",
    "Processor",
    "Progress",
    "Provider",
    "Query",
    "Report",
    "Retriever",
    "Section",
    "Table",
    "TrainedModel",
    "Trainer",
    "TrainingRequest",
]
