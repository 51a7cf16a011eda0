"""Looks into a packed document before anything reads it: damage and bombs."""

import zipfile
from pathlib import Path

from raia_kit.errors import RaiaError

from raia_llm import errors
from raia_llm.workers.extracted import Limits

_RATIO_MATTERS_BYTES = 16 * 1024**2
_MOST_RATIO = 200
_MOST_ENTRIES = 10_000
_CHUNK = 1024**2


def verify(path: Path, filename: str, limits: Limits) -> None:
    """Unpacks every part once, counting and keeping nothing.

    Raises ``BadDocument`` when a part is damaged or encrypted, ``TooLarge`` when the parts unpack to more than allowed.
    """
    allowed = limits.max_unpacked_bytes
    ratio_limit = max(_RATIO_MATTERS_BYTES, path.stat().st_size * _MOST_RATIO)
    unpacked = 0
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise errors.damaged(filename, f"it has {len(entries):,} parts")
            for entry in entries:
                if entry.flag_bits & 1:
                    raise errors.encrypted(filename)
                with archive.open(entry) as part:
                    while piece := part.read(_CHUNK):
                        unpacked += len(piece)
                        if unpacked > min(allowed, ratio_limit):
                            limit = min(allowed, ratio_limit)
                            raise errors.too_large(filename, limit, "the document unpacks to more than allowed")
    except (RaiaError, MemoryError):
        raise
    except Exception as error:  # the library raises whatever a broken part leads it to
        raise errors.damaged(filename, "it cannot be unpacked") from error
