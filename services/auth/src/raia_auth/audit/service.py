"""Reads, searches and verifies the ledger of an organisation."""

from collections.abc import Iterator
from uuid import UUID

from raia.auth.v1 import audit_service_pb2
from raia_kit.database import Database, UnitOfWork

from raia_auth.audit.domain import Entry, Verification, verify
from raia_auth.audit.repository import LedgerRepository, to_entry
from raia_auth.audit.search import listed, searched


class AuditService:
    """The use cases of AuditService's rpcs."""

    def __init__(self, database: Database, ledger: LedgerRepository, batch: int = 1000) -> None:
        """``batch`` entries are read at a time to verify."""
        self._database, self._ledger, self._batch = database, ledger, batch

    def page(self, unit: UnitOfWork, request: audit_service_pb2.ListAuditLogsRequest) -> tuple[list[Entry], str]:
        """One page of entries, last place first unless ordered otherwise, and the token of the next."""
        page = listed(unit.session, self._ledger.query(unit), request)
        return [to_entry(row) for row in page.rows], page.next_page_token

    def search(self, unit: UnitOfWork, request: audit_service_pb2.SearchAuditLogsRequest) -> tuple[list[Entry], str]:
        """One page of entries that meet every condition given, last place first, and the token of the next."""
        page = searched(unit.session, self._ledger.query(unit), request)
        return [to_entry(row) for row in page.rows], page.next_page_token

    def verify(self, org_id: UUID) -> Verification:
        """Recomputes every hash of the organisation's ledger, up to its end as it is then."""
        return verify(self._entries(org_id))

    def _entries(self, org_id: UUID) -> Iterator[Entry]:
        """Every entry in order. Each batch is read in a unit of work of its own: hashing holds no connection."""
        after = 0
        while True:
            with self._database.unit_of_work(org_id) as unit:
                entries = self._ledger.read(unit, after, self._batch)
            yield from entries
            if len(entries) < self._batch:
                return
            after = entries[-1].place
