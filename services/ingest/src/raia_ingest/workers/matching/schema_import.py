"""Reads schemas that are described in SQL, JSON Schema or a CSV of fields."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import sqlglot
from sqlglot import exp

from raia_ingest.mapping import faults

Document = dict[str, Any]

_SQL_TYPES = (
    ("boolean", ("BOOLEAN", "BIT")),
    ("datetime", ("TIMESTAMP", "DATETIME")),
    ("date", ("DATE",)),
    ("time", ("TIME",)),
    ("integer", ("INT", "SERIAL", "LONG")),
    ("float", ("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL", "MONEY", "NUMBER")),
)
_JSON_TYPES = {"integer": "integer", "number": "float", "boolean": "boolean", "string": "string"}
_JSON_FORMATS = {"date": "date", "date-time": "datetime", "time": "time"}
_DEEPEST = 20


def parse_schema(format: str, content: str, dialect: str) -> dict[str, list[Document]]:
    """The entities that ``content`` describes; raises ``SchemaInvalid`` with what is wrong and where."""
    if format == "sql":
        return {"entities": list(_sql(content, dialect))}
    if format == "json_schema":
        return {"entities": _json_schema(content)}
    return {"entities": _csv(content)}


def _invalid(message: str, where: str = "") -> faults.SchemaInvalid:
    return faults.SchemaInvalid(message, reason="TARGET_SCHEMA_INVALID", metadata={"where": where[:200]})


def _sql(content: str, dialect: str) -> Iterator[Document]:
    try:
        statements = sqlglot.parse(content, read=dialect or None)
    except (sqlglot.errors.SqlglotError, ValueError, RecursionError) as error:
        where = str(error).split("\n", 1)[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
        raise _invalid(f"the SQL cannot be read: {where[:300]}") from error
    comments = _comments(statements)
    found = False
    for statement in statements:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
            found = True
            yield _table(statement, comments)
    if not found:
        raise _invalid("the SQL has no CREATE TABLE with columns")


def _comments(statements: list[Any]) -> dict[str, str]:
    """What COMMENT ON says, by table or ``table.column``."""
    found = {}
    for statement in statements:
        if isinstance(statement, exp.Comment) and statement.this is not None and statement.expression is not None:
            parts = [part.name for part in statement.this.find_all(exp.Identifier)]
            if isinstance(statement.this, exp.Column):
                found[f"{statement.this.table}.{statement.this.name}"] = statement.expression.name
            elif parts:
                found[statement.this.name] = statement.expression.name
    return found


def _table(statement: exp.Create, comments: dict[str, str]) -> Document:
    schema = statement.this
    name = schema.this.name
    fields = {}
    for column in schema.find_all(exp.ColumnDef):
        fields[column.name] = _sql_column(column, comments.get(f"{name}.{column.name}", ""))
    for part in schema.expressions:
        _constraint(part, fields)
    if not fields:
        raise _invalid(f"the table {name} has no columns", name)
    said = next((each.this.name for each in statement.find_all(exp.SchemaCommentProperty) if each.this), "")
    return {"name": name, "description": comments.get(name, said), "fields": list(fields.values())}


def _sql_column(column: exp.ColumnDef, comment: str) -> Document:
    field: Document = {"name": column.name, "type": _sql_type(column), "description": comment}
    for each in column.constraints:
        kind = each.kind
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            field["key"] = True
        elif isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            field["required"] = True
        elif isinstance(kind, exp.CommentColumnConstraint):
            field["description"] = kind.this.name
        elif isinstance(kind, exp.Reference):
            field["references"] = _reference(kind, column.name)
        elif isinstance(kind, exp.CheckColumnConstraint):
            field["values"] = _listed(kind.this) or field.get("values", [])
    if column.kind is not None and column.kind.this == exp.DType.ENUM:
        field["values"] = [{"value": each.name} for each in column.kind.expressions]
    return field


def _sql_type(column: exp.ColumnDef) -> str:
    stated = str(column.kind.this.value if column.kind is not None else "").upper()
    for name, starts in _SQL_TYPES:
        if any(start in stated for start in starts) and "INTERVAL" not in stated:
            return name
    return "string"


def _constraint(part: Any, fields: dict[str, Document]) -> None:
    """Keys, references and checks of the table as a whole."""
    if isinstance(part, exp.Constraint):
        for each in part.expressions:
            _constraint(each, fields)
    elif isinstance(part, exp.PrimaryKey):
        for column in part.find_all(exp.Identifier):
            if column.name in fields:
                fields[column.name]["key"] = True
    elif isinstance(part, exp.ForeignKey):
        names = [column.name for column in part.expressions]
        target = part.args.get("reference")
        if target is not None and len(names) == 1 and names[0] in fields:
            fields[names[0]]["references"] = _reference(target, names[0])
    elif isinstance(part, exp.CheckColumnConstraint):
        column = part.this.find(exp.Column)
        if column is not None and column.name in fields and (values := _listed(part.this)):
            fields[column.name]["values"] = values


def _reference(reference: exp.Reference, own: str) -> str:
    target = reference.this
    table = target.this.name if isinstance(target, exp.Schema) else target.name
    column = target.expressions[0].name if isinstance(target, exp.Schema) and target.expressions else own
    return f"{table}.{column}"


def _listed(condition: Any) -> list[Document]:
    """The values of ``column in ('a', 'b')``."""
    inside = condition.find(exp.In) if condition is not None else None
    return [{"value": each.name} for each in inside.expressions if isinstance(each, exp.Literal)] if inside else []


def _json_schema(content: str) -> list[Document]:
    try:
        root = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"the JSON Schema is no JSON: {error}") from error
    if not isinstance(root, dict):
        raise _invalid("the JSON Schema is not an object")
    reader = _JsonReader(root)
    for name, each in {**root.get("definitions", {}), **root.get("$defs", {})}.items():
        reader.entity(str(name), each, 0)
    if isinstance(root.get("properties"), dict):
        nested = all(_is_table(reader.resolved(each)) for each in root["properties"].values())
        if nested:
            for name, each in root["properties"].items():
                reader.entity(str(name), reader.resolved(each), 0)
        else:
            reader.entity(str(root.get("title") or "record"), root, 0)
    if not reader.entities:
        raise _invalid("the JSON Schema has no object with properties")
    return list(reader.entities.values())


def _is_table(each: Any) -> bool:
    if not isinstance(each, dict):
        return False
    inner = each.get("items", each) if each.get("type") == "array" else each
    return isinstance(inner, dict) and ("properties" in inner or "$ref" in inner)


class _JsonReader:
    """Objects become entities; arrays of objects and nested objects become entities of their own."""

    def __init__(self, root: Document) -> None:
        self._root = root
        self.entities: dict[str, Document] = {}

    def resolved(self, each: Any) -> Any:
        """What a local ``$ref`` points to."""
        for _ in range(_DEEPEST):
            if not isinstance(each, dict) or not isinstance(each.get("$ref"), str):
                return each
            place: Any = self._root
            for part in each["$ref"].removeprefix("#").strip("/").split("/"):
                place = place.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
            each = place
        return {}

    def entity(self, name: str, found: Any, depth: int) -> None:
        """Adds an object as an entity, unless one of its name is there."""
        found = self.resolved(found)
        if isinstance(found, dict) and found.get("type") == "array":
            found = self.resolved(found.get("items"))
        name = name.replace(".", "_")
        if not isinstance(found, dict) or not isinstance(found.get("properties"), dict) or name in self.entities:
            return
        if depth > _DEEPEST:
            raise _invalid(f"the JSON Schema is nested deeper than {_DEEPEST} levels", name)
        fields: list[Document] = []
        self.entities[name] = {"name": name, "description": str(found.get("description", "")), "fields": fields}
        required = set(found.get("required") or ())
        for field, said in found["properties"].items():
            each = self.resolved(said)
            if _is_table(each):
                self.entity(f"{name}_{field}", each, depth + 1)
            elif isinstance(each, dict):
                fields.append(_json_field(str(field), each, field in required))
        if not fields:
            del self.entities[name]


def _json_field(name: str, said: Document, required: bool) -> Document:
    kinds = said.get("type")
    kind = next((each for each in kinds if each != "null"), "string") if isinstance(kinds, list) else kinds
    values = said.get("enum") or ([said["const"]] if "const" in said else [])
    return {
        "name": name.replace(".", "_"),
        "type": _JSON_FORMATS.get(str(said.get("format")), _JSON_TYPES.get(str(kind), "string")),
        "description": str(said.get("description") or said.get("title") or ""),
        "values": [{"value": str(each)} for each in values if each is not None],
        "unit": str(said.get("x-unit", "")),
        "key": bool(said.get("x-key")),
        "required": required,
        "references": str(said.get("x-references", "")),
    }


_TRUE = frozenset({"1", "true", "yes", "y", "x"})


def _csv(content: str) -> list[Document]:
    delimiter = max(",;\t|", key=content.split("\n", 1)[0].count)
    try:
        rows = list(csv.DictReader(io.StringIO(content.lstrip("\ufeff")), delimiter=delimiter))
    except csv.Error as error:
        raise _invalid(f"the CSV cannot be read: {error}") from error
    entities: dict[str, Document] = {}
    for number, found in enumerate(rows, start=2):
        row = {(name or "").strip().lower(): str(value or "").strip() for name, value in found.items() if name}
        if "field" not in row:
            raise _invalid("the CSV has no column named field", "line 1")
        if not row["field"]:
            raise _invalid(f"line {number} names no field", f"line {number}")
        name = row.get("entity") or "record"
        entity = entities.setdefault(name, {"name": name, "description": "", "fields": []})
        entity["fields"].append(_csv_field(row))
    if not entities:
        raise _invalid("the CSV has no fields")
    return list(entities.values())


def _csv_field(row: dict[str, str]) -> Document:
    values = [part.partition("=") for part in row.get("values", "").replace(";", "|").split("|") if part.strip()]
    return {
        "name": row["field"],
        "type": row.get("type", "").lower() or "string",
        "description": row.get("description", ""),
        "values": [{"value": value.strip(), "description": meaning.strip()} for value, _, meaning in values],
        "unit": row.get("unit", ""),
        "key": row.get("key", "").lower() in _TRUE,
        "required": row.get("required", "").lower() in _TRUE,
        "references": row.get("references", ""),
    }
