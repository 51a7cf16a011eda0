"""Questions through the running service, to the offline provider."""

import grpc

from ..rig import failure_of

CODE = grpc.StatusCode
RULES = """# Library rules

Books are lent for four weeks. A loan can be prolonged twice.

# Fees

A late return costs one euro a week. Lost books are paid at their price.
"""


def test_quotes_are_word_for_word_with_their_place(rig, analyst):
    document = rig.upload(analyst, RULES, "library.md")
    answer = rig.ask(analyst, "For how many weeks are books lent?")
    assert answer.answer == "“Books are lent for four weeks.” [1]"
    citation = answer.citations[0]
    assert (citation.document_id, citation.filename, citation.chunk) == (document.id, "library.md", 0)
    assert RULES[citation.start : citation.end] == citation.text == "Books are lent for four weeks."
    assert (answer.provider, answer.model, answer.input_tokens, answer.output_tokens) == ("offline", "extractive", 0, 0)
    assert answer.id
    assert answer.created_at.seconds > 0


def test_nothing_is_invented(rig, analyst):
    rig.upload(analyst, RULES, "library.md")
    for question in ("Who wrote Hamlet?", "What is the late fee for microscopes in Peru?", "?!", "the"):
        answer = rig.ask(analyst, question)
        assert (answer.answer, answer.grounded, len(answer.citations)) == ("The documents do not tell.", False, 0)


def test_without_documents_nothing_is_told(rig, analyst):
    assert not rig.ask(analyst, "Anything?").grounded


def test_the_same_sentence_is_quoted_once(rig, analyst):
    for name in ("one.md", "two.md"):
        rig.upload(analyst, RULES, name)
    answer = rig.ask(analyst, "For how many weeks are books lent?")
    assert len(answer.citations) == 1


def test_a_question_is_audited_without_its_words(rig, analyst):
    document = rig.upload(analyst, RULES, "library.md")
    rig.ask(analyst, "For how many weeks are books lent?")
    (entry,) = rig.audited(analyst, "chat.ask")
    assert entry["documents"] == [document.id]
    assert entry["grounded"] is True
    assert "weeks" not in str(entry)


def test_what_is_not_configured_or_allowed(rig, analyst):
    failure = failure_of(lambda: rig.ask(analyst, "Anything?", provider="openai"))
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "PROVIDER_NOT_CONFIGURED")
    assert failure_of(lambda: rig.ask(analyst, "Anything?", provider="other")).code is CODE.INVALID_ARGUMENT
    assert failure_of(lambda: rig.ask(analyst, "")).code is CODE.INVALID_ARGUMENT
    viewer = rig.hire("viewer", analyst.org_id)
    assert failure_of(lambda: rig.ask(viewer, "Anything?")).code is CODE.PERMISSION_DENIED


def test_a_repeated_question_with_its_key_is_answered_once(rig, analyst):
    rig.upload(analyst, RULES, "library.md")
    first = rig.ask(analyst, "For how many weeks are books lent?", request_id="k1")
    assert rig.ask(analyst, "For how many weeks are books lent?", request_id="k1") == first
    assert len(rig.audited(analyst, "chat.ask")) == 1


def test_a_page_of_text_can_be_asked(rig, analyst):
    rig.upload(analyst, RULES, "library.md")
    long = "For how many weeks are books lent? " + "unrelated filler word " * 350
    assert rig.ask(analyst, long[:8000]).id
