"""How a question is weighed against a passage, and quotes are chosen."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_llm.chat.domain import NOT_TOLD, Relevance, Sentence, quote
from raia_llm.passages.domain import SIMPLE, Passage, Question, nearly_same

TEXT = "- Books are lent for weeks.\n\nOther things are sold here today."


def question(configuration="english", **lexemes):
    return Question("?", lexemes, lexemes, configuration)


def passage(text=TEXT, start=100, **values):
    place = {"page": 3, "page_starts": [start + 30], "headings": ("Rules",), **values}
    return Passage(UUID(int=1), "a.md", 0, text, start, start + len(text), **place)


def sentence(made, start, end, *lexemes, context=()):
    return Sentence(made, start, end, frozenset(lexemes), frozenset(context))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("licens", "licenc", True),
        ("basement", "basment", True),
        ("bicycl", "bycycl", True),
        ("basement", "basements", True),
        ("contract", "contrast", True),
        ("mouse", "moose", False),
        ("kitchen", "chicken", False),
        ("policies", "politics", False),
        ("retention", "detention", False),
        ("abcdef", "abcdefgh", False),
    ],
)
def test_words_that_are_nearly_the_same(one, other, same):
    assert nearly_same(one, other) is nearly_same(other, one) is same


@pytest.mark.fast
def test_coverage_counts_weights():
    asked = Question("?", {"book": 3.0, "lent": 1.0}, {}, "english", frozenset({"lent"}))
    assert asked.coverage({"book"}) == 0.75
    assert asked.coverage(set()) == 0.0
    assert asked.coverage({"book", "lent", "x"}) == 1.0
    assert Question("?", {}, {}, "english").coverage({"book"}) == 0.0
    assert asked.names_subject({"book"})
    assert not asked.names_subject({"lent"})


@pytest.mark.fast
def test_common_words_find_nothing_unless_all_are():
    lexemes = {"the": 1.0, "moon": 3.0}
    assert list(Question("?", lexemes, {}, "english", common={"the"}).finding) == ["moon"]
    assert list(Question("?", lexemes, {}, "english", common={"the", "moon"}).finding) == ["the", "moon"]


@pytest.mark.fast
def test_the_quote_stands_where_its_citation_says():
    made = passage()
    reply = quote(question(book=4.0, lent=4.0), [sentence(made, 0, 27, "book", "lent")], Relevance(0.5))
    assert reply.text == "“Books are lent for weeks.” [1]"
    citation = reply.citations[0]
    assert (citation.start, citation.end, citation.page) == (102, 127, 3)
    later = made.part(31, 40)
    assert (later.start, later.page) == (131, 4)


@pytest.mark.fast
def test_what_covers_too_little_is_not_quoted():
    made = passage()
    asked = question(book=4.0, moon=4.0, base=4.0)
    assert quote(asked, [sentence(made, 0, 27, "book")], Relevance(0.6)).text == NOT_TOLD
    assert quote(asked, [], Relevance(0.6)).text == NOT_TOLD
    assert quote(question(SIMPLE, the=4.0), [sentence(made, 0, 27, "the")], Relevance(0.6)).text == NOT_TOLD


@pytest.mark.fast
def test_a_near_sentence_is_quoted_whatever_its_words():
    made = passage(distance=0.2)
    asked, relevance = question(novel=9.0), Relevance(0.6, distance=0.5, nearness=0.45)
    near, far = (Sentence(made, 0, 27, frozenset(), frozenset(), False, value) for value in (0.5, 0.4))
    assert quote(asked, [near, far], relevance).citations
    assert quote(asked, [far], relevance).text == NOT_TOLD
    assert quote(asked, [near], Relevance(0.6)).text == NOT_TOLD
    assert relevance.near(made)
    assert not Relevance(0.6).near(made)


@pytest.mark.fast
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 60), st.sets(st.sampled_from("abcd"))), max_size=12))
def test_citations_are_as_many_as_marks(spans):
    made = passage()
    found = [sentence(made, s, min(len(TEXT), s + n), *held) for s, n, held in spans if TEXT[s : s + n].strip()]
    reply = quote(question(a=1.0, b=2.0), found, Relevance(0.5))
    assert len(reply.citations) <= 4
    for number, citation in enumerate(reply.citations, 1):
        assert f"[{number}]" in reply.text
        assert TEXT[citation.start - 100 : citation.end - 100] == citation.text
