"""Runs the service: ``python -m raia_ml serve|migrate|health``."""

import sys

from raia_kit.service import main

from raia_ml.bootstrap import build
from raia_ml.settings import MlSettings

if __name__ == "__main__":
    sys.exit(main(build, MlSettings))
