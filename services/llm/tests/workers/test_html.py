"""HTML."""

import pytest

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title> Travel
 rules </title><meta name="author" content="HR"><style>p { color: red }</style>
<script>document.write("scripted")</script></head>
<body onload="evil()"><nav><a href="/">Home</a></nav>
<h1>Travel <em>rules</em><script>inHeading()</script></h1>
<p>Trains &amp; buses
   only.<br>No taxis.</p>
<h2>Hotels</h2><ul><li>Up to 140&nbsp;euros</li><li>Breakfast <b>included</b></li></ul>
<table><tr><th>City</th><th>Limit</th></tr><tr><td>Paris</td><td>220</td></tr></table>
<div style="display:none">hidden by style</div><p hidden>hidden by attribute</p><span aria-hidden="true">icon</span>
<noscript>no script</noscript><template>template</template><svg><text>drawn</text></svg><iframe>framed</iframe>
<!-- a comment --><img alt="x" src="y" onerror="evil()">
</body></html>"""


@pytest.mark.fast
def test_what_a_reader_sees_is_the_text(extracted):
    document = extracted(PAGE, "travel.html")
    assert document.text == (
        "Home\n\nTravel rules\n\nTrains & buses only.\nNo taxis.\n\nHotels\n\n- Up to 140 euros\n\n"
        "- Breakfast included\n\nCity | Limit\n\nParis | 220"
    )
    assert [(h.level, h.title) for h in document.headings] == [(1, "Travel rules"), (2, "Hotels")]
    assert all(document.text[h.start :].startswith(h.title) for h in document.headings)
    assert (document.metadata["title"], document.metadata["author"]) == ("Travel rules", "HR")


@pytest.mark.fast
@pytest.mark.parametrize(
    "unseen",
    ["scripted", "evil", "inHeading", "color", "hidden", "icon", "no script", "template", "drawn", "framed", "comment"],
)
def test_what_nobody_sees_is_not(extracted, unseen):
    assert unseen not in extracted(PAGE, "travel.html").text


@pytest.mark.fast
def test_encodings_of_pages(extracted):
    page = "<html><head><meta charset='iso-8859-1'></head><body>Grüße</body></html>"
    assert extracted(page.encode("latin-1"), "a.html").text == "Grüße"
    assert extracted(page.encode(), "a.html").text == "Grüße"
    assert extracted(page.encode("utf-16"), "a.html").text == "Grüße"


@pytest.mark.fast
def test_broken_and_deep_pages_are_read(extracted):
    assert extracted("<html><p>one<p>two<div>three", "a.html").text == "one\n\ntwo\n\nthree"
    deep = extracted("<html>" + "<div>" * 50_000 + "x", "a.html")
    assert len(deep.text) <= 1


@pytest.mark.fast
def test_a_page_without_words_is_empty(extracted):
    assert extracted("<html><script>1</script></html>", "a.html").text == ""
