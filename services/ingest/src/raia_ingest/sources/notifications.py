"""What object stores send when an object was written."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit


def concerns(url: str, event: Mapping[str, Any]) -> bool:
    """Whether a notification tells of an object below the prefix that ``url`` names.

    Of S3's form (``Records``, also within what SNS and SQS wrap around it once it is unwrapped) the keys are written as
    in an address; of EventBridge's (``detail``) they are plain. Anything else concerns nobody.
    """
    place = urlsplit(url)
    prefix = place.path.strip("/")
    return any(
        bucket == place.netloc and (not prefix or key == prefix or key.startswith(f"{prefix}/"))
        for bucket, key in _objects(event)
    )


def _objects(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Bucket and key of each object that is told of."""
    records = event.get("Records", [])
    for record in records if isinstance(records, list) else []:
        named = _named(record.get("s3")) if isinstance(record, Mapping) else None
        if named is not None:
            yield named[0], unquote_plus(named[1])
    named = _named(event.get("detail"))
    if named is not None:
        yield named


def _named(value: Any) -> tuple[str, str] | None:
    """``bucket.name`` and ``object.key`` of a part of a notification."""
    if not isinstance(value, Mapping):
        return None
    bucket, found = value.get("bucket"), value.get("object")
    name = bucket.get("name") if isinstance(bucket, Mapping) else None
    key = found.get("key") if isinstance(found, Mapping) else None
    return (name, key) if isinstance(name, str) and isinstance(key, str) else None
