"""What is wrong with a step, told without transport."""


class StepFault(Exception):
    """A step that cannot be: ``field`` is the path within the step, ``message`` says how to mend it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


class DataFault(Exception):
    """The data breaks what a step demands of it."""
