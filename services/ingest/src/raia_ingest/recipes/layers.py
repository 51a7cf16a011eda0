"""Values that are computed once and used several times."""

from collections.abc import Mapping, Sequence

from raia_ingest.recipes.sql import SPACES, text


class Layers:
    """SQL by name, in layers: what a layer computes, the next ones may use."""

    def __init__(self) -> None:
        self.listed: list[dict[str, str]] = []

    def add(self, value: str, depth: int) -> str:
        """Has ``value`` computed in the layer ``depth`` and returns its name."""
        while len(self.listed) <= depth:
            self.listed.append({})
        name = f"h{sum(map(len, self.listed))}"
        self.listed[depth][name] = value
        return name

    def trimmed(self, value: str, depth: int) -> tuple[str, int]:
        """The text without white space at its ends, and the layer from which it may be used."""
        plain = self.add(f"trim({value})", depth)
        # Taking off a set of characters is slow; most texts begin and end with a plain one once blanks are gone.
        clean = f"left({plain}, 1) between '!' and '~' and right({plain}, 1) between '!' and '~'"
        name = self.add(f"case when {clean} then {plain} else trim({plain}, {text(SPACES)}) end", depth + 1)
        return name, depth + 2


def layered(source: str, layers: Sequence[Mapping[str, str]]) -> str:
    """The source of a query with the values of all layers beside its columns."""
    for layer in layers:
        made = ", ".join(f"{value} as {name}" for name, value in layer.items())
        source = f"(select *, {made} from {source})"  # noqa: S608 - compiled values alone
    return source
