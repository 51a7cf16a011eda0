"""Runs the service: ``python -m raia_workspace serve|migrate|health``."""

import sys

from raia_kit.service import main

from raia_workspace.bootstrap import build
from raia_workspace.settings import WorkspaceSettings

if __name__ == "__main__":
    sys.exit(main(build, WorkspaceSettings))
