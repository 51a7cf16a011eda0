"""OperationsService over gRPC."""

import grpc
from raia.auth.v1 import operations_service_pb2, operations_service_pb2_grpc
from raia.platform.v1 import dead_letter_pb2
from raia_kit.context import current_call

from raia_auth.operations.service import OperationsService


class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    """What operators do about messages that could not be processed."""

    def __init__(self, operations: OperationsService) -> None:
        self._operations = operations

    def ListDeadLetters(
        self, request: operations_service_pb2.ListDeadLettersRequest, _context: grpc.ServicerContext
    ) -> operations_service_pb2.ListDeadLettersResponse:
        """Lists a service's dead letters."""
        page = self._operations.dead_letters(
            current_call().org_id, request.service, request.page_size, request.page_token
        )
        return operations_service_pb2.ListDeadLettersResponse(
            dead_letters=page.dead_letters, next_page_token=page.next_page_token
        )

    def ReplayDeadLetter(
        self, request: operations_service_pb2.ReplayDeadLetterRequest, _context: grpc.ServicerContext
    ) -> dead_letter_pb2.DeadLetter:
        """Gives a dead letter back to the consumer that failed on it."""
        return self._operations.replay(current_call().org_id, request.service, request.id)
