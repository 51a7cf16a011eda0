"""AuditService over gRPC."""

import grpc
from raia.auth.v1 import audit_pb2, audit_service_pb2, audit_service_pb2_grpc
from raia_kit.context import current_call, current_unit

from raia_auth.audit.converters import to_proto, verification_to_proto
from raia_auth.audit.service import AuditService


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """The organisation's audit ledger."""

    def __init__(self, audit: AuditService) -> None:
        self._audit = audit

    def ListAuditLogs(
        self, request: audit_service_pb2.ListAuditLogsRequest, _context: grpc.ServicerContext
    ) -> audit_service_pb2.ListAuditLogsResponse:
        """Lists entries, last place first unless ordered otherwise."""
        entries, token = self._audit.page(current_unit(), request)
        return audit_service_pb2.ListAuditLogsResponse(entries=map(to_proto, entries), next_page_token=token)

    def SearchAuditLogs(
        self, request: audit_service_pb2.SearchAuditLogsRequest, _context: grpc.ServicerContext
    ) -> audit_service_pb2.SearchAuditLogsResponse:
        """Finds entries by time, actor, action, resource and outcome."""
        entries, token = self._audit.search(current_unit(), request)
        return audit_service_pb2.SearchAuditLogsResponse(entries=map(to_proto, entries), next_page_token=token)

    def VerifyLedger(
        self, _request: audit_service_pb2.VerifyLedgerRequest, _context: grpc.ServicerContext
    ) -> audit_pb2.LedgerVerification:
        """Recomputes every hash of the ledger."""
        return verification_to_proto(self._audit.verify(current_call().org_id))
