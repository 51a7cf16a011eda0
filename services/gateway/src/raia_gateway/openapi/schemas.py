"""Schemas of messages and enums, gathered as components while they are referred to."""

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from raia_gateway.json_codec.decode import map_entry
from raia_gateway.openapi.comments import Comments
from raia_gateway.openapi.constraints import is_required, schema_rules

Schema = dict[str, Any]

_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_INT32: Schema = {"type": "integer", "format": "int32"}
_UINT32: Schema = {"type": "integer", "format": "int64", "minimum": 0}
_INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64: Schema = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_DURATION = "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": _DURATION, "examples": ["1.5s"]},
    "google.protobuf.FieldMask": {"type": "string", "examples": ["name,description"]},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Any": {
        "type": "object",
        "required": ["@type"],
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
    "google.protobuf.DoubleValue": {"type": "number", "format": "double"},
    "google.protobuf.FloatValue": {"type": "number", "format": "float"},
    "google.protobuf.Int64Value": _INT64,
    "google.protobuf.UInt64Value": _UINT64,
    "google.protobuf.Int32Value": _INT32,
    "google.protobuf.UInt32Value": _UINT32,
    "google.protobuf.BoolValue": {"type": "boolean"},
    "google.protobuf.StringValue": {"type": "string"},
    "google.protobuf.BytesValue": {"type": "string", "contentEncoding": "base64"},
}


class Schemas:
    """Makes schemas; every message and enum that is met becomes a component once."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def message(self, descriptor: Descriptor) -> Schema:
        """A reference to a message's component, or the schema of a well-known type."""
        known = _WELL_KNOWN.get(descriptor.full_name)
        if known is not None:
            return dict(known)
        name = component_name(descriptor.full_name)
        if name not in self.components:
            self.components[name] = {}  # it may refer to itself
            self.components[name] = self.object(descriptor)
        return {"$ref": f"#/components/schemas/{name}"}

    def object(self, descriptor: Descriptor, without: frozenset[str] = frozenset()) -> Schema:
        """The schema of a message's fields; ``without`` leaves some out."""
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Schema = {"type": "object", "properties": {field.name: self.field(field) for field in fields}}
        text = self._comments.text(descriptor.full_name)
        if text:
            schema["description"] = text
        required = [field.name for field in fields if is_required(field)]
        if required:
            schema["required"] = required
        choices = [
            f"At most one of {', '.join(field.name for field in oneof.fields)} is set."
            for oneof in descriptor.oneofs
            if len(oneof.fields) > 1
        ]
        if choices:
            schema["description"] = " ".join([schema.get("description", ""), *choices]).strip()
        return schema

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of a field's whole value, with its comment and constraints."""
        rules = schema_rules(field)
        entry = map_entry(field)
        if entry is not None:
            values = merge(self.element(entry[1]), rules.pop("additionalProperties", {}))
            schema: Schema = {"type": "object", "additionalProperties": values, **rules}
        elif field.is_repeated:
            items = merge(self.element(field), rules.pop("items", {}))
            schema = {"type": "array", "items": items, **rules}
        else:
            schema = merge(self.element(field), rules)
        self._describe(field, schema)
        return schema

    def _describe(self, field: FieldDescriptor, schema: Schema) -> None:
        text = self._comments.text(field.full_name)
        if text:
            schema["description"] = text
        example = self._comments.example(field.full_name)
        if example and schema.get("type") == "string" and "enum" not in schema:
            schema["examples"] = [example]
        if field.GetOptions().deprecated:
            schema["deprecated"] = True
        if field.GetOptions().debug_redact and schema.get("type") == "string":
            schema["format"] = "password"

    def element(self, field: FieldDescriptor) -> Schema:
        """The schema of one value of a field."""
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        plain = _SCALARS.get(field.type)
        if plain is not None:
            return dict(plain)
        return dict(
            {
                FieldDescriptor.CPPTYPE_INT32: _INT32,
                FieldDescriptor.CPPTYPE_UINT32: _UINT32,
                FieldDescriptor.CPPTYPE_INT64: _INT64,
                FieldDescriptor.CPPTYPE_UINT64: _UINT64,
            }[field.cpp_type]
        )

    def _enum(self, enum: EnumDescriptor) -> Schema:
        if enum.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        name = component_name(enum.full_name)
        if name not in self.components:
            lines = [self._comments.text(enum.full_name)]
            lines += [
                f"- `{value.name}`: {self._comments.text(f'{enum.full_name}.{value.name}')}" for value in enum.values
            ]
            self.components[name] = {
                "type": "string",
                "enum": [value.name for value in enum.values],
                "description": "\n".join(line for line in lines if line),
            }
        return {"$ref": f"#/components/schemas/{name}"}


def component_name(full_name: str) -> str:
    """``raia.ingest.v1.Dataset`` → ``ingest.v1.Dataset``."""
    return full_name.removeprefix("raia.")


def merge(schema: Schema, rules: Schema) -> Schema:
    """A schema narrowed by constraints."""
    return {**schema, **rules} if rules else schema
