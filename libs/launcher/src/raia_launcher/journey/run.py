"""Runs the journey and prints each step."""

import sys
import time

from raia_launcher.journey.api import Api, JourneyError
from raia_launcher.journey.live import Listener
from raia_launcher.journey.steps import STEPS, Journey

TOPICS = [
    "raia.ingest.dataset",
    "raia.ml.training_run",
    "raia.ml.model",
    "raia.explain.fairness_report",
    "raia.llm.document",
    "raia.workspace.notification",
]


def run_journey(url: str, email: str, password: str) -> bool:
    """Signs in and takes every step against the platform at ``url``; answers whether all went well."""
    api = Api(url)
    say = _say
    began = time.monotonic()
    try:
        api.token = api.call("POST", "/api/v1/auth/login", email=email, password=password)["access_token"]
        listener = Listener(url, api.token, TOPICS)
        listener.start()
        journey = Journey(api, say, listener)
        for number, step in enumerate(STEPS, 1):
            _say(f"{number:>2}. {(step.__doc__ or step.__name__).splitlines()[0]}", indent="")
            started = time.monotonic()
            step(journey)
            _say(f"({time.monotonic() - started:.1f} s)")
        listener.stop()
    except JourneyError as error:
        _say(f"the journey ends here: {error}")
        return False
    counts = ", ".join(f"{count} {name}" for name, count in sorted(listener.counts().items())) or "nothing"
    _say(f"over the WebSocket came {counts}")
    _say(f"Journey done in {time.monotonic() - began:.1f} s.", indent="")
    return True


def _say(line: str, indent: str = "    ") -> None:
    sys.stdout.write(f"{indent}{line}\n")
    sys.stdout.flush()
