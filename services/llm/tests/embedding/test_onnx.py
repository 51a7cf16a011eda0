"""A real sentence model, run by onnxruntime: by itself, and in the service."""

import math

import pytest
from raia_llm.embedding.embedder import DIMENSIONS
from raia_llm.settings import LlmSettings

from ..chat.handbook import ANSWERED, DOCUMENTS, UNANSWERED
from ..rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.servers("minilm")]

PARAPHRASED = {
    "How much vacation am I entitled to?": "25 days of paid annual leave",
    "My notebook was stolen, whom do I tell?": "service desk within two hours",
    "When do I get my paycheck?": "27th of each month",
    "Where can I park my bike?": "basement garage",
    "How long do you store CCTV footage?": "72 hours",
}
"""Questions in other words than the documents'."""


@pytest.fixture(scope="module")
def folder():
    from .minilm import minilm_folder

    return minilm_folder()


@pytest.fixture(scope="module")
def rig(postgres, tmp_path_factory, folder):
    with postgres.service_database("llm", pool_size=8) as database:
        running = Rig(
            database,
            tmp_path_factory.mktemp("llm"),
            embedder="onnx",
            embedder_folder=folder,
            document_at_once_seconds=60,
        )
        try:
            yield running
        finally:
            running.close()


@pytest.fixture(scope="module")
def staff(rig):
    person = rig.hire()
    for name, text in DOCUMENTS.items():
        assert rig.upload(person, text, name).status == "ready"
    return person


def test_vectors_are_the_model_s(folder):
    from raia_llm.workers.onnx import OnnxEmbedder

    model = OnnxEmbedder(str(folder))
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    first, *others = model.embed(texts, {})
    assert len(first) == DIMENSIONS
    assert math.isclose(sum(value * value for value in first), 1.0, rel_tol=1e-4)
    assert set(first[384:]) == {0.0}
    near = [sum(a * b for a, b in zip(first, other, strict=True)) for other in others]
    # What the model's authors show for these sentences.
    assert near == pytest.approx([0.695, 0.943, 0.257], abs=0.01)
    assert model.embed(["short", "a much longer text " * 100], {})[0] == pytest.approx(
        model.embed(["short"], {})[0], abs=1e-5
    )


def test_what_is_asked_in_other_words_is_found_and_quoted(rig, staff):
    for question, expected in PARAPHRASED.items():
        found = rig.search(staff, question, 5)
        assert any(expected in " ".join(passage.text.split()) for passage in found), question
        assert found[0].vector_rank, question
        answer = rig.ask(staff, question)
        assert expected in " ".join(answer.citations[0].text.split()), question


def test_what_is_asked_in_the_documents_words_is_quoted(rig, staff):
    for question, expected in ANSWERED.items():
        assert expected in " ".join(rig.ask(staff, question).answer.split()), question


def test_what_the_documents_do_not_tell_is_not_answered(rig, staff):
    answered = [question for question in UNANSWERED if rig.ask(staff, question).grounded]
    assert answered == []


def test_the_folder_must_hold_a_model(tmp_path):
    with pytest.raises(ValueError, match="RAIA_EMBEDDER_FOLDER"):
        LlmSettings(embedder="onnx")
    from raia_llm.embedding.onnx_name import onnx_name

    with pytest.raises(ValueError, match="export the model"):
        onnx_name(tmp_path)
