"""The tests' own service: real gRPC on a free port, widgets in memory."""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from .protofiles import widgets, widgets_grpc

BIG = bytes(range(256)) * 4000


def abort(context: grpc.ServicerContext, code: int, reason: str, retry_after: float = 0.0, message: str = "") -> Any:
    status = status_pb2.Status(code=code, message=message or f"failed for {reason}")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="raia.sample"))
    if retry_after:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(retry_after * 1e9))
        status.details.add().Pack(retry)
    context.set_trailing_metadata(
        (("grpc-status-details-bin", status.SerializeToString()), ("raia-audit-id", "audit-of-failure"))
    )
    number = {member.value[0]: member for member in grpc.StatusCode}[code]
    context.abort(number, status.message)


class WidgetServicer:
    """Widgets, in memory; remembers what happened to uploads and streams."""

    def __init__(self) -> None:
        self.pb = widgets()
        self.widgets: dict[str, Any] = {}
        self.uploads: list[dict[str, Any]] = []
        self.cancelled = threading.Event()
        self.seen: list[dict[str, str]] = []

    def CreateWidget(self, request: Any, context: grpc.ServicerContext) -> Any:
        widget = self.pb.Widget(
            id=f"w{len(self.widgets) + 1}", name=request.name, tags=request.tags, etag="1", size_bytes=2**53 + 1
        )
        self.widgets[widget.id] = widget
        context.set_trailing_metadata((("raia-audit-id", "audit-1"),))
        return widget

    def GetWidget(self, request: Any, context: grpc.ServicerContext) -> Any:
        widget = self.widgets.get(request.id)
        if widget is None:
            abort(context, code_pb2.NOT_FOUND, "RESOURCE_NOT_FOUND", message=f"widget {request.id} was not found")
        answer = self.pb.Widget()
        answer.CopyFrom(widget)
        if request.shelf:
            answer.shelf = request.shelf
        return answer

    def ListWidgets(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [w for w in self.widgets.values() if not request.tags or set(request.tags) & set(w.tags)]
        return self.pb.ListWidgetsResponse(
            widgets=found[: request.page_size or 50],
            next_page_token=f"{list(request.colours)}|{request.part.part_name}|{request.page_token}",
        )

    def UpdateWidget(self, request: Any, context: grpc.ServicerContext) -> Any:
        widget = self.widgets[request.widget.id]
        if request.widget.etag and request.widget.etag != widget.etag:
            abort(context, code_pb2.ABORTED, "ETAG_MISMATCH")
        if not request.update_mask.paths or "name" in request.update_mask.paths:
            widget.name = request.widget.name
        widget.etag = str(int(widget.etag) + 1)
        return widget

    def DeleteWidget(self, request: Any, context: grpc.ServicerContext) -> Any:
        widget = self.widgets[request.id]
        if request.etag and request.etag != widget.etag:
            abort(context, code_pb2.ABORTED, "ETAG_MISMATCH")
        del self.widgets[request.id]
        return empty_pb2.Empty()

    def PolishWidget(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.widgets[request.id].status = "polished"
        return self.widgets[request.id]

    def Echo(self, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        metadata["deadline"] = f"{context.time_remaining():.1f}"
        return self.pb.EchoResponse(kinds=request.kinds, path=request.path, number=request.number, metadata=metadata)

    def Fail(self, request: Any, context: grpc.ServicerContext) -> Any:
        until = time.monotonic() + request.sleep
        while time.monotonic() < until:
            if not context.is_active():
                self.cancelled.set()
                return empty_pb2.Empty()
            threading.Event().wait(0.02)
        if request.reason == "CRASH":
            raise RuntimeError("a secret text")
        if request.code:
            abort(context, request.code, request.reason, request.retry_after)
        return empty_pb2.Empty()

    def UploadWidget(self, stream: Iterator[Any], context: grpc.ServicerContext) -> Any:
        record: dict[str, Any] = {"parts": [], "size": 0, "finished": False, "largest": 0}
        self.uploads.append(record)
        digest, metadata = hashlib.sha256(), self.pb.UploadWidgetMetadata()
        try:
            for message in stream:
                part = message.WhichOneof("part")
                if not record["parts"] or record["parts"][-1] != part:
                    record["parts"].append(part)
                if part == "metadata":
                    metadata = message.metadata
                    if metadata.name == "refused":
                        abort(context, code_pb2.PERMISSION_DENIED, "PERMISSION_MISSING")
                elif part == "chunk":
                    if message.chunk.startswith(b"refuse"):
                        abort(context, code_pb2.INVALID_ARGUMENT, "FILE_UNREADABLE")
                    if message.chunk.startswith(b"slow"):
                        threading.Event().wait(0.02)
                    digest.update(message.chunk)
                    record["size"] += len(message.chunk)
                    record["largest"] = max(record["largest"], len(message.chunk))
                elif part == "finish":
                    record["finished"] = True
                    record["sha256"] = message.finish.sha256
        finally:
            record["ended"] = True
        if not record["finished"]:
            abort(context, code_pb2.INVALID_ARGUMENT, "UPLOAD_INCOMPLETE")
        record["metadata"] = metadata
        return self.pb.Widget(
            id=f"u{len(self.uploads)}",
            name=metadata.name or metadata.filename,
            size_bytes=record["size"],
            sha256=digest.hexdigest(),
            tags=metadata.tags,
            shelf=metadata.shelf,
            status=metadata.content_type,
            parts=[metadata.part],
        )

    def DownloadWidget(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if request.id == "absent":
            abort(context, code_pb2.NOT_FOUND, "RESOURCE_NOT_FOUND")
        sizes = () if request.id == "unsized" else (("file-size", str(len(BIG))),)
        metadata = dict(context.invocation_metadata())
        if request.id == "ranged" and "range" in metadata:
            context.send_initial_metadata((("content-range", "bytes 0-3/10"), ("etag", "r")))
            yield httpbody_pb2.HttpBody(content_type="text/plain", data=b"four")
            return
        context.send_initial_metadata(
            (*sizes, ("etag", "v1"), ("content-disposition", 'attachment; filename="big.bin"'))
        )
        for start in range(0, len(BIG), 100_000):
            if not context.is_active():
                self.cancelled.set()
                return
            yield httpbody_pb2.HttpBody(content_type="application/x-big", data=BIG[start : start + 100_000])
            if request.id == "broken" and start >= 300_000:
                abort(context, code_pb2.INTERNAL, "INTERNAL")

    def WatchWidget(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if request.id == "absent":
            abort(context, code_pb2.NOT_FOUND, "RESOURCE_NOT_FOUND")
        number = 0
        while context.is_active() and (not request.count or number < request.count):
            number += 1
            yield self.pb.Widget(id=request.id, name=f"{request.cursor}{number}")
            if request.id == "failing":
                abort(context, code_pb2.UNAVAILABLE, "DATABASE_UNAVAILABLE", 2.0)
            if not request.count:
                threading.Event().wait(0.02)
        if not context.is_active():
            self.cancelled.set()

    def Inside(self, request: Any, context: grpc.ServicerContext) -> Any:
        return request


def start_sample_server() -> tuple[grpc.Server, str, WidgetServicer]:
    """A running server, its address and its servicer."""
    servicer = WidgetServicer()
    server = grpc.server(futures.ThreadPoolExecutor(16))
    widgets_grpc().add_WidgetServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}", servicer
