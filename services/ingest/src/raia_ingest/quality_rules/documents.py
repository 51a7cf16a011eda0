"""Documents of rules: YAML or JSON, in and out."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import yaml
from google.protobuf.json_format import ParseDict, ParseError
from raia.ingest.v1 import quality_rule_pb2
from raia_kit.errors import InvalidArgument
from raia_kit.interceptors.validation import validate

from raia_ingest.errors import rule_document_invalid
from raia_ingest.quality_rules.converters import from_proto
from raia_ingest.quality_rules.domain import RuleSpec

FORMAT_VERSION = 1
MOST_RULES = 1000


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # untyped library
    """Plain YAML: dates stay texts, and no node stands for another, since a few could stand for billions."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.constructor.ConstructorError(None, None, "anchors and aliases are not taken", event.start_mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(content: str) -> list[RuleSpec]:
    """The rules of a document; raises ``InvalidArgument`` that says where it is wrong."""
    try:
        document = yaml.load(content, Loader=_Loader)  # noqa: S506 - a safe loader of our own
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        where = f"line {place.line + 1}, column {place.column + 1}: " if place is not None else ""
        raise rule_document_invalid(f"{where}{error.problem or 'this is no YAML'}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise rule_document_invalid("this is neither YAML nor JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise rule_document_invalid('it must hold a list "rules"')
    if document.get("version", FORMAT_VERSION) != FORMAT_VERSION:
        raise rule_document_invalid(f"its version must be {FORMAT_VERSION}")
    if len(document["rules"]) > MOST_RULES:
        raise rule_document_invalid(f"it holds more than {MOST_RULES:,} rules")
    rules = [_rule(place, written) for place, written in enumerate(document["rules"], start=1)]
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise rule_document_invalid(f"two rules are called {twice!r}")
    return rules


def _rule(place: int, written: Any) -> RuleSpec:
    if not isinstance(written, dict):
        raise rule_document_invalid(f"rule {place} is no mapping of fields")
    message = quality_rule_pb2.QualityRuleSpec()
    try:
        ParseDict(written, message)
        validate(message)
    except (ParseError, TypeError, ValueError, RecursionError) as error:
        raise rule_document_invalid(f"rule {place}: {str(error)[:300]}") from error
    except InvalidArgument as error:
        raise rule_document_invalid(f"rule {place}: {error.message}") from error
    return from_proto(message)


def write(rules: Sequence[RuleSpec], *, as_json: bool) -> str:
    """The rules as a document that ``read`` reads."""
    document: Mapping[str, Any] = {"version": FORMAT_VERSION, "rules": [rule.document() for rule in rules]}
    if as_json:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    text: str = yaml.safe_dump(_whole(document), sort_keys=False, allow_unicode=True, width=120)
    return text


def _whole(value: Any) -> Any:
    """Numbers that are whole, written so."""
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
