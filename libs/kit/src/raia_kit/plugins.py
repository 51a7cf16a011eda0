"""Finds plug-ins by entry point, checks them, and keeps a broken one from harming the rest."""

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from raia_plugins import API_VERSIONS, GROUP_PREFIX, PluginError
from raia_plugins.base import Plugin

from raia_kit.errors import FailedPrecondition, FieldViolation, InvalidArgument, NotFound

_LOG = logging.getLogger(__name__)
P = TypeVar("P")


@dataclass(frozen=True)
class BrokenPlugin:
    """A plug-in that cannot be used, and why."""

    kind: str
    name: str
    distribution: str
    """The installed package it came with, name and version."""
    reason: str
    """What is wrong, in a sentence for whoever installed or wrote it."""


@dataclass(frozen=True)
class Plugins(Generic[P]):
    """The plug-ins of one kind that are installed."""

    kind: str
    found: Mapping[str, P]
    """Those that can be used, by name."""
    broken: Sequence[BrokenPlugin]
    """Those that cannot."""

    def get(self, name: str) -> P:
        """The plug-in of that name.

        Raises ``FailedPrecondition`` (PLUGIN_BROKEN) with what is wrong when it is installed and cannot be used,
        ``NotFound`` when it is not installed.
        """
        if name in self.found:
            return self.found[name]
        for fault in self.broken:
            if fault.name == name:
                raise FailedPrecondition(
                    f"the {self.kind} {name} of {fault.distribution} cannot be used: {fault.reason}",
                    reason="PLUGIN_BROKEN",
                    metadata={"kind": self.kind, "name": name, "distribution": fault.distribution},
                )
        raise NotFound.of(self.kind, name)


class _Unfit(Exception):
    """What was loaded is no plug-in of the kind; the message completes "cannot be used: it …"."""


def names(kind: str) -> list[str]:
    """The names of the installed plug-ins of a kind, sorted, without importing any."""
    return sorted({point.name for point in entry_points(group=GROUP_PREFIX + kind)})


def load(kind: str, protocol: type[P]) -> Plugins[P]:
    """Imports and checks every installed plug-in of the kind; one that is broken is logged and set aside.

    Call it where the plug-ins run: importing them may take long and bring heavy libraries. Raises ``ValueError`` for a
    kind that does not exist.
    """
    if kind not in API_VERSIONS:
        raise ValueError(f"there are no plug-ins of kind {kind}; kinds are {', '.join(API_VERSIONS)}")
    found: dict[str, P] = {}
    origins: dict[str, str] = {}
    broken: list[BrokenPlugin] = []
    for point in sorted(entry_points(group=GROUP_PREFIX + kind), key=lambda p: (p.name, _distribution(p))):
        origin = _distribution(point)
        try:
            if point.name in found:
                raise _Unfit(f"has the name of one that {origins[point.name]} brings")
            found[point.name] = _checked(point, kind, protocol)
            origins[point.name] = origin
        except _Unfit as unfit:
            broken.append(BrokenPlugin(kind, point.name, origin, f"it {unfit}"))
        except (Exception, SystemExit) as error:
            _LOG.warning("plug-in %s %s of %s failed to load", kind, point.name, origin, exc_info=error)
            broken.append(
                BrokenPlugin(kind, point.name, origin, f"loading {point.value} raised {type(error).__name__}")
            )
    for fault in broken:
        _LOG.error("the %s %s of %s cannot be used: %s", kind, fault.name, fault.distribution, fault.reason)
    return Plugins(kind, found, broken)


def check_options(plugin: Plugin, options: Mapping[str, Any], *, field: str = "options") -> None:
    """Checks options against the plug-in's ``options_schema`` before it sees them.

    Raises ``InvalidArgument`` (INVALID_OPTIONS) with one violation for each fault; ``field`` is the request field that
    holds the options.
    """
    faults = sorted(_validator(plugin.options_schema).iter_errors(dict(options)), key=lambda fault: list(fault.path))
    if faults:
        violations = [FieldViolation(".".join([field, *map(str, fault.path)]), fault.message) for fault in faults]
        raise InvalidArgument(
            f"the {plugin.name} plug-in does not take these options: {violations[0].description}",
            reason="INVALID_OPTIONS",
            metadata={"name": plugin.name},
            violations=violations,
        )


@contextmanager
def refusals(kind: str, name: str) -> Iterator[None]:
    """Wraps a plug-in's work: what it refuses by ``PluginError`` becomes ``FailedPrecondition`` (PLUGIN_REFUSED)."""
    try:
        yield
    except PluginError as error:
        raise FailedPrecondition(str(error), reason="PLUGIN_REFUSED", metadata={"kind": kind, "name": name}) from error


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped,unused-ignore]

    return Draft202012Validator(dict(schema))


def _check_schema(schema: Any) -> None:
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped,unused-ignore]

    try:
        validator = _validator(schema)
        validator.check_schema(validator.schema)
    except (SchemaError, TypeError, ValueError) as error:
        raise _Unfit("has options_schema, which is no JSON Schema") from error


def _distribution(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version}" if dist is not None else "an unknown package"


def _checked(point: EntryPoint, kind: str, protocol: type[P]) -> P:
    loaded = point.load()
    if not callable(loaded):
        raise _Unfit(f"is {point.value}, which is no class")
    plugin = loaded()
    version = getattr(plugin, "api_version", None)
    if version != API_VERSIONS[kind]:
        raise _Unfit(f"implements version {version!r} of the {kind} Protocol; this platform has {API_VERSIONS[kind]}")
    missing = sorted(name for name in _members(protocol) if not _has(plugin, name))
    if missing:
        raise _Unfit(f"lacks {', '.join(missing)}")
    if plugin.name != point.name:
        raise _Unfit(f"calls itself {plugin.name!r}, its entry point {point.name!r}")
    _check_schema(plugin.options_schema)
    for name, method in _methods(protocol):
        _check_method(name, method, getattr(plugin, name))
    typed: P = plugin
    return typed


def _has(plugin: object, name: str) -> bool:
    """Whether the plug-in has the member of its own: what it merely inherits from the Protocol does nothing."""
    owner = next((base for base in type(plugin).__mro__ if name in vars(base)), None)
    return hasattr(plugin, name) and (owner is None or not getattr(owner, "_is_protocol", False))


def _members(protocol: type) -> Iterator[str]:
    for base in protocol.__mro__:
        if getattr(base, "_is_protocol", False):
            yield from (name for name in (*vars(base), *vars(base).get("__annotations__", ())) if name[0] != "_")


def _methods(protocol: type) -> Iterator[tuple[str, Any]]:
    for name in set(_members(protocol)):
        member = inspect.getattr_static(protocol, name, None)
        if inspect.isfunction(member):
            yield name, member


def _check_method(name: str, wanted: Any, given: Any) -> None:
    """Raises ``_Unfit`` unless ``given`` can be called the way the Protocol's method is."""
    if not callable(given):
        raise _Unfit(f"has {name}, which cannot be called")
    parameters = list(inspect.signature(wanted).parameters.values())[1:]
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):
        return  # written in C: it says nothing about its parameters
    try:
        signature.bind(*(parameter.name for parameter in parameters))
    except TypeError as error:
        expected = ", ".join(parameter.name for parameter in parameters)
        raise _Unfit(f"has {name}{signature}, which cannot be called as {name}({expected})") from error
