"""Path templates of google.api.http, and the matcher that finds the rpc for a method and path."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from google.api import http_pb2

from raia_gateway.errors import MalformedRequest, MethodNotAllowed, RouteNotFound

T = TypeVar("T")

_FIELD_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z", re.ASCII)
_LITERAL = re.compile(r"[A-Za-z0-9._~!$&'()+,;@-]+\Z", re.ASCII)
_VERB = re.compile(r"(.*):([A-Za-z0-9_-]+)\Z", re.ASCII | re.DOTALL)


class TemplateError(ValueError):
    """A route in a contract does not follow the grammar of google.api.http."""


@dataclass(frozen=True)
class Variable:
    """A field that a part of the path fills: segments ``start`` up to ``end``, or to the last when ``end`` is None."""

    path: str
    start: int
    end: int | None


@dataclass(frozen=True)
class Template:
    """A parsed path template."""

    text: str
    segments: tuple[str, ...]
    """Literals, ``*`` for one segment, ``**`` for all that follow."""
    verb: str
    """What follows the last segment after a colon; empty for none."""
    variables: tuple[Variable, ...]

    @property
    def shape(self) -> str:
        """The path with ``{field}`` for each variable, as OpenAPI spells it."""
        parts = list(self.segments)
        for variable in reversed(self.variables):
            parts[variable.start : variable.end] = [f"{{{variable.path}}}"]
        return "/" + "/".join(parts) + (f":{self.verb}" if self.verb else "")


def parse_template(text: str) -> Template:
    """The template of a contract's route; raises ``TemplateError`` saying what is wrong with it."""
    if not text.startswith("/"):
        raise TemplateError(f"{text!r} does not begin with a slash")
    path, verb = text, ""
    match = _VERB.match(text)
    if match and "}" not in match[2] and "/" not in match[2]:
        path, verb = match[1], match[2]
    segments: list[str] = []
    variables: list[Variable] = []
    for part in _split(path[1:], text):
        if not part.startswith("{"):
            segments.append(_segment(part, text))
            continue
        name, _, pattern = part[1:-1].partition("=")
        if not _FIELD_PATH.match(name):
            raise TemplateError(f"{text!r}: {name!r} is not a field")
        inner = [_segment(segment, text) for segment in (pattern or "*").split("/")]
        end = None if inner[-1] == "**" else len(segments) + len(inner)
        variables.append(Variable(name, len(segments), end))
        segments.extend(inner)
    if "**" in segments[:-1]:
        raise TemplateError(f"{text!r}: ** can only be last")
    if len({variable.path for variable in variables}) != len(variables):
        raise TemplateError(f"{text!r} names a field twice")
    return Template(text, tuple(segments), verb, tuple(variables))


def _split(path: str, text: str) -> Iterator[str]:
    """Splits at slashes outside of braces."""
    position = 0
    while position <= len(path):
        if path.startswith("{", position):
            end = path.find("}", position) + 1
            if end == 0:
                raise TemplateError(f"{text!r} lacks a closing brace")
        else:
            end = path.find("/", position)
            end = len(path) if end < 0 else end
        if end < len(path) and path[end] != "/":
            raise TemplateError(f"{text!r}: a variable fills whole segments")
        yield path[position:end]
        position = end + 1


def _segment(segment: str, text: str) -> str:
    if segment not in ("*", "**") and not _LITERAL.match(segment):
        raise TemplateError(f"{text!r}: {segment!r} is not a segment")
    return segment


@dataclass(frozen=True)
class Binding:
    """One REST route of an rpc."""

    method: str
    template: Template
    body: str
    """The request field that the body fills, ``*`` for the whole request, empty for none."""
    response_body: str
    """The answer's field that is sent; empty for the whole answer."""


def bindings(rule: http_pb2.HttpRule) -> list[Binding]:
    """The routes of an rpc, its additional bindings too."""
    result = []
    for one in [rule, *rule.additional_bindings]:
        verb = one.WhichOneof("pattern")
        if verb is None:
            raise TemplateError("a binding has no path")
        method, path = (one.custom.kind, one.custom.path) if verb == "custom" else (verb, getattr(one, verb))
        result.append(Binding(method.upper(), parse_template(path), one.body, one.response_body))
    return result


@dataclass
class _Node(Generic[T]):
    literals: "dict[str, _Node[T]]" = field(default_factory=dict)
    one: "_Node[T] | None" = None
    rest: "_Node[T] | None" = None
    targets: dict[str, dict[str, tuple[Template, T]]] = field(default_factory=dict)
    """By verb, then by method."""


class Matcher(Generic[T]):
    """Finds the target of a method and path: literals before ``*`` before ``**``, whatever the order of adding."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._verbs: set[str] = set()

    def add(self, method: str, template: Template, target: T) -> None:
        """Binds a target; raises ``TemplateError`` when method and path are taken."""
        node = self._root
        for segment in template.segments:
            if segment == "*":
                node.one = node.one or _Node()
                node = node.one
            elif segment == "**":
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node = node.literals.setdefault(segment, _Node())
        methods = node.targets.setdefault(template.verb, {})
        if method in methods:
            raise TemplateError(f"{method} {template.text} is taken by {methods[method][0].text}")
        methods[method] = (template, target)
        self._verbs.add(template.verb)

    def match(self, method: str, raw_path: bytes) -> tuple[T, dict[str, str]]:
        """The target and the texts of its path's fields; raises ``RouteNotFound`` or ``MethodNotAllowed``."""
        segments = _decode(raw_path)
        allowed: set[str] = set()
        head, colon, verb = segments[-1].rpartition(":")
        if colon and verb in self._verbs:
            with_verb = [*segments[:-1], head]
            found = self._find(with_verb, verb, method, allowed)
            if found is not None:
                return found[1], _values(found[0], with_verb)
        found = self._find(segments, "", method, allowed)
        if found is not None:
            return found[1], _values(found[0], segments)
        if allowed:
            raise MethodNotAllowed(method, sorted(allowed))
        raise RouteNotFound(raw_path.decode("latin-1"))

    def methods(self, raw_path: bytes) -> set[str]:
        """The methods that the path takes; empty for an unknown path."""
        try:
            self.match("", raw_path)
        except MethodNotAllowed as error:
            return set(error.allowed)
        except (RouteNotFound, MalformedRequest):
            pass
        return set()

    def _find(self, segments: list[str], verb: str, method: str, allowed: set[str]) -> tuple[Template, T] | None:
        """Depth first, so that a literal's whole subtree is tried before a variable's; fills ``allowed`` on its way."""
        waiting = [(self._root, 0)]
        while waiting:
            node, index = waiting.pop()
            if index == len(segments):
                methods = node.targets.get(verb, {})
                if method in methods:
                    return methods[method]
                allowed.update(methods)
                continue
            segment = segments[index]
            if node.rest is not None and all(_is_name(part) and "/" not in part for part in segments[index:]):
                waiting.append((node.rest, len(segments)))
            if node.one is not None and _is_name(segment):
                waiting.append((node.one, index + 1))
            child = node.literals.get(segment)
            if child is not None:
                waiting.append((child, index + 1))
        return None


def _is_name(segment: str) -> bool:
    """Whether a segment may be a field's value: something, and no step up or down a tree."""
    return segment not in ("", ".", "..")


def _decode(raw_path: bytes) -> list[str]:
    """The path's segments, decoded after splitting: an encoded slash never parts two segments."""
    parts = raw_path.split(b"/")[1:]
    try:
        if b"%" not in raw_path:
            return [part.decode("utf-8") for part in parts]
        return [unquote_to_bytes(part).decode("utf-8") for part in parts]
    except UnicodeDecodeError:
        raise MalformedRequest("the path is not UTF-8") from None


def _values(template: Template, segments: list[str]) -> dict[str, str]:
    return {
        variable.path: segments[variable.start]
        if variable.end == variable.start + 1
        else "/".join(segments[variable.start : variable.end])
        for variable in template.variables
    }
