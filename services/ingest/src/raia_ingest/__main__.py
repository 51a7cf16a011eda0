"""Runs the service: ``python -m raia_ingest serve|migrate|health``."""

import sys

from raia_kit.service import main

from raia_ingest.bootstrap import build
from raia_ingest.settings import IngestSettings

if __name__ == "__main__":
    sys.exit(main(build, IngestSettings))
