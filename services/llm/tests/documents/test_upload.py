"""Uploads through the running service."""

import grpc

CODE = grpc.StatusCode
POLICY = """# Leave policy

## Annual leave

Every employee has 25 days of annual leave. Up to five days may be carried over to March of the following year.

## Sick leave

A doctor's certificate is needed from the fourth day of illness. Sick pay is granted for six weeks.
"""


def test_a_small_document_is_ready_in_the_answer(rig, analyst):
    document = rig.upload(analyst, POLICY, "leave.md")
    assert (document.filename, document.file_type, document.status) == ("leave.md", "markdown", "ready")
    assert (document.file_size, document.character_count) == (len(POLICY.encode()), len(POLICY))
    assert document.chunk_count == 1
    assert document.content == POLICY
    assert document.uploaded_by == str(analyst.id)
    assert rig.get(analyst, document.id) == document
    assert rig.events(document.id) == ["DocumentUploaded", "DocumentReady"]
    assert rig.audited(analyst, "document.upload")[0]["sha256"] == document.sha256


def test_it_is_found_and_asked(rig, analyst):
    document = rig.upload(analyst, POLICY, "leave.md")
    found = rig.search(analyst, "How many days of annual leave are there?")
    assert [passage.document_id for passage in found] == [document.id]
    assert POLICY[found[0].start : found[0].end] == found[0].text
    answer = rig.ask(analyst, "How many days of annual leave does an employee have?")
    assert answer.grounded
    assert "25 days of annual leave" in answer.answer
    for number, citation in enumerate(answer.citations, 1):
        assert f"[{number}]" in answer.answer
        assert POLICY[citation.start : citation.end] == citation.text
    silent = rig.ask(analyst, "What is the capital of France?")
    assert (silent.grounded, list(silent.citations), silent.answer) == (False, [], "The documents do not tell.")
