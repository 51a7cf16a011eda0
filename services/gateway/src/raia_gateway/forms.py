"""multipart/form-data, parsed as it comes: small fields are kept, the file is handed on piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from raia_gateway.errors import MalformedRequest

_LARGEST_FIELDS = 1024 * 1024
_MOST_FIELDS = 1000


@dataclass
class FormField:
    """One small part of a form."""

    name: str
    content_type: str
    value: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        """The value as text; raises ``MalformedRequest`` when it is not UTF-8."""
        try:
            return self.value.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedRequest(f"the form field {self.name} is not UTF-8", "MALFORMED_BODY") from None


class FormReader:
    """Takes a form's bytes as they come; gives the file's bytes to ``on_file`` at once.

    ``fields``, ``filename`` and ``file_type`` fill on the way. Memory is bounded by the piece at hand and 1 MiB of
    fields.
    """

    def __init__(self, boundary: bytes, file_field: str, on_file: Callable[[bytes], None]) -> None:
        self.fields: list[FormField] = []
        self.filename, self.file_type = "", ""
        self.file_begun = False
        self._file_field, self._on_file = file_field, on_file
        self._size = 0
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[str, str] = {}
        self._current: FormField | None = None
        self._in_file = False
        callbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except ValueError:
            raise MalformedRequest("the form's boundary is too long", "MALFORMED_BODY") from None

    def feed(self, data: bytes) -> None:
        """Parses a piece; raises ``MalformedRequest``."""
        try:
            self._parser.write(data)
        except MultipartParseError:
            raise MalformedRequest("the body is not the form that its content type says", "MALFORMED_BODY") from None

    def finish(self) -> None:
        """Raises ``MalformedRequest`` when the form ended before its closing boundary or held no file."""
        if self._parser.state != MultipartState.END:
            raise MalformedRequest("the form ends in the middle", "MALFORMED_BODY")
        if not self.file_begun:
            raise MalformedRequest(f"the form has no part named {self._file_field!r}", "FILE_MISSING")

    def _begin(self) -> None:
        self._headers = {}
        self._header = (bytearray(), bytearray())
        self._current, self._in_file = None, False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        disposition, options = parse_options_header(self._headers.get("content-disposition", ""))
        name = _text(options.get(b"name", b""))
        if disposition != b"form-data" or not name:
            raise MalformedRequest("a part of the form has no name", "MALFORMED_BODY")
        kind = self._headers.get("content-type", "")
        if name == self._file_field:
            if self.file_begun:
                raise MalformedRequest(f"the form has two parts named {name!r}", "MALFORMED_BODY")
            self.file_begun = self._in_file = True
            self.filename, self.file_type = base_name(_text(options.get(b"filename", b""))), kind
            return
        if b"filename" in options:
            raise MalformedRequest(
                f"the file must be in the part {self._file_field!r}, not {name[:100]!r}", "MALFORMED_BODY"
            )
        if len(self.fields) >= _MOST_FIELDS:
            raise MalformedRequest(f"the form has more than {_MOST_FIELDS} fields", "MALFORMED_BODY")
        self._current = FormField(name, kind)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._on_file(data[start:end])
            return
        self._size += end - start
        if self._size > _LARGEST_FIELDS:
            raise MalformedRequest(f"the form's fields are larger than {_LARGEST_FIELDS} bytes", "MALFORMED_BODY")
        if self._current is not None:
            self._current.value.extend(data[start:end])

    def _end(self) -> None:
        if self._current is not None:
            self.fields.append(self._current)


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart content type states; raises ``MalformedRequest`` when it states none."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedRequest("the content type states no boundary", "MALFORMED_BODY")
    return boundary


def base_name(filename: str) -> str:
    """A file's name without any folder and without control characters."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:500].strip()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
