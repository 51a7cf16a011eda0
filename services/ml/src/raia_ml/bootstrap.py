"""The composition root: settings → repositories → use cases → servicers."""

from raia.ml.v1 import (
    artifact_service_pb2,
    gate_service_pb2,
    model_service_pb2,
    prediction_service_pb2,
    training_service_pb2,
)
from raia_kit.changes import Changes
from raia_kit.compute import ComputePool
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.scratch import clear_scratch
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_ml.artifacts.files import ArtefactFiles
from raia_ml.artifacts.service import ArtefactService
from raia_ml.artifacts.servicer import ArtifactServicer
from raia_ml.gates.gate import Gate
from raia_ml.gates.repository import GateRepository
from raia_ml.gates.service import GateService
from raia_ml.gates.servicer import EvidenceServicer, PolicyServicer
from raia_ml.models.deployment import DeploymentService
from raia_ml.models.guard import ModelGuard
from raia_ml.models.repository import ModelRepository
from raia_ml.models.service import ModelService
from raia_ml.models.servicer import ModelServicer
from raia_ml.predictions.repository import PredictionRepository
from raia_ml.predictions.service import PredictionService
from raia_ml.predictions.servicer import PredictionServicer
from raia_ml.runs.datasets import Datasets
from raia_ml.runs.guard import RunGuard
from raia_ml.runs.repository import RunRepository
from raia_ml.runs.service import RunService
from raia_ml.runs.servicer import TrainingServicer
from raia_ml.runs.training import TrainingJobs
from raia_ml.settings import MlSettings


class PoolPart:
    """Compute children apart from those of jobs, ended with the process."""

    def __init__(self, name: str, pool: ComputePool) -> None:
        self.name = name
        self.pool = pool

    def start(self) -> None:
        """Nothing: children start on demand."""

    def stop(self, timeout: float = 10.0) -> bool:  # noqa: ARG002 - children are killed at once
        """Kills the children."""
        self.pool.close()
        return True

    def healthy(self) -> tuple[bool, str]:
        """Always: a child that cannot start fails its own call."""
        return True, ""


def build(settings: MlSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    clear_scratch("ml", settings.scratch_folder)
    runtime = runtime or Runtime(settings)
    models, runs, gates = ModelRepository(), RunRepository(), GateRepository()
    gate = Gate(gates)
    predictions = PoolPart(
        "predictions",
        ComputePool(settings.prediction_children, settings.compute_idle_seconds, settings.compute_memory_bytes),
    )
    prediction_service = PredictionService(
        database=runtime.database,
        models=models,
        predictions=PredictionRepository(),
        files=ArtefactFiles(runtime.objects, settings.scratch_folder),
        pool=predictions.pool,
        time_limit=settings.prediction_time_limit,
    )
    artefacts = ArtefactService(runtime.database, models, runtime.objects, runtime.access)
    gate_service = GateService(gates, models, gate)
    model_servicer = ModelServicer(
        ModelService(models, runtime.access), DeploymentService(runtime.database, models, gate), gate_service
    )
    training_servicer = TrainingServicer(_runs(settings, runtime, models, runs))
    Housekeeping(runtime.database, objects=runtime.objects, references=models.references).schedule(runtime.jobs)
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(model_service_pb2.DESCRIPTOR.services_by_name["ModelService"], model_servicer),
            Servicer(training_service_pb2.DESCRIPTOR.services_by_name["TrainingService"], training_servicer),
            Servicer(
                prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"],
                PredictionServicer(prediction_service),
            ),
            Servicer(gate_service_pb2.DESCRIPTOR.services_by_name["PolicyService"], PolicyServicer(gate_service)),
            Servicer(gate_service_pb2.DESCRIPTOR.services_by_name["EvidenceService"], EvidenceServicer(gate_service)),
            Servicer(artifact_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"], ArtifactServicer(artefacts)),
        ],
        resource_guards={"model": ModelGuard(models), "training_run": RunGuard(runs)},
        background=[predictions],
    )


def _runs(settings: MlSettings, runtime: Runtime, models: ModelRepository, runs: RunRepository) -> RunService:
    """The use cases of training runs, with the job that does them."""
    changes, datasets = Changes(), Datasets(runtime.channels)
    TrainingJobs(
        jobs=runtime.jobs,
        runs=runs,
        models=models,
        datasets=datasets,
        objects=runtime.objects,
        identity=runtime.identity,
        changes=changes,
        settings=settings,
    )
    return RunService(
        database=runtime.database,
        runs=runs,
        models=models,
        datasets=datasets,
        jobs=runtime.jobs,
        access=runtime.access,
        changes=changes,
    )
