"""The errors of workspace, each with its reason from error_reason.proto."""

from raia_kit.errors import FailedPrecondition

DOMAIN = "raia.workspace"


class NotReady(FailedPrecondition):
    """The export has no file: it is under way, failed, or was cancelled."""

    domain = DOMAIN
