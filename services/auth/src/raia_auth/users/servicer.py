"""UserService over gRPC."""

from uuid import UUID

import grpc
from raia.auth.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from raia_kit.context import current_unit, final_unit

from raia_auth.users.converters import to_change, to_proto
from raia_auth.users.listing import UserListing
from raia_auth.users.service import UserService


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """The members of the caller's organisation."""

    def __init__(self, users: UserService, listing: UserListing) -> None:
        self._users, self._listing = users, listing

    def ListUsers(
        self, request: user_service_pb2.ListUsersRequest, _context: grpc.ServicerContext
    ) -> user_service_pb2.ListUsersResponse:
        """Lists the organisation's users."""
        users, token = self._listing.page(current_unit(), request)
        return user_service_pb2.ListUsersResponse(users=[to_proto(user) for user in users], next_page_token=token)

    def GetUser(self, request: user_service_pb2.GetUserRequest, _context: grpc.ServicerContext) -> user_pb2.User:
        """Gets one user."""
        return to_proto(self._users.get(current_unit(), UUID(request.id)))

    def CreateUser(self, request: user_service_pb2.CreateUserRequest, _context: grpc.ServicerContext) -> user_pb2.User:
        """Creates a user in the caller's organisation."""
        hashed = self._users.hash_first_password(request.email, request.password)
        return to_proto(self._users.create(final_unit(), request.email, hashed, request.name, request.roles))

    def UpdateUser(self, request: user_service_pb2.UpdateUserRequest, _context: grpc.ServicerContext) -> user_pb2.User:
        """Changes a user's name or roles, deactivates or reactivates them."""
        return to_proto(self._users.update(current_unit(), UUID(request.id), to_change(request), request.etag))
