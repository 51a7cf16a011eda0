"""What all kinds of plug-ins share."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


class PluginError(Exception):
    """The work cannot be done, and the user can mend it: the message is shown to them, so it holds no secret.

    Any other exception counts as a fault of the plug-in; the user learns that it failed, the log learns how.
    """


@runtime_checkable
class Progress(Protocol):
    """Given to long work: called from time to time, it also ends work that was cancelled, by raising."""

    def __call__(self, fraction: float, message: str = "") -> None:
        """``fraction`` from 0 to 1; ``message`` says what is being done."""


@runtime_checkable
class Plugin(Protocol):
    """What every plug-in has."""

    @property
    def name(self) -> str:
        """The plug-in's name, the one of its entry point; unique in its kind."""

    @property
    def api_version(self) -> int:
        """The version of the Protocol that it implements, from ``raia_plugins.API_VERSIONS``."""

    @property
    def options_schema(self) -> Mapping[str, Any]:
        """JSON Schema of the options it takes: an object; values are checked before they are given to it."""
