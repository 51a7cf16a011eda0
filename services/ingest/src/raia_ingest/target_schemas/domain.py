"""What a target schema is, and the rules on its entities, fields and relations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from raia_ingest.mapping.faults import SchemaInvalid

BUILT_IN = "built_in"
TYPES = ("string", "integer", "float", "boolean", "date", "datetime", "time")
_MOST_FIELDS = 20_000
_LONGEST_NAME = 200


@dataclass(frozen=True)
class FieldDefinition:
    """A field of an entity."""

    name: str
    type: str = "string"
    description: str = ""
    values: tuple[tuple[str, str], ...] = ()
    """Values that it may have, and what each means."""
    unit: str = ""
    key: bool = False
    required: bool = False
    references: str = ""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "FieldDefinition":
        """From a document."""
        values = tuple((str(each["value"]), str(each.get("description", ""))) for each in found.get("values", ()))
        return cls(
            name=str(found["name"]),
            type=str(found.get("type") or "string"),
            description=str(found.get("description", "")),
            values=values,
            unit=str(found.get("unit", "")),
            key=bool(found.get("key")),
            required=bool(found.get("required")),
            references=str(found.get("references", "")),
        )

    def document(self) -> dict[str, Any]:
        """As plain data, without what is not said."""
        said: dict[str, Any] = {"name": self.name, "type": self.type}
        for name in ("description", "unit", "key", "required", "references"):
            if value := getattr(self, name):
                said[name] = value
        if self.values:
            said["values"] = [{"value": value, "description": meaning} for value, meaning in self.values]
        return said


@dataclass(frozen=True)
class EntityDefinition:
    """A table of a schema."""

    name: str
    description: str
    fields: tuple[FieldDefinition, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "EntityDefinition":
        """From a document."""
        fields = tuple(FieldDefinition.of(each) for each in found.get("fields", ()))
        return cls(str(found["name"]), str(found.get("description", "")), fields)

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name,
            "description": self.description,
            "fields": [field.document() for field in self.fields],
        }


@dataclass(frozen=True)
class TargetSchema:
    """A schema."""

    id: UUID
    name: str
    description: str
    project_id: UUID | None
    format: str
    entities: tuple[EntityDefinition, ...]
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.revision)

    def fields(self) -> Iterator[tuple[str, FieldDefinition]]:
        """All fields with the names of their entities."""
        for entity in self.entities:
            for field in entity.fields:
                yield entity.name, field

    def has(self, path: str) -> bool:
        """Whether ``ENTITY.field`` is a field of it."""
        return any(f"{entity}.{field.name}" == path for entity, field in self.fields())

    def matching_fields(self) -> list[dict[str, Any]]:
        """Its fields as the matcher takes them."""
        return [
            {
                "entity": entity.name,
                "name": field.name,
                "type": field.type if field.type != "string" else "",
                "description": " ".join(filter(None, [field.description, _inherited(entity, field)])),
                "values": [value for value, _ in field.values],
                "meanings": {value: meaning for value, meaning in field.values if meaning},
                "unit": field.unit,
                "key": field.key,
                "references": field.references,
            }
            for entity in self.entities
            for field in entity.fields
        ]


def _inherited(entity: EntityDefinition, field: FieldDefinition) -> str:
    """A key tells little by itself; what its entity is tells more."""
    return entity.description if field.key else ""


def check(entities: Sequence[EntityDefinition]) -> None:
    """Raises ``SchemaInvalid`` unless names are there and unique, types are known and references point to fields."""
    paths: set[str] = set()
    names: set[str] = set()
    for entity in entities:
        _name(entity.name, "an entity")
        if entity.name.casefold() in names:
            raise _invalid(f"two entities are named {entity.name!r}", entity.name)
        names.add(entity.name.casefold())
        if not entity.fields:
            raise _invalid(f"the entity {entity.name} has no fields", entity.name)
        own: set[str] = set()
        for field in entity.fields:
            path = f"{entity.name}.{field.name}"
            _name(field.name, f"a field of {entity.name}")
            if field.name.casefold() in own:
                raise _invalid(f"the entity {entity.name} has two fields named {field.name!r}", path)
            own.add(field.name.casefold())
            if field.type not in TYPES:
                raise _invalid(f"{path} has type {field.type!r}: the types are {', '.join(TYPES)}", path)
            paths.add(path)
    if not paths:
        raise _invalid("the schema has no fields", "")
    if len(paths) > _MOST_FIELDS:
        raise _invalid(f"the schema has {len(paths):,} fields, more than the {_MOST_FIELDS:,} allowed", "")
    for entity in entities:
        for field in entity.fields:
            if field.references and field.references not in paths:
                raise _invalid(
                    f"{entity.name}.{field.name} references {field.references!r}, which is no field of the schema",
                    f"{entity.name}.{field.name}",
                )


def _name(name: str, what: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise _invalid(f"{what} needs a name of up to {_LONGEST_NAME} characters", name[:_LONGEST_NAME])
    if not name.isprintable():
        raise _invalid(f"the name {name!r} has characters that cannot be shown", name[:_LONGEST_NAME])
    if "." in name:
        raise _invalid(f"the name {name!r} has a dot, which divides entity and field", name[:_LONGEST_NAME])


def _invalid(message: str, where: str) -> SchemaInvalid:
    return SchemaInvalid(message, reason="TARGET_SCHEMA_INVALID", metadata={"where": where})
