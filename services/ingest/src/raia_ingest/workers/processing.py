"""The compute function that runs one processor."""

from pathlib import Path
from typing import Any

import orjson
from raia_kit.errors import FailedPrecondition
from raia_kit.plugins import check_options, load, refusals
from raia_plugins import ColumnInfo, ProcessingRequest, Processor, Progress

from raia_ingest.workers.exhaustion import explained

_MOST_BYTES = 1024**2


def process_file(
    *,
    path: str,
    columns: list[dict[str, str]],
    filename: str,
    processor: str,
    options: dict[str, Any],
    memory_bytes: int,
    scratch_folder: str,
    progress: Progress,
) -> dict[str, Any]:
    """Runs the processor of that name over a canonical file.

    Returns ``headline``, ``results`` and ``notes``. Raises ``NotFound`` for a processor that is not installed, what it
    refuses as ``FailedPrecondition``, and the same for results of more than 1 MiB.
    """
    plugin = load("processor", Processor).get(processor)  # type: ignore[type-abstract]
    check_options(plugin, options)
    request = ProcessingRequest(
        source=Path(path),
        columns=[ColumnInfo(column["name"], column["type"]) for column in columns],
        filename=filename,
        scratch=Path(scratch_folder),
        options=options,
        memory_bytes=memory_bytes,
    )
    with explained(), refusals("processor", processor):
        done = plugin.process(request, progress)
    found = {"headline": done.headline, "results": dict(done.results), "notes": list(done.notes)}
    size = len(orjson.dumps(found))
    if size > _MOST_BYTES:
        raise FailedPrecondition(
            f"the processor {processor} gave results of {size:,} bytes; at most {_MOST_BYTES:,} are kept",
            reason="PLUGIN_REFUSED",
            metadata={"kind": "processor", "name": processor},
        )
    return found
