"""Passages."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_llm.workers.chunks import chunks
from raia_llm.workers.extracted import Extracted, Heading

WORDS = st.text(alphabet="abcdefgh語ü", min_size=1, max_size=12)
PARTS = st.lists(
    st.one_of(WORDS, st.sampled_from([". ", "! ", "\n", "\n\n", " ", "\n- ", "\t", "x" * 4000, "語" * 700])),
    max_size=400,
)


def document(text: str, headings: list[Heading] | None = None, pages: list[int] | None = None) -> Extracted:
    return Extracted("text", text, headings or [], pages or [])


@st.composite
def documents(draw: st.DrawFn) -> Extracted:
    text = draw(PARTS.map(" ".join))
    places = st.integers(0, max(0, len(text) - 1))
    starts = sorted(draw(st.sets(places, max_size=6)))
    pages = sorted(draw(st.sets(places, max_size=4)))
    headings = [Heading(start, draw(st.integers(1, 4)), f"h{start}") for start in starts]
    return document(text, headings, [0, *[page for page in pages if page]] if pages else [])


@pytest.mark.fast
@given(documents())
def test_positions_are_exact_and_nothing_is_lost(made):
    covered: set[int] = set()
    before = -1
    for chunk in chunks(made):
        passage = made.text[chunk.start : chunk.end]
        assert passage == passage.strip()
        assert passage
        assert chunk.start > before
        before = chunk.start
        assert max(len(passage.split()), len(passage) // 7) <= 300
        covered.update(range(chunk.start, chunk.end))
        assert chunk.page == sum(start <= chunk.start for start in made.page_starts)
        assert list(chunk.page_starts) == [s for s in made.page_starts if chunk.start < s < chunk.end]
        last = [h for h in made.headings if h.start <= chunk.start]
        assert (chunk.headings[-1] if chunk.headings else None) == (last[-1].title if last else None)
    missing = [at for at, character in enumerate(made.text) if not character.isspace() and at not in covered]
    assert missing == []


@pytest.mark.fast
def test_passages_of_a_long_text_overlap_a_little():
    text = " ".join(f"Sentence number {n} says something about the matter at hand." for n in range(200))
    cut = list(chunks(document(text)))
    sizes = [len(text[c.start : c.end].split()) for c in cut]
    assert all(200 <= size <= 300 for size in sizes[:-1])
    overlaps = [len(text[b.start : a.end].split()) for a, b in pairwise(cut)]
    assert all(0 < overlap <= 40 for overlap in overlaps)


@pytest.mark.fast
def test_a_heading_begins_a_passage_unless_the_one_before_is_short():
    long = "A sentence of eight words stands right here. " * 15
    text = f"# One\n\n{long}\n\n# Two\n\nShort text.\n\n# Three\n\nMore text."
    headings = [Heading(text.index(f"# {title}"), 1, title) for title in ("One", "Two", "Three")]
    cut = list(chunks(document(text, headings)))
    assert [chunk.headings for chunk in cut] == [("One",), ("Two",)]
    assert text[cut[1].start : cut[1].end] == "# Two\n\nShort text.\n\n# Three\n\nMore text."


@pytest.mark.fast
def test_headings_stand_below_each_other():
    text = "# A\n\n## B\n\n### C\n\nwords\n\n## D\n\nwords"
    levels = [(1, "A"), (2, "B"), (3, "C"), (2, "D")]
    headings = [Heading(text.index(f"# {title}") - level + 1, level, title) for level, title in levels]
    made = document(text + " more" * 300, headings)
    assert [chunk.headings for chunk in chunks(made)][-1] == ("A", "D")


@pytest.mark.slow
def test_a_line_of_ten_megabytes():
    text = "abcdefghi " * 1_000_000
    cut = list(chunks(document(text)))
    assert cut[0].start == 0
    assert cut[-1].end == len(text) - 1
    assert all(chunk.end - chunk.start <= 2000 for chunk in cut)
    unbroken = "x" * 10_000_000
    cut = list(chunks(document(unbroken)))
    assert sum(chunk.end - chunk.start for chunk in cut) == len(unbroken)
