"""The comments of the contracts, by the full name of what they stand before."""

import re
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_FIELD, _NESTED, _NESTED_ENUM, _METHOD, _VALUE = 2, 3, 4, 2, 2
_SPACES = re.compile(r"\s*\n\s*")
_EXAMPLE = re.compile(r"[Ss]uch as (?:\"([^\"]{1,200})\"|'([^']{1,200})')")
_LINT = re.compile(r"buf:lint:\S+(?: \S+)?")


class Comments:
    """Comments by full name: ``raia.ingest.v1.Dataset.name``."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._texts: dict[str, str] = {}
        for file in files.file:
            names = dict(_names(file))
            for location in file.source_code_info.location:
                name = names.get(tuple(location.path))
                text = location.leading_comments.strip()
                if name and text:
                    self._texts[name] = _SPACES.sub(" ", _LINT.sub("", text)).strip()

    def text(self, name: str) -> str:
        """The comment, on one line; empty when there is none."""
        return self._texts.get(name, "")

    def summary(self, name: str) -> str:
        """The comment's first sentence."""
        return first_sentence(self.text(name))

    def example(self, name: str) -> str:
        """The value that the comment gives as ``such as "…"``; empty when it gives none."""
        match = _EXAMPLE.search(self.text(name))
        return (match[1] or match[2]) if match else ""


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, without it."""
    match = re.match(r"(.+?)[.:](?:\s|$)", text)
    return match[1] if match else text


def _names(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, message in enumerate(file.message_type):
        yield from _of_message(message, file.package, (_MESSAGE, index))
    for index, enum in enumerate(file.enum_type):
        yield from _of_enum(enum, file.package, (_ENUM, index))
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (_SERVICE, index), name
        for number, method in enumerate(service.method):
            yield (_SERVICE, index, _METHOD, number), f"{name}.{method.name}"


def _of_message(message: DescriptorProto, scope: str, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, _FIELD, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _of_message(nested, name, (*path, _NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from _of_enum(enum, name, (*path, _NESTED_ENUM, index))


def _of_enum(enum: EnumDescriptorProto, scope: str, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, f"{scope}.{enum.name}"
    for index, value in enumerate(enum.value):
        # Values stand beside their enum, not in it; the enum's name keeps those of different enums apart here.
        yield (*path, _VALUE, index), f"{scope}.{enum.name}.{value.name}"
