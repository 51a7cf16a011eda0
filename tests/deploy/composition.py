"""The Compose file as an engine would see it: variables filled in from a generated ``.env``."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]
from raia_launcher import deployment_keys

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "compose"
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")


@dataclass(frozen=True)
class Composition:
    """The file's content, raw and with the variables of ``values`` filled in."""

    text: str
    values: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "Composition":
        """Generates keys and passwords into ``folder``, as ``raia keys`` does, and reads the file with them."""
        deployment_keys.write(folder, deployment_keys.services())
        lines = (folder / ".env").read_text().splitlines()
        return cls((FOLDER / "compose.yaml").read_text(), dict(line.split("=", 1) for line in lines))

    @cached_property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = _filled(yaml.safe_load(self.text), self.values)
        return found

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.document["services"]
        return found

    @property
    def variables(self) -> dict[str, str]:
        """Names of the variables that the file uses; the default of each, "" when it must be set."""
        found = _VARIABLE.findall(self.text)
        return {name: default if kind == ":-" else "" for _, name, kind, default in found if name}

    @property
    def required(self) -> set[str]:
        """Names of the variables without which the file is refused."""
        return {name for _, name, kind, _ in _VARIABLE.findall(self.text) if name and kind != ":-"}


def _filled(node: Any, values: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(each, values) for name, each in node.items()}
    if isinstance(node, list):
        return [_filled(each, values) for each in node]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        dollar, name, kind, default = match.groups()
        if dollar:
            return "$"
        if not values.get(name) and kind != ":-":
            raise KeyError(name)
        return values.get(name) or default

    return _VARIABLE.sub(value, node)
