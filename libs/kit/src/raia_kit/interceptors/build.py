"""Builds a service's chain: the one call by which every process gets the same one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from raia_kit.contract import MethodContract
from raia_kit.database import Database
from raia_kit.faults import Faults
from raia_kit.idempotency import IdempotencyStore
from raia_kit.interceptors.access_log import access_log
from raia_kit.interceptors.audit import AuditRecorder
from raia_kit.interceptors.authentication import Sessions, Verifier, authentication
from raia_kit.interceptors.authorization import authorization
from raia_kit.interceptors.chain import Chain, StreamSlots
from raia_kit.interceptors.deadline import deadline
from raia_kit.interceptors.errors import errors
from raia_kit.interceptors.metrics import metrics
from raia_kit.interceptors.rate_limit import rate_limit
from raia_kit.interceptors.request_id import request_id
from raia_kit.interceptors.tenant import tenant
from raia_kit.interceptors.tracing import tracing
from raia_kit.interceptors.unit_of_work import Invoker
from raia_kit.interceptors.validation import validation
from raia_kit.metrics import RpcMetrics
from raia_kit.rate_limit import Rate, RateLimiter
from raia_kit.resources import AccessDecisions, ResourceAuthorizer, ResourceGuard


class Access(AccessDecisions, Sessions, Protocol):
    """What the chain asks of ``raia_kit.access.AccessIndex``."""


@dataclass(frozen=True)
class ChainParts:
    """What a chain is built of."""

    service: str
    database: Database | None
    verifier: Verifier
    access: Access
    access_max_age: float
    limiter: RateLimiter
    rates: Mapping[int, Rate]
    faults: Faults
    metrics: RpcMetrics
    guards: Mapping[str, ResourceGuard] = field(default_factory=dict)
    stream_limit: int = 16


def build_chain(parts: ChainParts, contracts: Iterable[MethodContract]) -> Chain:
    """The chain for these rpcs, outermost stage first."""
    recorder = AuditRecorder(parts.service, parts.database)
    stages = (
        request_id,
        tracing,
        metrics(parts.metrics),
        access_log,
        errors(parts.service, parts.faults.report),
        deadline,
        recorder.stage,
        authentication(parts.verifier, parts.access),
        rate_limit(parts.limiter, parts.rates),
        authorization(parts.access, max_age=parts.access_max_age),
        tenant,
        validation,
    )
    invoker = Invoker(
        database=parts.database,
        authorizer=ResourceAuthorizer(parts.access, parts.guards),
        keys=IdempotencyStore(parts.service),
        audit=recorder,
    )
    slots = StreamSlots(parts.service, parts.stream_limit)
    return Chain(stages, invoker, {method.full_name: method for method in contracts}, streams=slots)
