"""The rpcs of QualityValidationService."""

from collections.abc import Iterator
from uuid import UUID

import grpc
from raia.ingest.v1 import (
    dataset_pb2,
    quality_validation_pb2,
    quality_validation_service_pb2,
    quality_validation_service_pb2_grpc,
)
from raia_kit.context import current_call, current_unit

from raia_ingest.datasets.converters import to_proto as dataset_to_proto
from raia_ingest.quality_rules.converters import from_proto
from raia_ingest.quality_rules.service import QualityRuleService
from raia_ingest.quality_validations.converters import page_to_proto, to_proto
from raia_ingest.quality_validations.failing import FailingRowsService
from raia_ingest.quality_validations.gates import GateService
from raia_ingest.quality_validations.service import QualityValidationService


class QualityValidationServicer(quality_validation_service_pb2_grpc.QualityValidationServiceServicer):
    """Run rules, list what breaks them, open and close gates."""

    def __init__(
        self,
        validations: QualityValidationService,
        failing: FailingRowsService,
        gates: GateService,
        rules: QualityRuleService,
    ) -> None:
        self._validations, self._failing, self._gates, self._rules = validations, failing, gates, rules

    def ValidateDataset(
        self, request: quality_validation_service_pb2.ValidateDatasetRequest, _context: grpc.ServicerContext
    ) -> quality_validation_pb2.DatasetValidation:
        """Starts a validation."""
        unit, caller = current_unit(), current_call().authenticated
        validation = self._validations.start(
            unit,
            UUID(request.id),
            request.version,
            rule_ids=[UUID(rule_id) for rule_id in request.rule_ids],
            specs=[from_proto(rule) for rule in request.rules],
            check=lambda dataset, spec: self._rules.check(unit, caller, dataset, spec),
        )
        return to_proto(validation)

    def ListDatasetValidations(
        self, request: quality_validation_service_pb2.ListDatasetValidationsRequest, _context: grpc.ServicerContext
    ) -> quality_validation_service_pb2.ListDatasetValidationsResponse:
        """A page of validations."""
        found, token = self._validations.page(current_unit(), UUID(request.dataset_id), request)
        return quality_validation_service_pb2.ListDatasetValidationsResponse(
            validations=[to_proto(validation, results=False) for validation in found], next_page_token=token
        )

    def GetDatasetValidation(
        self, request: quality_validation_service_pb2.GetDatasetValidationRequest, _context: grpc.ServicerContext
    ) -> quality_validation_pb2.DatasetValidation:
        """One validation."""
        return to_proto(self._validations.get(current_unit(), UUID(request.id)))

    def WatchDatasetValidation(
        self, request: quality_validation_service_pb2.WatchDatasetValidationRequest, _context: grpc.ServicerContext
    ) -> Iterator[quality_validation_pb2.DatasetValidation]:
        """A validation each time it changes."""
        for validation in self._validations.watch(current_call(), UUID(request.id)):
            yield to_proto(validation)

    def CancelDatasetValidation(
        self, request: quality_validation_service_pb2.CancelDatasetValidationRequest, _context: grpc.ServicerContext
    ) -> quality_validation_pb2.DatasetValidation:
        """Ends a validation that is not finished."""
        return to_proto(self._validations.cancel(current_unit(), UUID(request.id)))

    def ListFailingRows(
        self, request: quality_validation_service_pb2.ListFailingRowsRequest, _context: grpc.ServicerContext
    ) -> quality_validation_service_pb2.ListFailingRowsResponse:
        """A page of failing rows."""
        return page_to_proto(self._failing.page(current_call(), request))

    def ReleaseDatasetVersion(
        self, request: quality_validation_service_pb2.ReleaseDatasetVersionRequest, _context: grpc.ServicerContext
    ) -> dataset_pb2.Dataset:
        """Lets a version go."""
        call = current_call()
        call.audit_details.update({"version": request.version, "reason": request.reason})
        released = self._gates.release(
            current_unit(), UUID(request.dataset_id), request.version, request.reason, call.authenticated.user_id
        )
        return dataset_to_proto(released)

    def QuarantineDatasetVersion(
        self, request: quality_validation_service_pb2.QuarantineDatasetVersionRequest, _context: grpc.ServicerContext
    ) -> dataset_pb2.Dataset:
        """Keeps a version back."""
        call = current_call()
        call.audit_details.update({"version": request.version, "reason": request.reason})
        kept = self._gates.quarantine(
            current_unit(), UUID(request.dataset_id), request.version, request.reason, call.authenticated.user_id
        )
        return dataset_to_proto(kept)
