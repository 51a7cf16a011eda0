"""A service with nothing of its own, run as ``python sample_process.py serve``: the kit's parts and rpcs alone."""

import json
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from raia.auth.v1 import access_pb2
from raia_kit.access import Part
from raia_kit.database import UnitOfWork
from raia_kit.events import cursor
from raia_kit.events.consumer import Consumer
from raia_kit.events.envelope import Event
from raia_kit.jobs import Job
from raia_kit.service import Runtime, Service, main
from raia_kit.settings import ServiceSettings


class SampleSettings(ServiceSettings):
    """Where the test put the public keys of tokens."""

    service: ClassVar[str] = "sample"
    jwks_file: Path = Path()
    """JSON list of public keys."""


class NobodyMayAnything:
    """An access snapshot with one role."""

    def parts(self) -> Iterable[Part]:
        yield Part(roles=[access_pb2.Role(name="viewer")], cursor=cursor.encode({}))


def build(settings: SampleSettings) -> Service:
    runtime = Runtime(settings)
    runtime.jwks_source = lambda: json.loads(settings.jwks_file.read_text())
    runtime.access_source = NobodyMayAnything()

    @runtime.jobs.task("sample.wait", time_limit=60)
    def wait(job: Job) -> None:
        threading.Event().wait(0.05)

    def ignore(unit: UnitOfWork, event: Event) -> None:
        """The inbox row is effect enough."""

    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[],
        consumers=[Consumer("sample.audit", ["raia.sample.audit_entry"], ignore, platform=True)],
    )


if __name__ == "__main__":
    sys.exit(main(build, SampleSettings))
