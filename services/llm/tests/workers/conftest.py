"""Reading a small file as the compute child does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from raia_kit.errors import RaiaError
from raia_llm.workers.extracted import Extracted, Limits
from raia_llm.workers.read import extract

Extractor = Callable[..., Extracted]


def ignore(_fraction: float, _message: str) -> None:
    """Takes progress and does nothing."""


@pytest.fixture
def extracted(tmp_path: Path) -> Extractor:
    """Extracts bytes or text under a name."""

    def extractor(content: bytes | str, filename: str = "notes.txt", **limits: int) -> Extracted:
        path = tmp_path / "raw"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return extract(path, filename, Limits(**limits), ignore)

    return extractor


@pytest.fixture
def refused(extracted: Extractor) -> Callable[..., RaiaError]:
    """How extracting is refused."""

    def refuse(content: bytes | str, filename: str = "notes.txt", **limits: int) -> RaiaError:
        with pytest.raises(RaiaError) as raised:
            extracted(content, filename, **limits)
        return raised.value

    return refuse
