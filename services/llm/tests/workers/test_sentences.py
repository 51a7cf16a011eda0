"""Where sentences end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_llm.workers.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Ilse Brandt, e.g. on Mon. mornings, says so. Really.", None),
        ("See Art. 5 and No. 7. Then go.", ["See Art. 5 and No. 7.", "Then go."]),
        ("It is 3.5 percent. Or 4.", ["It is 3.5 percent.", "Or 4."]),
        ("He said “go.” She went.", ["He said “go.”", "She went."]),
        ("before 9 a.m. on the first day. Next.", ["before 9 a.m. on the first day.", "Next."]),
        ("Wait… what? Yes.", ["Wait… what?", "Yes."]),
        ("Title\n\nText goes on\nover lines. End.", ["Title", "Text goes on\nover lines.", "End."]),
        ("Items:\n- one\n- two\n1. three", ["Items:", "- one", "- two", "1. three"]),
        ("一つ。二つ！三つ", ["一つ。", "二つ！", "三つ"]),
        ("", []),
        (" \n ", []),
        ("J. R. Smith came. He left.", ["J. R. Smith came.", "He left."]),
    ],
)
def test_sentences(text, expected):
    if expected is None:
        expected = ["Dr. Ilse Brandt, e.g. on Mon. mornings, says so.", "Really."]
    assert split(text) == expected


@pytest.mark.fast
@given(st.text(alphabet=st.sampled_from("aB1 .!?\n\t-#|。”x…"), max_size=200))
def test_nothing_but_white_space_is_lost(text):
    spans = list(sentences(text))
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert "".join("".join(split(text)).split()) == "".join(text.split())
