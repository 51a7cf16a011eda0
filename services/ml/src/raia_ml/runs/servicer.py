"""The rpcs of TrainingService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ml.v1 import training_run_pb2, training_service_pb2, training_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ml.models.converters import plain
from raia_ml.runs.converters import to_proto
from raia_ml.runs.domain import DEFAULT_FOLDS, DEFAULT_TEST_FRACTION
from raia_ml.runs.service import RunService, Wanted


class TrainingServicer(training_service_pb2_grpc.TrainingServiceServicer):
    """Start, look at, watch and cancel trainings."""

    def __init__(self, runs: RunService) -> None:
        self._runs = runs

    def TrainModel(
        self, request: training_service_pb2.TrainModelRequest, _context: grpc.ServicerContext
    ) -> training_run_pb2.TrainingRun:
        """Starts a training."""
        wanted = Wanted(
            dataset_id=UUID(request.dataset_id),
            dataset_version=request.dataset_version,
            target=request.target,
            type=request.type,
            algorithm=request.algorithm,
            name=request.name,
            parameters=plain(request.parameters),
            excluded=tuple(dict.fromkeys(request.excluded_columns)),
            test_fraction=request.test_fraction if request.HasField("test_fraction") else DEFAULT_TEST_FRACTION,
            folds=request.folds if request.HasField("folds") else DEFAULT_FOLDS,
            seed=request.seed,
            favourable_class=request.favourable_class,
            project_id=UUID(request.project_id) if request.project_id else None,
        )
        return to_proto(self._runs.start(current_call(), wanted))

    def GetTrainingRun(
        self, request: training_service_pb2.GetTrainingRunRequest, _context: grpc.ServicerContext
    ) -> training_run_pb2.TrainingRun:
        """One run."""
        return to_proto(self._runs.get(current_unit(), UUID(request.id)))

    def ListTrainingRuns(
        self, request: training_service_pb2.ListTrainingRunsRequest, _context: grpc.ServicerContext
    ) -> training_service_pb2.ListTrainingRunsResponse:
        """A page of runs."""
        found, token = self._runs.page(current_unit(), current_call().authenticated, request)
        return training_service_pb2.ListTrainingRunsResponse(
            training_runs=[to_proto(run) for run in found], next_page_token=token
        )

    def WatchTrainingRun(
        self, request: training_service_pb2.WatchTrainingRunRequest, _context: grpc.ServicerContext
    ) -> Iterator[training_run_pb2.TrainingRun]:
        """A run each time it changes."""
        for run in self._runs.watch(current_call(), UUID(request.id)):
            yield to_proto(run)

    def CancelTrainingRun(
        self, request: training_service_pb2.CancelTrainingRunRequest, _context: grpc.ServicerContext
    ) -> training_run_pb2.TrainingRun:
        """Ends a run that is not finished."""
        return to_proto(self._runs.cancel(current_unit(), UUID(request.id)))
