"""TokenService over gRPC."""

from uuid import UUID

import grpc
from raia.auth.v1 import token_service_pb2, token_service_pb2_grpc
from raia_kit.context import current_call
from raia_kit.identity import is_assertion

from raia_auth.errors import AssertionRequired
from raia_auth.tokens.service import ExchangeService


class TokenServicer(token_service_pb2_grpc.TokenServiceServicer):
    """How services get tokens to act for a user."""

    def __init__(self, exchange: ExchangeService) -> None:
        self._exchange = exchange

    def Exchange(
        self, request: token_service_pb2.ExchangeRequest, _context: grpc.ServicerContext
    ) -> token_service_pb2.ExchangedToken:
        """A token of five minutes for the calling service."""
        caller = current_call().authenticated
        # A token that was itself exchanged must not beget another: only the service's own key does.
        if caller.service is None or not is_assertion(caller):
            raise AssertionRequired
        token = self._exchange.exchange(
            caller.service, _id(request.user_id), _id(request.org_id), request.job_id, request.permissions
        )
        return token_service_pb2.ExchangedToken(access_token=token.token, expires_in=token.expires_in)


def _id(text: str) -> UUID | None:
    return UUID(text) if text else None
