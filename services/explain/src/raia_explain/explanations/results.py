"""Where results are kept: small ones in their row, large ones as an object."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import zstandard
from raia_kit.objects import ObjectStore

from raia_explain.explanations.domain import Explanation


class Results:
    """Stores and loads what was computed, as JSON; objects are compressed with zstd."""

    def __init__(self, objects: ObjectStore, inline_bytes: int) -> None:
        self._objects, self._inline_bytes = objects, inline_bytes

    def store(self, org_id: UUID, result: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
        """The bytes for the row, or the key of the object."""
        data = orjson.dumps(result)
        if len(data) <= self._inline_bytes:
            return data, None
        packed = zstandard.compress(data)
        return None, self._objects.put_stream(org_id, [packed], max_bytes=len(packed)).key

    def load(self, explanation: Explanation) -> Mapping[str, Any] | None:
        """The result of an explanation; None while there is none."""
        if explanation.result_key is None:
            return explanation.result
        packed = b"".join(self._objects.stream(explanation.result_key))
        found: Mapping[str, Any] = orjson.loads(zstandard.decompress(packed))
        return found
