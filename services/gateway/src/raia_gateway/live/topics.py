"""Which topics may be subscribed to, and the permission that each needs."""

import re
from collections.abc import Iterable

from raia_kit.contract import MethodContract
from raia_kit.errors import InvalidArgument, NotFound

_TOPIC = re.compile(r"raia\.([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\Z", re.ASCII)
_SPECIAL = {"audit_entry": "audit.read"}
_OWN = frozenset({"notification"})
OWN = ""
"""The permission of topics whose events each user may read of their own: the event's key is the user's id."""


class TopicPermissions:
    """A topic ``raia.<service>.<resource>`` needs ``<resources>.read``, if any contract knows such a permission, else
    the permission by which the service's contract has the resource looked at.

    Topics about users themselves need none (``OWN``) and show each user what is theirs.
    Topics without one are for services alone and look as if they did not exist.
    """

    def __init__(self, contracts: Iterable[MethodContract]) -> None:
        listed = list(contracts)
        self._permissions = frozenset(contract.permission for contract in listed if contract.permission)
        self._services = frozenset(contract.service for contract in listed)
        self._looks = {
            (contract.service, contract.resource_type): contract.permission
            for contract in listed
            if contract.permission
            and contract.resource_type
            and contract.full_name.rpartition("/")[2].startswith("Get")
        }

    def permission(self, topic: object) -> str:
        """The permission to subscribe, or ``OWN``; raises ``InvalidArgument`` or ``NotFound`` (TOPIC_NOT_FOUND)."""
        if not isinstance(topic, str) or len(topic) > 200:
            raise InvalidArgument.of_field("topics", "must be an array of topic names")
        match = _TOPIC.match(topic)
        if match is not None and match[1] in self._services:
            if match[2] in _OWN:
                return OWN
            wanted = _SPECIAL.get(match[2]) or f"{plural(match[2])}.read"
            if wanted in self._permissions:
                return wanted
            if looked := self._looks.get((match[1], match[2])):
                return looked
        raise NotFound(
            f"there is no topic {topic} to subscribe to", reason="TOPIC_NOT_FOUND", metadata={"topic": topic}
        )


def plural(noun: str) -> str:
    """The plural that permissions use: ``dataset`` → ``datasets``, ``policy`` → ``policies``."""
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
