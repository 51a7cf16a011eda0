"""The rpcs of RecipeService."""

from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import recipe_pb2, recipe_preview_pb2, recipe_service_pb2, recipe_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_ingest.recipes.converters import from_steps, to_change, to_proto
from raia_ingest.recipes.service import RecipeService
from raia_ingest.recipes.trial import TrialService

pb2 = recipe_service_pb2


class RecipeServicer(recipe_service_pb2_grpc.RecipeServiceServicer):
    """Recipes and their versions."""

    def __init__(self, recipes: RecipeService, trials: TrialService) -> None:
        self._recipes, self._trials = recipes, trials

    def CreateRecipe(self, request: pb2.CreateRecipeRequest, _context: grpc.ServicerContext) -> recipe_pb2.Recipe:
        """Makes a recipe."""
        created = self._recipes.create(
            current_unit(),
            current_call().authenticated,
            name=request.name,
            description=request.description,
            project_id=UUID(request.project_id) if request.project_id else None,
            steps=from_steps(request.steps),
        )
        return to_proto(created)

    def ListRecipes(self, request: pb2.ListRecipesRequest, _context: grpc.ServicerContext) -> pb2.ListRecipesResponse:
        """A page of recipes."""
        found, token = self._recipes.page(current_unit(), current_call().authenticated, request)
        recipes = [to_proto(recipe, steps=False) for recipe in found]
        return pb2.ListRecipesResponse(recipes=recipes, next_page_token=token)

    def GetRecipe(self, request: pb2.GetRecipeRequest, _context: grpc.ServicerContext) -> recipe_pb2.Recipe:
        """One recipe."""
        return to_proto(self._recipes.get(current_unit(), UUID(request.id), request.version))

    def ListRecipeVersions(
        self, request: pb2.ListRecipeVersionsRequest, _context: grpc.ServicerContext
    ) -> pb2.ListRecipeVersionsResponse:
        """A page of versions."""
        found, token = self._recipes.versions(current_unit(), UUID(request.id), request.page_size, request.page_token)
        return pb2.ListRecipeVersionsResponse(recipes=[to_proto(each) for each in found], next_page_token=token)

    def UpdateRecipe(self, request: pb2.UpdateRecipeRequest, _context: grpc.ServicerContext) -> recipe_pb2.Recipe:
        """Changes a recipe."""
        caller = current_call().authenticated
        return to_proto(
            self._recipes.update(current_unit(), caller, UUID(request.id), to_change(request), request.etag)
        )

    def RestoreRecipe(self, request: pb2.RestoreRecipeRequest, _context: grpc.ServicerContext) -> recipe_pb2.Recipe:
        """Takes up an earlier version."""
        caller = current_call().authenticated
        return to_proto(self._recipes.restore(current_unit(), caller, UUID(request.id), request.version, request.etag))

    def DeleteRecipe(self, request: pb2.DeleteRecipeRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Hides a recipe."""
        self._recipes.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()

    def SuggestRecipe(
        self, request: recipe_preview_pb2.SuggestRecipeRequest, _context: grpc.ServicerContext
    ) -> recipe_preview_pb2.SuggestRecipeResponse:
        """Steps that would help."""
        return self._trials.suggest(current_call(), request)

    def PreviewRecipe(
        self, request: recipe_preview_pb2.PreviewRecipeRequest, _context: grpc.ServicerContext
    ) -> recipe_preview_pb2.PreviewRecipeResponse:
        """Rows before and after."""
        return self._trials.preview(current_call(), request)
