"""The composition root: settings → repositories → use cases → servicers."""

from raia.explain.v1 import explanation_service_pb2, fairness_service_pb2
from raia_kit.changes import Changes
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.scratch import clear_scratch
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_explain.explanations.jobs import ExplanationJobs
from raia_explain.explanations.repository import ExplanationRepository
from raia_explain.explanations.results import Results
from raia_explain.explanations.service import ExplanationService
from raia_explain.explanations.servicer import ExplanationServicer
from raia_explain.fairness.guard import FairnessReportGuard
from raia_explain.fairness.jobs import FairnessJobs
from raia_explain.fairness.repository import FairnessRepository
from raia_explain.fairness.service import FairnessService
from raia_explain.fairness.servicer import FairnessServicer
from raia_explain.settings import ExplainSettings
from raia_explain.sources.access import ModelAccess
from raia_explain.sources.datasets import DatasetSource
from raia_explain.sources.files import FileCache
from raia_explain.sources.models import ModelSource


class FilesPart:
    """The files fetched from other services, deleted with the process."""

    name = "file cache"

    def __init__(self, files: FileCache) -> None:
        self._files = files

    def start(self) -> None:
        """Nothing: files are fetched on demand."""

    def stop(self, timeout: float = 10.0) -> bool:  # noqa: ARG002 - deleting files waits for nobody
        """Deletes the files."""
        self._files.close()
        return True

    def healthy(self) -> tuple[bool, str]:
        """Always: a file that cannot be fetched fails its own job."""
        return True, ""


def build(settings: ExplainSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    runtime = runtime or Runtime(settings)
    changes = Changes(settings.grpc_threads // 4)
    files = FileCache(settings.scratch_folder, settings.file_cache_bytes)
    models = ModelSource(runtime.channels, files)
    datasets = DatasetSource(runtime.channels, files, settings.most_dataset_bytes)
    model_access = ModelAccess(models, runtime.access)
    reports = FairnessRepository()
    Housekeeping(runtime.database, objects=runtime.objects, references=ExplanationRepository().references).schedule(
        runtime.jobs
    )
    explanations = _explanations(settings, runtime, changes, models, datasets)
    FairnessJobs(
        jobs=runtime.jobs,
        reports=reports,
        models=models,
        datasets=datasets,
        channels=runtime.channels,
        identity=runtime.identity,
        changes=changes,
        settings=settings,
    )
    fairness = FairnessService(
        database=runtime.database,
        reports=reports,
        jobs=runtime.jobs,
        models=model_access,
        datasets=datasets,
        changes=changes,
    )
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(
                explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"],
                ExplanationServicer(explanations),
            ),
            Servicer(fairness_service_pb2.DESCRIPTOR.services_by_name["FairnessService"], FairnessServicer(fairness)),
        ],
        resource_guards={"fairness_report": FairnessReportGuard(reports)},
        foreign_resources=frozenset({"model"}),
        background=[FilesPart(files)],
        prepare=lambda: _prepare(settings),
    )


def _explanations(
    settings: ExplainSettings, runtime: Runtime, changes: Changes, models: ModelSource, datasets: DatasetSource
) -> ExplanationService:
    explanations = ExplanationRepository()
    results = Results(runtime.objects, settings.inline_bytes)
    ExplanationJobs(
        jobs=runtime.jobs,
        explanations=explanations,
        results=results,
        models=models,
        datasets=datasets,
        identity=runtime.identity,
        changes=changes,
        settings=settings,
    )
    return ExplanationService(
        database=runtime.database,
        explanations=explanations,
        results=results,
        jobs=runtime.jobs,
        models=ModelAccess(models, runtime.access),
        datasets=datasets,
        changes=changes,
        settings=settings,
    )


def _prepare(settings: ExplainSettings) -> None:
    clear_scratch(settings.service, settings.scratch_folder)
