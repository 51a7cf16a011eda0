"""The types of the ASGI interface, as far as the gateway uses it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
"""What is known of a connection or request when it begins."""
Event = MutableMapping[str, Any]
"""One message from or to the server."""
Receive = Callable[[], Awaitable[Event]]
"""Waits for the next message from the client."""
Send = Callable[[Event], Awaitable[None]]
"""Sends a message; waits while the client's buffer is full."""
Header = tuple[bytes, bytes]
"""A header's name, in lower case, and value."""


class ClientDisconnected(Exception):
    """The client went away before its request was answered; nobody is left to tell."""
