"""Names of columns."""

import pytest
from raia_ingest.errors import TooLarge
from raia_ingest.workers.source import Headers


def test_names_that_would_fill_an_answer_are_refused() -> None:
    naming = Headers()
    with pytest.raises(TooLarge, match="names of the columns"):
        for position in range(10_000):
            naming.name(f"{position}" + "n" * 240, position)


def test_as_many_columns_as_allowed_may_have_names_of_usual_length() -> None:
    naming = Headers()
    for position in range(10_000):
        naming.name(f"{position}" + "n" * 60, position)
    assert not naming.notes
