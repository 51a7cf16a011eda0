"""Which brokers a stream may reach: whoever makes a stream must not look into the network that the platform runs in."""

import ipaddress
import socket
from collections.abc import Iterable

from raia_kit.errors import Unavailable


def check_brokers(brokers: Iterable[str], *, private: bool) -> None:
    """Raises ``Unavailable`` when a broker (``host:port``) has no address, or one that may not be reached.

    Addresses that are not public are refused unless ``private``.
    """
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unavailable(f"the broker {broker} has no address", reason="EVENT_LOG_UNAVAILABLE") from error
        addresses = {ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found}
        if not private and not all(address.is_global for address in addresses):
            raise Unavailable(
                f"the broker {broker} has an address that is not public, which the settings do not allow",
                reason="EVENT_LOG_UNAVAILABLE",
            )
