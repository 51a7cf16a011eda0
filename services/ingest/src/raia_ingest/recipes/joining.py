"""The datasets that steps join."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from raia_kit.database import UnitOfWork
from raia_kit.objects import ObjectStore

from raia_ingest import errors
from raia_ingest.datasets.domain import READY, Dataset, Version
from raia_ingest.datasets.repository import DatasetRepository
from raia_ingest.recipes.plan import BadStep, check, datasets_of
from raia_ingest.recipes.steps.context import Context

Joined = Mapping[str, Dataset]
"""Datasets at the version that is joined, by id."""

Table = dict[str, Any]
"""A file with rows and its columns, as compute functions take it."""


def joined_datasets(
    unit: UnitOfWork,
    datasets: DatasetRepository,
    steps: Sequence[Mapping[str, Any]],
    readable: Callable[[Dataset], bool],
) -> Joined:
    """The datasets that the steps join and that are ready and ``readable``; others are left out."""
    found = {}
    for dataset_id, version in datasets_of(steps):
        dataset = datasets.find(unit, UUID(dataset_id), version)
        if dataset is not None and dataset.version.status == READY and readable(dataset):
            found[dataset_id] = dataset
    return found


def check_steps(steps: Sequence[Mapping[str, Any]], version: Version, joined: Joined) -> None:
    """Raises ``BadRecipe`` for the first step that does not fit the columns that it meets, as far as can be told."""
    others = {dataset_id: columns_of(dataset.version) for dataset_id, dataset in joined.items()}
    try:
        check(steps, columns_of(version), Context(others))
    except BadStep as bad:
        raise errors.bad_step(bad.place, bad.kind, bad.fault.field, bad.fault.message) from bad


def columns_of(version: Version) -> list[dict[str, Any]]:
    """A version's columns as steps and compute functions take them."""
    return [{"name": each.name, "type": each.type, "timezone": each.timezone} for each in version.columns]


@contextmanager
def tables(objects: ObjectStore, joined: Joined) -> Iterator[dict[str, Table]]:
    """Local files of the joined datasets."""
    with ExitStack() as stack:
        yield {
            dataset_id: {
                "path": str(stack.enter_context(objects.materialise(dataset.version.stored_key or ""))),
                "columns": columns_of(dataset.version),
            }
            for dataset_id, dataset in joined.items()
        }
