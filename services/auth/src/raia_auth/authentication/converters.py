"""Tokens as protobuf messages."""

from raia.auth.v1 import authentication_service_pb2

from raia_auth.sessions.service import SessionTokens


def to_proto(tokens: SessionTokens) -> authentication_service_pb2.Tokens:
    """What a client gets when a session opens or goes on."""
    return authentication_service_pb2.Tokens(
        access_token=tokens.access.token,
        refresh_token=tokens.refresh_token,
        token_type="Bearer",  # noqa: S106 - a kind of token, not one
        expires_in=tokens.access.expires_in,
    )
