"""Walks over a JSON document, holding one element of it at a time."""

import json
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any

_WINDOW = 1024**2
_LONGEST_ELEMENT = 64 * 1024**2
_BLANKS = " \t\r\n"


class Broken(Exception):
    """The document is not JSON from here on."""


class Scanner:
    """Walks over a document, holding one element of it at a time."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._ended = False
        self.text = ""
        """The last value as it stands in the document."""
        self._decoder = json.JSONDecoder(parse_constant=lambda name: name if name == "NaN" else float(name))

    def peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                character = self._buffer[self._at]
                if character not in _BLANKS:
                    return character
                self._at += 1
            if not self._more():
                return ""

    def take(self, expected: str) -> None:
        """Steps over a character; raises ``Broken`` when another one stands there."""
        if self.peek() != expected:
            raise Broken
        self._at += 1

    def value(self) -> Any:
        """The next value, whole."""
        if not self.peek():
            raise Broken
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                if isinstance(error, RecursionError) or len(self._buffer) - self._at > _LONGEST_ELEMENT:
                    raise Broken from error
                if not self._more():
                    raise Broken from error
                continue
            # A number may go on behind the window.
            if end < len(self._buffer):
                self.text = self._buffer[self._at : end]
                self._at = end
                return value
            if not self._more():
                self.text = self._buffer[self._at :]
                self._at = len(self._buffer)
                return value

    def _more(self) -> bool:
        if self._ended:
            return False
        wanted = max(_WINDOW, len(self._buffer) - self._at)
        piece = self._text.read(wanted)
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        self._ended = not piece
        return bool(piece)

    def elements(self) -> Iterator[Any]:
        """The values of an array."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.peek() == ",":
                self.take(",")
                continue
            self.take("]")
            return

    def members(self) -> Iterator[str]:
        """The keys of an object; whoever asks for the next must have taken the value of the last."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise Broken
            self.take(":")
            yield key
            if self.peek() == ",":
                self.take(",")
                continue
            self.take("}")
            return


def seek(scanner: Scanner, where: tuple[str, ...]) -> Iterator[Any]:
    """The elements of the array at ``where``."""
    if not where:
        yield from scanner.elements()
        return
    for key in scanner.members():
        if key == where[0]:
            yield from seek(scanner, where[1:])
            return
        scanner.value() if scanner.peek() not in "[{" else _skip(scanner)


def _skip(scanner: Scanner) -> None:
    """Steps over a value without holding it whole."""
    first = scanner.peek()
    if first == "[":
        for _ in scanner.elements():
            pass
    elif first == "{":
        for _ in scanner.members():
            _skip(scanner)
    else:
        scanner.value()
