import io
import json
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest
from raia_kit.context import Call, Caller, serving
from raia_kit.contract import all_methods
from raia_kit.logs import start_logging
from raia_kit.telemetry import server_span

pytestmark = pytest.mark.fast


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    start_logging("sample", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_a_json_object_with_the_call_it_belongs_to(stream: io.StringIO) -> None:
    method = all_methods()[0]
    caller = Caller(uuid4(), uuid4(), service="ml", token="s3cret")
    call = Call(method=method, request_id="r", correlation_id="c", metadata={}, caller=caller)
    with serving(call), server_span("x", {}):
        logging.getLogger("raia.test").info("did %s", "it", extra={"facts": {"rows": 3, "org": caller.org_id}})
    (line,) = lines(stream)
    assert line["message"] == "did it"
    assert (line["service"], line["level"], line["logger"]) == ("sample", "info", "raia.test")
    assert (line["request_id"], line["correlation_id"], line["method"]) == ("r", "c", method.full_name)
    assert (line["org_id"], line["user_id"], line["caller_service"]) == (str(caller.org_id), str(caller.user_id), "ml")
    assert len(str(line["trace_id"])) == 32
    assert line["rows"] == 3
    assert "s3cret" not in stream.getvalue()


def test_exceptions_carry_type_fingerprint_and_stack(stream: io.StringIO) -> None:
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        logging.getLogger("raia.test").exception("failed")
    (line,) = lines(stream)
    error = line["error"]
    assert isinstance(error, dict)
    assert error["type"] == "builtins.ValueError"
    assert "test_logs" in error["stack"]
    assert len(error["fingerprint"]) == 12


def test_libraries_are_quiet_and_lower_levels_left_out(stream: io.StringIO) -> None:
    logging.getLogger("kafka.client").info("chatter")
    logging.getLogger("raia.test").debug("detail")
    logging.getLogger("kafka.client").warning("trouble")
    assert [line["message"] for line in lines(stream)] == ["trouble"]
