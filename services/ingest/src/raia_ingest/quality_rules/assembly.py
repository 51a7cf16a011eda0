"""Composes the rooms of data quality: rules, validations and reports, which lean on each other."""

from raia.ingest.v1 import (
    quality_report_service_pb2,
    quality_rule_service_pb2,
    quality_rule_set_service_pb2,
    quality_validation_service_pb2,
)
from raia_kit.server import Servicer

from raia_ingest.ground import Ground, Room
from raia_ingest.quality_reports.guard import DataQualityReportGuard
from raia_ingest.quality_reports.repository import QualityReportRepository
from raia_ingest.quality_reports.service import QualityReportService
from raia_ingest.quality_reports.servicer import QualityReportServicer
from raia_ingest.quality_rules.guard import QualityRuleGuard
from raia_ingest.quality_rules.repository import QualityRuleRepository
from raia_ingest.quality_rules.rule_sets import QualityRuleSetService
from raia_ingest.quality_rules.service import QualityRuleService
from raia_ingest.quality_rules.servicer import QualityRuleServicer, QualityRuleSetServicer
from raia_ingest.quality_validations.failing import FailingRowsService
from raia_ingest.quality_validations.gates import GateService
from raia_ingest.quality_validations.guard import DatasetValidationGuard
from raia_ingest.quality_validations.repository import QualityValidationRepository
from raia_ingest.quality_validations.running import RuleRunning
from raia_ingest.quality_validations.service import QualityValidationService
from raia_ingest.quality_validations.servicer import QualityValidationServicer


def assemble(ground: Ground) -> Room:
    """Rules, what they say of versions, and reports."""
    runtime = ground.runtime
    rules, validations, reports = QualityRuleRepository(), QualityValidationRepository(), QualityReportRepository()
    gates = GateService(ground.datasets, rules, validations)
    running = RuleRunning(ground.datasets, runtime.objects, ground.settings)
    validating = _validating(ground, rules, validations, gates, running)
    writing = QualityRuleService(
        rules=rules, datasets=ground.datasets, jobs=runtime.jobs, access=runtime.access, run_rules=validating.due
    )
    reporting = _reporting(ground, rules, reports, running)
    failing = FailingRowsService(
        database=runtime.database,
        datasets=ground.datasets,
        validations=validations,
        objects=runtime.objects,
        pool=ground.at_once,
    )
    ground.arrivals.add(validating.arrived)
    ground.arrivals.add(reporting.arrived)
    sets = QualityRuleSetService(runtime.database, rules, ground.profiles)
    services = {
        "QualityRuleService": (quality_rule_service_pb2, QualityRuleServicer(writing)),
        "QualityRuleSetService": (quality_rule_set_service_pb2, QualityRuleSetServicer(writing, sets)),
        "QualityValidationService": (
            quality_validation_service_pb2,
            QualityValidationServicer(validating, failing, gates, writing),
        ),
        "QualityReportService": (quality_report_service_pb2, QualityReportServicer(reporting)),
    }
    return Room(
        servicers=[
            Servicer(contract.DESCRIPTOR.services_by_name[name], servicer)
            for name, (contract, servicer) in services.items()
        ],
        guards={
            "quality_rule": QualityRuleGuard(rules),
            "dataset_validation": DatasetValidationGuard(validations),
            "data_quality_report": DataQualityReportGuard(reports),
        },
        references=validations.references,
    )


def _validating(
    ground: Ground,
    rules: QualityRuleRepository,
    validations: QualityValidationRepository,
    gates: GateService,
    running: RuleRunning,
) -> QualityValidationService:
    runtime = ground.runtime
    return QualityValidationService(
        database=runtime.database,
        datasets=ground.datasets,
        rules=rules,
        validations=validations,
        gates=gates,
        running=running,
        jobs=runtime.jobs,
        objects=runtime.objects,
        changes=ground.changes,
        settings=ground.settings,
    )


def _reporting(
    ground: Ground, rules: QualityRuleRepository, reports: QualityReportRepository, running: RuleRunning
) -> QualityReportService:
    runtime = ground.runtime
    return QualityReportService(
        database=runtime.database,
        datasets=ground.datasets,
        rules=rules,
        reports=reports,
        running=running,
        jobs=runtime.jobs,
        access=runtime.access,
        changes=ground.changes,
        settings=ground.settings,
    )
