"""The quality rpcs of a running service, called as a person."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from raia.ingest.v1 import (
    quality_report_service_pb2,
    quality_report_service_pb2_grpc,
    quality_rule_service_pb2,
    quality_rule_service_pb2_grpc,
    quality_rule_set_service_pb2,
    quality_rule_set_service_pb2_grpc,
    quality_validation_service_pb2,
    quality_validation_service_pb2_grpc,
)

from ..rig import Person, Rig, wait_until

RULES, SETS = quality_rule_service_pb2, quality_rule_set_service_pb2
VALIDATIONS, REPORTS = quality_validation_service_pb2, quality_report_service_pb2


class Quality:
    """Calls by name of the rpc; requests are written as JSON."""

    def __init__(self, rig: Rig, person: Person) -> None:
        self.rig, self.person = rig, person
        self._stubs = [
            (quality_rule_service_pb2_grpc.QualityRuleServiceStub(rig.channel), RULES),
            (quality_rule_set_service_pb2_grpc.QualityRuleSetServiceStub(rig.channel), SETS),
            (quality_validation_service_pb2_grpc.QualityValidationServiceStub(rig.channel), VALIDATIONS),
            (quality_report_service_pb2_grpc.QualityReportServiceStub(rig.channel), REPORTS),
        ]

    def call(self, rpc: str, **request: Any) -> Any:
        """Makes a call; an rpc that streams is answered as a list."""
        stub, module = next((stub, module) for stub, module in self._stubs if hasattr(stub, rpc))
        message = ParseDict(request, getattr(module, f"{rpc}Request")())
        answer = getattr(stub, rpc)(message, metadata=self.person.metadata, timeout=60)
        return list(answer) if rpc.startswith("Watch") else answer

    def rule(self, dataset_id: str, check: dict[str, Any], **fields: Any) -> Any:
        """Creates a rule."""
        return self.call("CreateQualityRule", dataset_id=dataset_id, check=check, **fields)

    def validated(self, dataset_id: str, **request: Any) -> Any:
        """Validates a dataset and waits for the end."""
        return self.ended(self.call("ValidateDataset", id=dataset_id, **request))

    def ended(self, validation: Any) -> Any:
        """A validation once it has ended."""
        wait_until(lambda: self.call("GetDatasetValidation", id=validation.id).status not in ("pending", "running"), 60)
        return self.call("GetDatasetValidation", id=validation.id)

    def validations(self, dataset_id: str) -> Any:
        """The validations of a dataset, newest first, each once it has ended."""
        listed = self.call("ListDatasetValidations", dataset_id=dataset_id).validations
        return [self.ended(each) for each in listed]

    def failing(self, validation: Any, position: int = 0, **request: Any) -> list[Any]:
        """All failing rows, page by page."""
        rows, token = [], ""
        while True:
            page = self.call("ListFailingRows", id=validation.id, position=position, page_token=token, **request)
            rows += page.rows
            token = page.next_page_token
            if not token:
                return rows

    def report(self, dataset_id: str, seconds: int = 30, **request: Any) -> Any:
        """The report of a dataset, waited for."""
        stub = self._stubs[3][0]
        message = REPORTS.GetQualityReportRequest(dataset_id=dataset_id, wait=Duration(seconds=seconds), **request)
        return stub.GetQualityReport(message, metadata=self.person.metadata)
