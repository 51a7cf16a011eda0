"""The composition root: settings → repositories → use cases → servicers."""

from raia.workspace.v1 import export_service_pb2, notification_service_pb2
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_workspace.exports.guard import ExportGuard
from raia_workspace.exports.repository import ExportRepository
from raia_workspace.exports.service import ExportService
from raia_workspace.exports.servicer import ExportServicer
from raia_workspace.exports.work import ExportJobs
from raia_workspace.notifications.guard import NotificationGuard
from raia_workspace.notifications.repository import NotificationRepository
from raia_workspace.notifications.service import NotificationService
from raia_workspace.notifications.servicer import NotificationServicer
from raia_workspace.settings import WorkspaceSettings


def build(settings: WorkspaceSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    runtime = runtime or Runtime(settings)
    told, exported = NotificationRepository(), ExportRepository()
    notifications = NotificationService(told, runtime.access, max_age=settings.access_max_age)
    exports = ExportService(
        database=runtime.database,
        exports=exported,
        jobs=runtime.jobs,
        objects=runtime.objects,
        channels=runtime.channels,
    )
    ExportJobs(
        jobs=runtime.jobs,
        exports=exported,
        objects=runtime.objects,
        channels=runtime.channels,
        identity=runtime.identity,
        settings=settings,
    )
    Housekeeping(runtime.database, objects=runtime.objects, references=exported.references).schedule(runtime.jobs)
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(
                notification_service_pb2.DESCRIPTOR.services_by_name["NotificationService"],
                NotificationServicer(notifications),
            ),
            Servicer(export_service_pb2.DESCRIPTOR.services_by_name["ExportService"], ExportServicer(exports)),
        ],
        consumers=[notifications.consumer()],
        resource_guards={"notification": NotificationGuard(told), "export_job": ExportGuard(exported)},
    )
