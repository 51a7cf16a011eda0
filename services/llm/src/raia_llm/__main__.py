"""Runs the service: ``python -m raia_llm serve|migrate|health``."""

import sys

from raia_kit.service import main

from raia_llm.bootstrap import build
from raia_llm.settings import LlmSettings

if __name__ == "__main__":
    sys.exit(main(build, LlmSettings))
