"""Puts what documents say of fields to the columns of a version."""

import re
from collections.abc import Mapping
from typing import Any

_OTHER = re.compile(r"[^0-9a-z]+")


def folded(name: str) -> str:
    """A name without case, blanks and signs: a dictionary's ``Policy No.`` is the column ``policy_no``."""
    return _OTHER.sub("", name.lower()) or name.strip()


def described(schema_info: Mapping[str, Any], descriptions: Mapping[str, str]) -> dict[str, Any]:
    """The schema with each column's description; columns of which nothing is said have none."""
    by_name = {folded(name): text for name, text in descriptions.items()}
    columns = []
    for column in schema_info.get("columns", []):
        plain = {name: value for name, value in column.items() if name != "description"}
        text = by_name.get(folded(column["name"])) or by_name.get(folded(column["original_name"]))
        columns.append(plain | ({"description": text} if text else {}))
    return {**schema_info, "columns": columns}
