"""PDF."""

import pytest

from .papers import encrypted_pdf, pdf

RULES = pdf(
    [
        ["Rules of the house", "1 Quiet", "Be quiet after ten in the", "evening (sharp)."],
        ["2 Bins", "Bins are emptied on Mon-", "days."],
    ],
    outline=[("1 Quiet", 0), ("2 Bins", 1), ("Nowhere", 1)],
)


@pytest.mark.fast
def test_pages_headings_and_metadata_are_kept(extracted):
    document = extracted(RULES, "rules.pdf")
    first, second = document.page_starts
    assert document.text[first:].startswith("Rules of the house")
    assert document.text[second:].startswith("2 Bins")
    assert [document.page_at(document.text.index(word)) for word in ("sharp", "Bins are")] == [1, 2]
    assert [(h.title, document.page_at(h.start)) for h in document.headings] == [
        ("1 Quiet", 1),
        ("2 Bins", 2),
        ("Nowhere", 2),
    ]
    assert document.text[document.headings[0].start :].startswith("1 Quiet")
    assert document.metadata["page_count"] == 2
    assert (document.metadata["title"], document.metadata["author"]) == ("Rules", "The board")


@pytest.mark.fast
def test_lines_that_the_page_broke_are_put_together(extracted):
    text = extracted(RULES, "rules.pdf").text
    assert "in the evening (sharp)." in text
    assert "on Mondays." in text


@pytest.mark.fast
def test_a_password_is_asked_for(refused):
    assert refused(encrypted_pdf(RULES, "secret"), "rules.pdf").reason == "DOCUMENT_ENCRYPTED"


@pytest.mark.fast
def test_an_empty_user_password_is_none(extracted):
    assert "sharp" in extracted(encrypted_pdf(RULES, ""), "rules.pdf").text


@pytest.mark.fast
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8, 0.95])
def test_a_cut_file_is_damaged(refused, share):
    error = refused(RULES[: int(len(RULES) * share)], "rules.pdf")
    assert error.reason == "DOCUMENT_UNREADABLE"
    assert "damaged" in error.message


@pytest.mark.fast
def test_a_file_of_nonsense_is_damaged(refused):
    assert refused(b"%PDF-1.7\n" + b"nonsense\n" * 50 + b"%%EOF", "a.pdf").reason == "DOCUMENT_UNREADABLE"


@pytest.mark.fast
def test_a_scan_is_told_from_a_text(refused, extracted):
    error = refused(pdf([[], []]), "scan.pdf")
    assert error.reason == "DOCUMENT_EMPTY"
    assert "text recognition" in error.message
    partly = extracted(pdf([["Words."], [], ["More."]]), "partly.pdf")
    assert partly.metadata["pages_without_text"] == [2]
    assert partly.page_at(partly.text.index("More")) == 3


@pytest.mark.fast
def test_limits(refused):
    assert refused(pdf([["a"]] * 11), "long.pdf", max_pages=10).reason == "PAYLOAD_TOO_LARGE"
    assert refused(pdf([["many words " * 20]]), "long.pdf", max_characters=100).reason == "PAYLOAD_TOO_LARGE"
