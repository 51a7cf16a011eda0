"""The bytes of an object on their way in."""

import hashlib
from collections.abc import Iterable, Iterator

from raia_kit.errors import InvalidArgument


class Incoming:
    """Passes chunks on while it counts and digests them; raises ``InvalidArgument`` when they are more than allowed."""

    def __init__(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._chunks, self._max_bytes = chunks, max_bytes

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            if self.size > self._max_bytes:
                raise InvalidArgument(
                    f"the file is larger than the limit of {self._max_bytes} bytes",
                    reason="PAYLOAD_TOO_LARGE",
                    metadata={"limit_bytes": str(self._max_bytes)},
                )
            self.digest.update(chunk)
            if chunk:
                yield chunk
