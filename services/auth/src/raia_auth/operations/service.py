"""Routes the dead letters of every service to operators."""

from uuid import UUID

from raia.platform.v1 import dead_letter_pb2, dead_letter_service_pb2, dead_letter_service_pb2_grpc
from raia_kit.channels import ServiceChannels
from raia_kit.errors import Unavailable

from raia_auth.errors import ServiceNotInstalled
from raia_auth.keys.tokens import TokenIssuer


class OperationsService:
    """The use cases of OperationsService's rpcs: each is forwarded to the service that it names."""

    def __init__(self, channels: ServiceChannels, issuer: TokenIssuer) -> None:
        self._channels, self._issuer = channels, issuer

    def dead_letters(
        self, org_id: UUID, service: str, page_size: int, page_token: str
    ) -> dead_letter_service_pb2.ListDeadLettersResponse:
        """A page of the organisation's dead letters, newest first; raises ``ServiceNotInstalled``."""
        request = dead_letter_service_pb2.ListDeadLettersRequest(page_size=page_size, page_token=page_token)
        return self._stub(service, org_id).ListDeadLetters(request)

    def replay(self, org_id: UUID, service: str, letter_id: str) -> dead_letter_pb2.DeadLetter:
        """Gives the organisation's dead letter back to its consumer; raises ``ServiceNotInstalled``, ``NotFound``."""
        return self._stub(service, org_id).ReplayDeadLetter(
            dead_letter_service_pb2.ReplayDeadLetterRequest(id=letter_id)
        )

    def _stub(self, service: str, org_id: UUID) -> dead_letter_service_pb2_grpc.DeadLetterServiceStub:
        try:
            # Auth needs no exchange with itself: it issues the token by which it acts.
            # The token's organisation is the limit of what the other service shows of its dead letters.
            token = self._issuer.for_service("auth", org_id, "").token
            return self._channels.stub(dead_letter_service_pb2_grpc.DeadLetterServiceStub, service, token=token)
        except Unavailable as error:
            if error.reason == "SERVICE_NOT_CONFIGURED":
                raise ServiceNotInstalled(service) from error
            raise
