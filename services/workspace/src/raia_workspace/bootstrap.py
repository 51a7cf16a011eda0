"""The composition root: settings → repositories → use cases → servicers."""

from raia.workspace.v1 import notification_service_pb2
from raia_kit.housekeeping import Housekeeping
from raia_kit.runtime import Runtime
from raia_kit.server import Servicer
from raia_kit.service import Service

from raia_workspace.notifications.guard import NotificationGuard
from raia_workspace.notifications.repository import NotificationRepository
from raia_workspace.notifications.service import NotificationService
from raia_workspace.notifications.servicer import NotificationServicer
from raia_workspace.settings import WorkspaceSettings


def build(settings: WorkspaceSettings, runtime: Runtime | None = None) -> Service:
    """The service, composed, on the runtime that the settings describe unless one is given."""
    runtime = runtime or Runtime(settings)
    repository = NotificationRepository()
    notifications = NotificationService(repository, runtime.access)
    Housekeeping(runtime.database).schedule(runtime.jobs)
    return Service(
        settings=settings,
        runtime=runtime,
        servicers=[
            Servicer(
                notification_service_pb2.DESCRIPTOR.services_by_name["NotificationService"],
                NotificationServicer(notifications),
            )
        ],
        consumers=[notifications.consumer()],
        resource_guards={"notification": NotificationGuard(repository)},
    )
