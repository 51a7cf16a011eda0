"""Text and Markdown, and the encodings they come in."""

import pytest

GERMAN = "Über die Größe der Räume entscheidet die Geschäftsführung; außer für Büros.\n"


@pytest.mark.fast
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_encodings_are_detected(extracted, encoding):
    assert extracted(GERMAN.encode(encoding)).text == GERMAN


@pytest.mark.fast
def test_the_first_letter_that_tells_may_come_late(extracted):
    text = "plain words\n" * 400_000 + GERMAN * 3
    assert extracted(text.encode("cp1252")).text == text


@pytest.mark.fast
def test_other_scripts(extracted):
    russian = "Сотрудники имеют право на двадцать пять дней отпуска в год. " * 5
    assert extracted(russian.encode("cp1251")).text == russian
    japanese = "従業員は年に二十五日の休暇を取ることができます。" * 5
    assert extracted(japanese.encode("shift_jis")).text == japanese


@pytest.mark.fast
def test_what_cannot_be_stored_or_seen_is_left_out(extracted):
    assert extracted("a\r\nb\rc\u2028d\x00e\u200bf\x0cg\ufeffh".replace("\x00", "")).text == "a\nb\nc\nde\u200bf\ngh"
    assert "\x00" not in extracted("words " * 100 + "\x00").text


@pytest.mark.fast
def test_headings_of_markdown(extracted):
    text = (
        "intro\n# One #\ntext\n```\n# no heading\n```\n## Two\nThree\n=====\nrow | row\n---\n#hash\n####### seven\n"
        "# ##\n### C# and F#\t\n"
    )
    document = extracted(text, "a.md")
    assert document.text == text
    assert [(h.level, h.title, h.start) for h in document.headings] == [
        (1, "One", text.index("# One")),
        (2, "Two", text.index("## Two")),
        (1, "Three", text.index("Three")),
        (3, "C# and F#", text.index("### C#")),
    ]


@pytest.mark.fast
def test_a_text_that_is_too_long(refused):
    assert refused("word " * 100, max_characters=400).reason == "PAYLOAD_TOO_LARGE"
    assert refused("word " * 1000, max_characters=400).reason == "PAYLOAD_TOO_LARGE"
