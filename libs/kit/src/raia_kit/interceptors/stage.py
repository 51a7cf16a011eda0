"""What a stage of the chain is."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from google.rpc import status_pb2

from raia_kit.context import Call

Stage = Callable[[Call], AbstractContextManager[None]]
"""Entered for each call, outermost first, and held until its answer, or its last one, is made.

A stage refuses a call by raising a ``RaiaError``.
"""


class Refused(Exception):
    """Carries the status that a call is answered with from the errors stage through the stages outside of it."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status
