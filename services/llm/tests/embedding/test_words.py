"""Words, their weights and their vectors."""

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_llm.embedding.embedder import DIMENSIONS, literal
from raia_llm.embedding.hashed import HashedEmbedder
from raia_llm.embedding.weights import STOP_WEIGHT, word_weight
from raia_llm.embedding.words import words_of


def similarity(one: str, other: str, weights: dict[str, float] | None = None) -> float:
    first, second = HashedEmbedder().embed([one, other], weights or {})
    return sum(a * b for a, b in zip(first, second, strict=True))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The company's e-mail: A_B, 3.5 %", ["the", "company", "s", "e", "mail", "a", "b", "3", "5"]),
        ("STRASSE Straße ﬁn", ["strasse", "strasse", "fin"]),
        ("休暇制度です", ["休暇", "暇制", "制度", "度で", "です"]),
        ("GPUは速い", ["gpu", "は速", "速い"]),
        ("x" * 100, ["x" * 40, "x" * 40, "x" * 20]),
        ("", []),
    ],
)
def test_words(text, words):
    assert list(words_of(text)) == words


@pytest.mark.fast
def test_rare_words_weigh_more():
    weights = [word_weight(count, 1000) for count in (0, 1, 10, 100, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0
    assert word_weight(5, 1000, stop=True) == STOP_WEIGHT
    assert word_weight(1, 1) > 0.7 * word_weight(0, 1)


@pytest.mark.fast
@given(st.text(max_size=300))
def test_vectors_have_length_one_or_none(text):
    vector = HashedEmbedder().embed([text], {})[0]
    length = math.sqrt(sum(value * value for value in vector))
    assert len(vector) == DIMENSIONS
    assert length == pytest.approx(1.0) if list(words_of(text)) else length == 0
    assert len(literal(vector).split(",")) == DIMENSIONS


@pytest.mark.fast
def test_the_same_text_has_the_same_vector_in_every_process():
    code = (
        "from raia_llm.embedding.hashed import HashedEmbedder; from raia_llm.embedding.embedder import literal; "
        "print(literal(HashedEmbedder().embed(['annual leave'], {})[0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == literal(HashedEmbedder().embed(["annual leave"], {})[0])


@pytest.mark.fast
def test_near_texts_are_near():
    text = "Employees are entitled to twenty-five days of annual leave."
    assert similarity(text, text) == pytest.approx(1.0)
    near = similarity(text, "How many days of annual leave is an employee entitled to?")
    far = similarity(text, "Backups of databases happen at night.")
    assert near > 0.4
    assert far < 0.2
    assert similarity("employee", "employees") > 0.4
    assert similarity("vacation policy", "vacaton policy") > 0.5


@pytest.mark.fast
def test_weights_change_what_counts():
    one, other = "the annual report", "the nightly backup"
    plain = similarity(one, other)
    assert similarity(one, other, {"the": 0.05}) < plain
