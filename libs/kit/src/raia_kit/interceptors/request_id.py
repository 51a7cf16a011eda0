"""Gives the call its request id and correlation id, the caller's if they are well-formed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.context import Call
from raia_kit.ids import new_id
from raia_kit.metadata import CORRELATION_ID, REQUEST_ID

_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch


@contextmanager
def request_id(call: Call) -> Iterator[None]:
    """Sets ``call.request_id`` and ``call.correlation_id`` and answers the former in the trailers."""
    given = call.metadata.get(REQUEST_ID, "")
    call.request_id = given if _WELL_FORMED(given) else new_id().hex
    correlation = call.metadata.get(CORRELATION_ID, "")
    call.correlation_id = correlation if _WELL_FORMED(correlation) else call.request_id
    call.trailers[REQUEST_ID] = call.request_id
    yield
