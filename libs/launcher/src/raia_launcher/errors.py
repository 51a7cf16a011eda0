"""What the raia command reports in one sentence instead of a traceback."""


class LauncherError(Exception):
    """A fault that the person at the keyboard can mend; the message says how."""
