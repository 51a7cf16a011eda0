"""The rpcs of QualityRuleService and QualityRuleSetService."""

from uuid import UUID

import grpc
from google.protobuf import empty_pb2
from raia.ingest.v1 import (
    quality_rule_pb2,
    quality_rule_service_pb2,
    quality_rule_service_pb2_grpc,
    quality_rule_set_service_pb2,
    quality_rule_set_service_pb2_grpc,
)
from raia_kit.context import current_call, current_unit

from raia_ingest.quality_rules import documents
from raia_ingest.quality_rules.converters import changed, from_proto, spec_to_proto, to_proto
from raia_ingest.quality_rules.rule_sets import QualityRuleSetService
from raia_ingest.quality_rules.service import QualityRuleService

_WAIT_SECONDS = 2.0


class QualityRuleServicer(quality_rule_service_pb2_grpc.QualityRuleServiceServicer):
    """Write, list and change rules."""

    def __init__(self, rules: QualityRuleService) -> None:
        self._rules = rules

    def CreateQualityRule(
        self, request: quality_rule_service_pb2.CreateQualityRuleRequest, _context: grpc.ServicerContext
    ) -> quality_rule_pb2.QualityRule:
        """Adds a rule."""
        caller = current_call().authenticated
        return to_proto(self._rules.create(current_unit(), caller, UUID(request.dataset_id), from_proto(request)))

    def ListQualityRules(
        self, request: quality_rule_service_pb2.ListQualityRulesRequest, _context: grpc.ServicerContext
    ) -> quality_rule_service_pb2.ListQualityRulesResponse:
        """A page of rules."""
        found, token = self._rules.page(current_unit(), current_call().authenticated, request)
        return quality_rule_service_pb2.ListQualityRulesResponse(
            rules=[to_proto(rule) for rule in found], next_page_token=token
        )

    def GetQualityRule(
        self, request: quality_rule_service_pb2.GetQualityRuleRequest, _context: grpc.ServicerContext
    ) -> quality_rule_pb2.QualityRule:
        """One rule."""
        return to_proto(self._rules.get(current_unit(), UUID(request.id)))

    def UpdateQualityRule(
        self, request: quality_rule_service_pb2.UpdateQualityRuleRequest, _context: grpc.ServicerContext
    ) -> quality_rule_pb2.QualityRule:
        """Changes a rule."""
        caller = current_call().authenticated
        return to_proto(
            self._rules.change(
                current_unit(), caller, UUID(request.id), lambda spec: changed(spec, request), request.etag
            )
        )

    def DeleteQualityRule(
        self, request: quality_rule_service_pb2.DeleteQualityRuleRequest, _context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Deletes a rule."""
        self._rules.delete(current_unit(), UUID(request.id), request.etag)
        return empty_pb2.Empty()


class QualityRuleSetServicer(quality_rule_set_service_pb2_grpc.QualityRuleSetServiceServicer):
    """Many rules at once."""

    def __init__(self, rules: QualityRuleService, sets: QualityRuleSetService) -> None:
        self._rules, self._sets = rules, sets

    def ImportQualityRules(
        self, request: quality_rule_set_service_pb2.ImportQualityRulesRequest, _context: grpc.ServicerContext
    ) -> quality_rule_set_service_pb2.ImportQualityRulesResponse:
        """Takes a document of rules."""
        created, updated, deleted, unchanged = self._rules.replace_all(
            current_unit(),
            current_call().authenticated,
            UUID(request.dataset_id),
            documents.read(request.content),
            others=request.replace,
            dry=request.dry_run,
        )
        return quality_rule_set_service_pb2.ImportQualityRulesResponse(
            created_count=created, updated_count=updated, deleted_count=deleted, unchanged_count=unchanged
        )

    def ExportQualityRules(
        self, request: quality_rule_set_service_pb2.ExportQualityRulesRequest, _context: grpc.ServicerContext
    ) -> quality_rule_set_service_pb2.ExportQualityRulesResponse:
        """Gives a document of rules."""
        rules = [rule.spec for rule in self._rules.of_dataset(current_unit(), UUID(request.dataset_id))]
        content = documents.write(rules, as_json=request.format == "json")
        return quality_rule_set_service_pb2.ExportQualityRulesResponse(content=content, rule_count=len(rules))

    def SuggestQualityRules(
        self, request: quality_rule_set_service_pb2.SuggestQualityRulesRequest, _context: grpc.ServicerContext
    ) -> quality_rule_set_service_pb2.SuggestQualityRulesResponse:
        """What the profile speaks for."""
        seconds = request.wait.ToTimedelta().total_seconds() if request.HasField("wait") else _WAIT_SECONDS
        dataset, status, found = self._sets.suggest(current_call(), UUID(request.dataset_id), request.version, seconds)
        return quality_rule_set_service_pb2.SuggestQualityRulesResponse(
            dataset_id=str(dataset.id),
            version=dataset.version.number,
            status=status,
            suggestions=[
                quality_rule_pb2.SuggestedQualityRule(
                    rule=spec_to_proto(each.rule.document()),
                    justification=each.justification,
                    confidence=each.confidence,
                )
                for each in found
            ],
        )
