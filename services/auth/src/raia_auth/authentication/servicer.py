"""AuthenticationService over gRPC."""

import grpc
from google.protobuf.empty_pb2 import Empty
from raia.auth.v1 import authentication_service_pb2 as pb2
from raia.auth.v1 import authentication_service_pb2_grpc, user_pb2
from raia_kit.context import current_call, current_unit

from raia_auth.authentication.converters import to_proto
from raia_auth.authentication.me import MeService
from raia_auth.authentication.service import AuthenticationService, SignIn
from raia_auth.errors import SessionRequired
from raia_auth.users.converters import identifier, organisation_to_proto
from raia_auth.users.converters import to_proto as user_to_proto


class AuthenticationServicer(authentication_service_pb2_grpc.AuthenticationServiceServicer):
    """Passwords, tokens and sessions."""

    def __init__(self, authentication: AuthenticationService, me: MeService) -> None:
        self._authentication, self._me = authentication, me

    def Login(self, request: pb2.LoginRequest, _context: grpc.ServicerContext) -> pb2.Tokens:
        """Signs a user in to one organisation."""
        sign_in = SignIn(
            request.email, request.password, identifier(request.organisation), current_call().client_address
        )
        return to_proto(self._authentication.login(sign_in))

    def Refresh(self, request: pb2.RefreshRequest, _context: grpc.ServicerContext) -> pb2.Tokens:
        """Exchanges a refresh token for new tokens."""
        return to_proto(self._authentication.refresh(request.refresh_token))

    def Logout(self, _request: pb2.LogoutRequest, _context: grpc.ServicerContext) -> Empty:
        """Ends the caller's session."""
        self._authentication.logout(_session_id())
        return Empty()

    def Register(self, request: pb2.RegisterRequest, _context: grpc.ServicerContext) -> user_pb2.User:
        """Creates a user and an organisation of their own."""
        user = self._authentication.register(request.email, request.password, request.name, request.organisation_name)
        return user_to_proto(user)

    def GetMe(self, _request: pb2.GetMeRequest, _context: grpc.ServicerContext) -> pb2.Me:
        """Who the caller is."""
        user, organisation, permissions = self._me.get(current_unit(), current_call().authenticated)
        return pb2.Me(
            user=user_to_proto(user),
            organisation=organisation_to_proto(organisation),
            roles=user.roles,
            permissions=sorted(permissions),
        )

    def ChangePassword(self, request: pb2.ChangePasswordRequest, _context: grpc.ServicerContext) -> Empty:
        """Changes the caller's password and ends every other session of theirs."""
        call = current_call()
        self._authentication.change_password(
            call.user_id, _session_id(), request.current_password, request.new_password, call.client_address
        )
        return Empty()


def _session_id() -> str:
    session_id = current_call().authenticated.session_id
    if session_id is None:
        raise SessionRequired
    return session_id
