"""The REST client of the journey: errors become sentences, long work is waited for."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

FINISHED = {"succeeded", "failed", "cancelled", "ready"}


class JourneyError(Exception):
    """A step did not end as it should."""


class Refused(JourneyError):
    """The platform refused a call; ``status`` is the ``google.rpc.Status`` it answered."""

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {status.get('message', status)}")
        self.code = code
        self.status = status

    @property
    def reason(self) -> str:
        """The ErrorInfo reason, such as ``GATE_REFUSED``."""
        details = self.status.get("details", [])
        return next((str(detail["reason"]) for detail in details if "reason" in detail), "")


class Api:
    """Calls the platform as a user would, retrying what is answered 503 until ``patience`` seconds have passed."""

    def __init__(self, url: str, patience: float = 30.0) -> None:
        self.url = url
        self.patience = patience
        self.token = ""
        self._client = httpx.Client(base_url=url, timeout=60)
        self._pause = threading.Event()

    def call(self, method: str, path: str, *, files: Any = None, **body_or_params: Any) -> Any:
        """The JSON answer; GET takes keywords as query parameters, everything else as the JSON body."""
        response = self.send(method, path, files=files, **body_or_params)
        return response.json() if response.content else {}

    def send(self, method: str, path: str, *, files: Any = None, **body_or_params: Any) -> httpx.Response:
        """The raw answer; raises ``Refused`` for an error."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if method != "GET":
            # A call whose answer was lost is repeated with its key and done once.
            headers["idempotency-key"] = str(uuid4())
        arguments: dict[str, Any] = {"headers": headers}
        if files is not None:
            arguments |= {"files": files, "data": body_or_params}
        elif method == "GET":
            arguments["params"] = body_or_params
        else:
            arguments["json"] = body_or_params
        deadline = time.monotonic() + self.patience
        while True:
            try:
                response = self._client.request(method, path, **arguments)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise JourneyError(f"{method} {path}: {error}") from error
                self._pause.wait(0.5)
                continue
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
                self._pause.wait(0.5)
                continue
            if response.is_error:
                raise Refused(response.status_code, _status(response))
            return response

    def finished(self, path: str, timeout: float = 300.0, **params: Any) -> Any:
        """Gets ``path`` until its ``status`` is final; raises ``JourneyError`` when it failed."""
        deadline = time.monotonic() + timeout
        while True:
            answer = self.call("GET", path, **params)
            if answer.get("status") in FINISHED:
                if answer["status"] in ("failed", "cancelled"):
                    raise JourneyError(f"{path} {answer['status']}: {answer.get('error', '')}")
                return answer
            if time.monotonic() > deadline:
                raise JourneyError(f"{path} is still {answer.get('status')} after {timeout:.0f} s")
            self._pause.wait(0.1)

    def upload(self, path: str, file: Path, **fields: str) -> Any:
        """Uploads a file as multipart/form-data."""
        return self.call("POST", path, files={"file": (file.name, file.read_bytes())}, **fields)


def _status(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body: Mapping[str, Any] = response.json()
    except ValueError:
        return {"message": response.text[:500]}
    return body
