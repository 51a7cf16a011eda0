"""Runs and bindings between the domain and the contract."""

from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import recipe_run_pb2

from raia_ingest.recipe_runs.domain import Binding, RecipeRun


def to_proto(run: RecipeRun, *, fitted: bool = True) -> recipe_run_pb2.RecipeRun:
    """The run as the contract has it; lists leave out what it learnt."""
    message = recipe_run_pb2.RecipeRun(
        id=str(run.id),
        recipe_id=str(run.recipe_id),
        recipe_version=run.recipe_version,
        dataset_id=str(run.dataset_id),
        dataset_version=run.dataset_version,
        status=run.status,
        progress=run.progress,
        error=run.error,
        target_name=run.target_name,
        output_dataset_id=str(run.output_dataset_id or ""),
        output_version=run.output_version,
        engine=run.engine,
        fitted_by_run_id=str(run.fitted_by_run_id or ""),
        binding_id=str(run.binding_id or ""),
        joined_versions=[f"{dataset_id}/{version}" for dataset_id, version in run.joined],
        created_by=str(run.created_by or ""),
    )
    if run.ledger is not None:
        ParseDict(dict(run.ledger), message.ledger)
    if fitted and run.fitted is not None:
        ParseDict({"fitted": [dict(each) for each in run.fitted]}, message)
    message.created_at.FromDatetime(run.created_at)
    if run.completed_at is not None:
        message.completed_at.FromDatetime(run.completed_at)
    return message


def to_binding(binding: Binding) -> recipe_run_pb2.RecipeBinding:
    """The binding as the contract has it."""
    message = recipe_run_pb2.RecipeBinding(
        id=str(binding.id),
        recipe_id=str(binding.recipe_id),
        recipe_version=binding.recipe_version,
        dataset_id=str(binding.dataset_id),
        target_name=binding.target_name,
        fitting=binding.fitting,
        last_run_id=str(binding.last_run_id or ""),
        created_by=str(binding.created_by or ""),
    )
    message.created_at.FromDatetime(binding.created_at)
    return message
