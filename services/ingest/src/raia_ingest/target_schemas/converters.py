"""Target schemas between the domain and the contract."""

from collections.abc import Iterable

from raia.ingest.v1 import target_schema_pb2

from raia_ingest.target_schemas.domain import EntityDefinition, FieldDefinition, TargetSchema


def to_proto(schema: TargetSchema, *, entities: bool = True) -> target_schema_pb2.TargetSchema:
    """The schema as the contract has it; lists leave out the entities."""
    message = target_schema_pb2.TargetSchema(
        id=str(schema.id),
        name=schema.name,
        description=schema.description,
        project_id=str(schema.project_id or ""),
        format=schema.format,
        entity_count=len(schema.entities),
        field_count=sum(len(entity.fields) for entity in schema.entities),
        etag=schema.etag,
    )
    message.created_at.FromDatetime(schema.created_at)
    message.updated_at.FromDatetime(schema.updated_at)
    if entities:
        message.entities.extend(_entity(each) for each in schema.entities)
    return message


def _entity(entity: EntityDefinition) -> target_schema_pb2.TargetEntity:
    return target_schema_pb2.TargetEntity(
        name=entity.name, description=entity.description, fields=[_field(field) for field in entity.fields]
    )


def _field(field: FieldDefinition) -> target_schema_pb2.TargetSchemaField:
    return target_schema_pb2.TargetSchemaField(
        name=field.name,
        type=field.type,
        description=field.description,
        values=[target_schema_pb2.TargetValue(value=value, description=meaning) for value, meaning in field.values],
        unit=field.unit,
        key=field.key,
        required=field.required,
        references=field.references,
    )


def to_entities(messages: Iterable[target_schema_pb2.TargetEntity]) -> list[EntityDefinition]:
    """Entities as a request states them."""
    return [
        EntityDefinition(
            name=entity.name,
            description=entity.description,
            fields=tuple(
                FieldDefinition(
                    name=field.name,
                    type=field.type or "string",
                    description=field.description,
                    values=tuple((each.value, each.description) for each in field.values),
                    unit=field.unit,
                    key=field.key,
                    required=field.required,
                    references=field.references,
                )
                for field in entity.fields
            ),
        )
        for entity in messages
    ]
