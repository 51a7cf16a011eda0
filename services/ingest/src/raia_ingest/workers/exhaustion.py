"""Tells a full disk and exhausted memory from a bad file."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from raia_kit.errors import ResourceExhausted

_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("no space left", "errno 28", "errno 122", "disk quota", "not enough space")


@contextmanager
def explained() -> Iterator[None]:
    """Raises ``ResourceExhausted`` (STORAGE_FULL, COMPUTE_MEMORY_EXCEEDED) for what the libraries raise then."""
    try:
        yield
    except (pa.ArrowMemoryError, duckdb.OutOfMemoryException) as error:
        if _is_full(error):
            raise storage_full() from error
        raise ResourceExhausted(
            "the computation needs more memory than it may use", reason="COMPUTE_MEMORY_EXCEEDED"
        ) from error
    except (OSError, duckdb.Error) as error:
        if _is_full(error):
            raise storage_full() from error
        raise


def storage_full() -> ResourceExhausted:
    """The disk is full."""
    return ResourceExhausted("storage is full; nothing was written", reason="STORAGE_FULL", retry_after=60.0)


def _is_full(error: BaseException) -> bool:
    return getattr(error, "errno", None) in _FULL or any(word in str(error).lower() for word in _WORDS)
