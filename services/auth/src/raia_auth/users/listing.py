"""Lists of users: which fields filter and order them."""

from raia.auth.v1 import user_pb2, user_service_pb2
from raia_kit.database import UnitOfWork
from raia_kit.filtering import QueryFields
from raia_kit.pagination import list_page

from raia_auth.users.domain import User
from raia_auth.users.repository import UserRepository, to_user
from raia_auth.users.tables import organisation_user

_VIEW = organisation_user.c
FIELDS = QueryFields(
    user_pb2.User.DESCRIPTOR,
    {
        "id": _VIEW.id,
        "email": _VIEW.email,
        "name": _VIEW.name,
        "role": _VIEW.role,
        "is_active": _VIEW.is_active,
        "last_login": _VIEW.last_login,
        "created_at": _VIEW.created_at,
        "updated_at": _VIEW.updated_at,
    },
)


class UserListing:
    """Pages of an organisation's users."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def page(self, unit: UnitOfWork, request: user_service_pb2.ListUsersRequest) -> tuple[list[User], str]:
        """One page, newest first unless ordered otherwise, and the token of the next."""
        page = list_page(unit.session, self._users.query(unit), FIELDS, request)
        return [to_user(row) for row in page.rows], page.next_page_token
