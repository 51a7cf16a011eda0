"""The one error of the codec: what is wrong with a value, and where it stands in the document."""


class CodecError(ValueError):
    """A JSON document or a text value does not fit its field.

    ``path`` is built from the inside out: each level that the error passes puts its own name before it.
    """

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description
        self.segments: list[str] = []

    def within(self, segment: str) -> "CodecError":
        """Puts a field name or ``[index]`` before the path and returns the error, to be raised again."""
        self.segments.append(segment)
        return self

    @property
    def path(self) -> str:
        """Where the value stands: ``columns[2].name``; empty for the document itself."""
        text = ""
        for segment in reversed(self.segments):
            text += segment if segment.startswith("[") or not text else f".{segment}"
        return text

    def __str__(self) -> str:
        return f"{self.path}: {self.description}" if self.segments else self.description


def kind_of(value: object) -> str:
    """How a JSON value is called in an error: ``a string``, ``null``, …"""
    if value is None:
        return "null"
    return {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }.get(type(value), type(value).__name__)
