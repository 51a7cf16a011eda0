"""Changes of datasets, and what is found, between the contract and the domain."""

from uuid import UUID

from raia.ingest.v1 import catalog_pb2
from raia.ingest.v1 import catalog_service_pb2 as pb2
from raia_kit.errors import InvalidArgument

from raia_ingest.catalog.domain import FIELDS, Change
from raia_ingest.catalog.searching import Hit
from raia_ingest.datasets.converters import to_proto


def to_change(request: pb2.UpdateDatasetRequest) -> Change:
    """The change that the request asks for: the fields of its mask, else every field that is set."""
    named = set(request.update_mask.paths)
    unknown = sorted(named - set(FIELDS))
    if unknown:
        raise InvalidArgument.of_field("update_mask", f"{unknown[0]!r} cannot be changed; {', '.join(FIELDS)} can")
    return Change(
        fields=frozenset(named or {field for field in FIELDS if getattr(request, field)}),
        name=request.name,
        description=request.description,
        tags=tuple(request.tags),
        project_id=UUID(request.project_id) if request.project_id else None,
    )


def to_hit(hit: Hit) -> catalog_pb2.DatasetHit:
    """A dataset that was found, as the contract has it."""
    places = [catalog_pb2.DatasetMatch(field=each.field, text=each.text, column=each.column) for each in hit.matches]
    return catalog_pb2.DatasetHit(dataset=to_proto(hit.dataset, schema=False), score=hit.score, matches=places)
