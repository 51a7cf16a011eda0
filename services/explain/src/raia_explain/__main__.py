"""Runs the service: ``python -m raia_explain serve|migrate|health``."""

import sys

from raia_kit.service import main

from raia_explain.bootstrap import build
from raia_explain.settings import ExplainSettings

if __name__ == "__main__":
    sys.exit(main(build, ExplainSettings))
