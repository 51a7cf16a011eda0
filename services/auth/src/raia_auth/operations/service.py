"""Routes the dead letters of every service to operators."""

from typing import Protocol

from raia.platform.v1 import dead_letter_pb2, dead_letter_service_pb2, dead_letter_service_pb2_grpc
from raia_kit.channels import ServiceChannels
from raia_kit.errors import Unavailable

from raia_auth.errors import ServiceNotInstalled


class TokenSource(Protocol):
    """What it needs of ``raia_kit.identity.ServiceIdentity``: auth's own token towards the other services."""

    def token(self) -> str:
        """A token by which auth acts as itself."""


class OperationsService:
    """The use cases of OperationsService's rpcs: each is forwarded to the service that it names."""

    def __init__(self, channels: ServiceChannels, tokens: TokenSource) -> None:
        self._channels, self._tokens = channels, tokens

    def dead_letters(
        self, service: str, page_size: int, page_token: str
    ) -> dead_letter_service_pb2.ListDeadLettersResponse:
        """A page of the service's dead letters, newest first; raises ``ServiceNotInstalled``."""
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=page_size, page_token=page_token)
        return self._stub(service).ListDeadLetters(request)

    def replay(self, service: str, letter_id: str) -> dead_letter_pb2.DeadLetter:
        """Gives a dead letter back to its consumer; raises ``ServiceNotInstalled``."""
        return self._stub(service).ReplayDeadLetter(dead_letter_service_pb2.ReplayDeadLetterRequest(id=letter_id))

    def _stub(self, service: str) -> dead_letter_service_pb2_grpc.DeadLetterServiceStub:
        try:
            return self._channels.stub(
                dead_letter_service_pb2_grpc.DeadLetterServiceStub, service, token=self._tokens.token()
            )
        except Unavailable as error:
            if error.reason == "SERVICE_NOT_CONFIGURED":
                raise ServiceNotInstalled(service) from error
            raise
