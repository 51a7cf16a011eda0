"""Which questions the offline provider answers, and with what."""

import pytest

from .handbook import ANSWERED, DOCUMENTS, UNANSWERED


@pytest.fixture(scope="module")
def staff(rig):
    """Somebody of an organisation with the handbook's documents."""
    person = rig.hire()
    for name, text in DOCUMENTS.items():
        assert rig.upload(person, text, name).status == "ready"
    return person


def test_what_the_documents_tell_is_quoted(rig, staff):
    wrong = {}
    for question, expected in ANSWERED.items():
        answer = rig.ask(staff, question)
        if expected not in " ".join(answer.answer.split()):
            wrong[question] = answer.answer
    assert not wrong


def test_what_they_do_not_tell_is_not_answered(rig, staff):
    answered = {question: rig.ask(staff, question) for question in UNANSWERED}
    assert {question: answer.answer for question, answer in answered.items() if answer.grounded} == {}
