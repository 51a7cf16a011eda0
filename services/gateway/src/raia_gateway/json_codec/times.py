"""google.protobuf.Timestamp and Duration in their JSON spellings, in whole nanoseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from raia_gateway.json_codec.errors import CodecError, kind_of

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)\Z", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s\Z", re.ASCII)
# Naive on purpose: isoformat() shall print no offset.
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MIN_SECONDS, _MAX_SECONDS = -62135596800, 253402300799
_MAX_DURATION = 315576000000


def decode_timestamp(value: Any, _depth: int) -> dict[str, int]:
    """``2026-01-31T12:00:00.5Z``, with any offset, as constructor keywords of a Timestamp."""
    if type(value) is not str:
        raise CodecError(f"must be a timestamp such as 2026-01-31T12:00:00Z, not {kind_of(value)}")
    match = _TIMESTAMP.match(value)
    if match is None:
        raise CodecError("must be a timestamp such as 2026-01-31T12:00:00Z")
    try:
        moment = datetime.fromisoformat(match[1] + match[3])
        seconds = (moment - _EPOCH_UTC) // _SECOND
    except (ValueError, OverflowError):
        raise CodecError("is not a moment of the calendar") from None
    if not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
        raise CodecError("must lie between the years 1 and 9999")
    return {"seconds": seconds, "nanos": int((match[2] or "0").ljust(9, "0"))}


def encode_timestamp(message: Any) -> str:
    """The moment in UTC with 0, 3, 6 or 9 digits of a second."""
    seconds, nanos = message.seconds, message.nanos
    if not (_MIN_SECONDS <= seconds <= _MAX_SECONDS and 0 <= nanos < 1_000_000_000):
        raise CodecError("the timestamp lies outside the years 1 to 9999")
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    return f"{text}{_fraction(nanos)}Z"


def decode_duration(value: Any, _depth: int) -> dict[str, int]:
    """``1.5s`` as constructor keywords of a Duration."""
    match = _DURATION.match(value) if type(value) is str else None
    if match is None:
        raise CodecError('must be a duration in seconds such as "1.5s"')
    sign = -1 if match[1] else 1
    seconds, nanos = int(match[2]), int((match[3] or "0").ljust(9, "0"))
    if seconds > _MAX_DURATION or (seconds == _MAX_DURATION and nanos):
        raise CodecError("the duration is too long")
    return {"seconds": sign * seconds, "nanos": sign * nanos}


def decode_duration_text(text: str) -> dict[str, int]:
    """A duration in a query or form, where a bare number means seconds: ``wait=5``."""
    return decode_duration(text if text.endswith("s") else f"{text}s", 0)


def encode_duration(message: Any) -> str:
    """Seconds with 0, 3, 6 or 9 digits."""
    seconds, nanos = message.seconds, message.nanos
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    digits = f"{nanos:09d}"
    if digits.endswith("000000"):
        return f".{digits[:3]}"
    return f".{digits[:6]}" if digits.endswith("000") else f".{digits}"
