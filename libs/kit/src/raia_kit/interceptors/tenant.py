"""Makes sure that a call on an organisation's data belongs to an organisation."""

from collections.abc import Iterator
from contextlib import contextmanager

from raia_kit.context import Call
from raia_kit.contract import Access
from raia_kit.errors import Unauthenticated


@contextmanager
def tenant(call: Call) -> Iterator[None]:
    """Refuses a routed or self rpc called with a token without an organisation.

    A public rpc has no tenant until its use case knows one, an internal one may act for the platform.
    """
    if call.method.access in (Access.ROUTED, Access.SELF) and call.authenticated.org_id is None:
        raise Unauthenticated("this call needs a token of an organisation", reason="TOKEN_WITHOUT_ORGANISATION")
    yield
