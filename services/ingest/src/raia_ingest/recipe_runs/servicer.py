"""The rpcs of RecipeRunService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import (
    recipe_run_pb2,
    recipe_run_requests_pb2,
    recipe_run_service_pb2,
    recipe_run_service_pb2_grpc,
)
from raia_kit.context import current_call, current_unit

from raia_ingest.recipe_runs.bindings import BindingService
from raia_ingest.recipe_runs.converters import to_binding, to_proto
from raia_ingest.recipe_runs.lineage import LineageService
from raia_ingest.recipe_runs.service import RecipeRunService, RunOrder

pb2 = recipe_run_service_pb2
requests = recipe_run_requests_pb2


class RecipeRunServicer(recipe_run_service_pb2_grpc.RecipeRunServiceServicer):
    """Runs, the lineage of rows, and bindings."""

    def __init__(self, runs: RecipeRunService, lineage: LineageService, bindings: BindingService) -> None:
        self._runs, self._lineage, self._bindings = runs, lineage, bindings

    def RunRecipe(self, request: pb2.RunRecipeRequest, _context: grpc.ServicerContext) -> recipe_run_pb2.RecipeRun:
        """Starts a run."""
        order = RunOrder(
            recipe_id=UUID(request.recipe_id),
            recipe_version=request.recipe_version,
            dataset_id=UUID(request.dataset_id),
            dataset_version=request.dataset_version,
            target_name=request.target_name,
            engine=request.engine,
            fitted_by_run_id=UUID(request.fitted_by_run_id) if request.fitted_by_run_id else None,
        )
        return to_proto(self._runs.start(current_unit(), current_call().authenticated, order))

    def GetRecipeRun(
        self, request: pb2.GetRecipeRunRequest, _context: grpc.ServicerContext
    ) -> recipe_run_pb2.RecipeRun:
        """One run."""
        return to_proto(self._runs.get(current_unit(), UUID(request.id)))

    def ListRecipeRuns(
        self, request: pb2.ListRecipeRunsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListRecipeRunsResponse:
        """A page of runs."""
        found, token = self._runs.page(current_unit(), current_call().authenticated, request)
        runs = [to_proto(run, fitted=False) for run in found]
        return pb2.ListRecipeRunsResponse(recipe_runs=runs, next_page_token=token)

    def WatchRecipeRun(
        self, request: requests.WatchRecipeRunRequest, _context: grpc.ServicerContext
    ) -> Iterator[recipe_run_pb2.RecipeRun]:
        """A run each time it changes."""
        for run in self._runs.watch(current_call(), UUID(request.id)):
            yield to_proto(run)

    def CancelRecipeRun(
        self, request: requests.CancelRecipeRunRequest, _context: grpc.ServicerContext
    ) -> recipe_run_pb2.RecipeRun:
        """Ends a run that is not finished."""
        return to_proto(self._runs.cancel(current_unit(), UUID(request.id)))

    def ListRemovedRows(
        self, request: requests.ListRemovedRowsRequest, _context: grpc.ServicerContext
    ) -> requests.ListRemovedRowsResponse:
        """A page of removed rows."""
        return self._lineage.removed(current_call(), request)

    def ListRowLineage(
        self, request: requests.ListRowLineageRequest, _context: grpc.ServicerContext
    ) -> requests.ListRowLineageResponse:
        """A page of rows with the records that they come from."""
        return self._lineage.rows(current_call(), request)

    def CreateRecipeBinding(
        self, request: requests.CreateRecipeBindingRequest, _context: grpc.ServicerContext
    ) -> recipe_run_pb2.RecipeBinding:
        """Binds a recipe to a dataset."""
        made = self._bindings.create(
            current_unit(),
            current_call().authenticated,
            recipe_id=UUID(request.recipe_id),
            recipe_version=request.recipe_version,
            dataset_id=UUID(request.dataset_id),
            target_name=request.target_name,
            fitting=request.fitting,
        )
        return to_binding(made)

    def ListRecipeBindings(
        self, request: requests.ListRecipeBindingsRequest, _context: grpc.ServicerContext
    ) -> requests.ListRecipeBindingsResponse:
        """A page of a recipe's bindings."""
        recipe_id = UUID(request.recipe_id)
        found, token = self._bindings.page(current_unit(), recipe_id, request.page_size, request.page_token)
        bindings = [to_binding(each) for each in found]
        return requests.ListRecipeBindingsResponse(recipe_bindings=bindings, next_page_token=token)

    def DeleteRecipeBinding(
        self, request: requests.DeleteRecipeBindingRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Ends a binding."""
        self._bindings.delete(current_unit(), UUID(request.recipe_id), UUID(request.id))
        return empty_pb2.Empty()
