"""Watched sources and their items between the domain and the contract."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from google.protobuf.json_format import MessageToDict, ParseDict
from raia.ingest.v1 import source_pb2, source_service_pb2

from raia_ingest.sources import faults
from raia_ingest.sources.domain import FOLDER, OBJECTS, Item, Source, SourceSpec

_POLL_SECONDS, _SETTLE_SECONDS = 60, 2
_FIELDS = ("name", "dataset_name", "profile", "poll_seconds", "settle_seconds")


def to_proto(source: Source) -> source_pb2.Source:
    """The source as the contract has it."""
    spec = source.spec
    message = source_pb2.Source(
        id=str(source.id),
        name=spec.name,
        kind=spec.kind,
        project_id=str(source.project_id or ""),
        dataset_name=spec.dataset_name,
        enabled=source.enabled,
        profile=spec.profile,
        poll_seconds=spec.poll_seconds,
        settle_seconds=spec.settle_seconds,
        credential_names=source.credential_names,
        status=source.status,
        error=source.error,
        failures=source.failures,
        taken_count=source.taken_count,
        failed_count=source.failed_count,
        created_by=str(source.created_by or ""),
        etag=source.etag,
    )
    ParseDict(dict(spec.place), message.folder if spec.kind == FOLDER else message.objects)
    if not spec.place:
        message.folder.SetInParent()
    message.created_at.FromDatetime(source.created_at)
    message.updated_at.FromDatetime(source.updated_at)
    if source.polled_at is not None:
        message.polled_at.FromDatetime(source.polled_at)
    if source.next_poll_at is not None:
        message.next_poll_at.FromDatetime(source.next_poll_at)
    return message


def item_to_proto(item: Item) -> source_pb2.SourceItem:
    """The item as the contract has it."""
    message = source_pb2.SourceItem(
        id=str(item.id),
        source_id=str(item.source_id),
        key=item.key,
        fingerprint=item.fingerprint,
        status=item.status,
        error=item.error,
        size=item.size,
        sha256=item.sha256,
        dataset_id=str(item.dataset_id or ""),
        version=item.version,
        attempts=item.attempts,
    )
    message.modified_at.FromDatetime(item.modified_at)
    message.created_at.FromDatetime(item.created_at)
    if item.completed_at is not None:
        message.completed_at.FromDatetime(item.completed_at)
    return message


def to_spec(request: source_service_pb2.CreateSourceRequest) -> SourceSpec:
    """The source that is asked for."""
    return SourceSpec(
        name=request.name,
        kind=request.WhichOneof("place") or FOLDER,
        dataset_name=request.dataset_name.strip(),
        profile=request.profile if request.HasField("profile") else True,
        poll_seconds=request.poll_seconds or _POLL_SECONDS,
        settle_seconds=request.settle_seconds if request.HasField("settle_seconds") else _SETTLE_SECONDS,
        place=_place(request),
    )


def project_of(request: source_service_pb2.CreateSourceRequest) -> UUID | None:
    """The project that is named."""
    return UUID(request.project_id) if request.project_id else None


def changed(spec: SourceSpec, request: source_service_pb2.UpdateSourceRequest) -> SourceSpec:
    """The source with the request's changes: the fields that its mask names, else those that are present."""
    defaults = {"dataset_name": "", "profile": True, "poll_seconds": _POLL_SECONDS, "settle_seconds": _SETTLE_SECONDS}
    values: dict[str, Any] = {}
    for name in named(request):
        if name in _FIELDS:
            values[name] = getattr(request, name) if request.HasField(name) else defaults.get(name, spec.name)
    place = request.WhichOneof("place")
    if place is not None and place in named(request):
        if place != spec.kind:
            raise faults.place_invalid(place, f"the kind of a source cannot change: this one is of kind {spec.kind}")
        values["place"] = _place(request)
    return replace(spec, **values)


def credentials_of(request: source_service_pb2.UpdateSourceRequest) -> Mapping[str, str] | None:
    """The credentials that replace those that are kept; None when they stay."""
    return dict(request.credentials) if "credentials" in named(request) else None


def named(request: source_service_pb2.UpdateSourceRequest) -> set[Any]:
    """The names of the fields that are to change."""
    if request.update_mask.paths:
        return set(request.update_mask.paths)
    names: tuple[Any, ...] = (*_FIELDS, FOLDER, OBJECTS)
    present = {name for name in names if request.HasField(name)}
    return present | ({"credentials"} if request.credentials else set())


def _place(request: source_service_pb2.CreateSourceRequest | source_service_pb2.UpdateSourceRequest) -> dict[str, Any]:
    message = request.objects if request.WhichOneof("place") == OBJECTS else request.folder
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found
