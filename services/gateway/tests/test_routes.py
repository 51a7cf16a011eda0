"""Path templates and the matcher."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raia_gateway.errors import MethodNotAllowed, RouteNotFound
from raia_gateway.routes import Matcher, TemplateError, parse_template

pytestmark = pytest.mark.fast
name = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
value = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda v: v not in (".", "..")
)


def quoted(text: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in text.encode()).encode()


@given(st.lists(st.tuples(st.booleans(), name), min_size=1, max_size=6), st.data())
def test_a_template_matches_what_it_was_filled_with(parts: list[tuple[bool, str]], data: st.DataObject) -> None:
    fields = {f"f{index}" for index, (variable, _) in enumerate(parts) if variable}
    text = "".join(f"/{{f{index}}}" if variable else f"/{word}" for index, (variable, word) in enumerate(parts))
    matcher: Matcher[str] = Matcher()
    matcher.add("GET", parse_template(text), "here")
    values = {field: data.draw(value) for field in fields}
    path = b"".join(
        b"/" + (quoted(values[f"f{index}"]) if variable else word.encode())
        for index, (variable, word) in enumerate(parts)
    )
    assert matcher.match("GET", path) == ("here", values)
    with pytest.raises(MethodNotAllowed):
        matcher.match("PUT", path)
    with pytest.raises(RouteNotFound):
        matcher.match("GET", path + b"/more")


def test_literals_win_over_variables_and_fall_back() -> None:
    matcher: Matcher[str] = Matcher()
    for text in ("/a/{x}", "/a/fixed", "/{x}/b", "/a/{x}/c", "/{y=**}", "/a/{x}:go", "/v1/{name=shelves/*/books/*}"):
        matcher.add("GET", parse_template(text), text)
    matcher.add("POST", parse_template("/a/fixed"), "posted")
    for path, target, values in [
        (b"/a/fixed", "/a/fixed", {}),
        (b"/a/other", "/a/{x}", {"x": "other"}),
        (b"/a/b", "/a/{x}", {"x": "b"}),
        (b"/z/b", "/{x}/b", {"x": "z"}),
        (b"/a/fixed/c", "/a/{x}/c", {"x": "fixed"}),
        (b"/a/fixed/d", "/{y=**}", {"y": "a/fixed/d"}),
        (b"/a/7:go", "/a/{x}:go", {"x": "7"}),
        (b"/a/7:stay", "/a/{x}", {"x": "7:stay"}),
        (b"/v1/shelves/1/books/2", "/v1/{name=shelves/*/books/*}", {"name": "shelves/1/books/2"}),
    ]:
        assert matcher.match("GET", path) == (target, values)
    assert matcher.match("POST", b"/a/fixed")[0] == "posted"
    assert matcher.methods(b"/a/fixed") == {"GET", "POST"}
    assert matcher.methods(b"/") == set()


@pytest.mark.parametrize(
    "text",
    ["a", "/a/{", "/a/{x", "/a/{x}b", "/a b", "/{x=**}/b", "/{x}/{x}", "/{1x}", "/{x=a b}", "//", "/a/"],
)
def test_malformed_templates_are_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)


def test_two_rpcs_cannot_share_a_route() -> None:
    matcher: Matcher[int] = Matcher()
    matcher.add("GET", parse_template("/a/{x}"), 1)
    with pytest.raises(TemplateError, match="taken"):
        matcher.add("GET", parse_template("/a/{other}"), 2)


def test_shapes_are_spelt_as_openapi_wants() -> None:
    for text, shape in [
        ("/a/{x}:go", "/a/{x}:go"),
        ("/v1/{name=shelves/*/books/*}/x", "/v1/{name}/x"),
        ("/v1/{path=**}", "/v1/{path}"),
        ("/a/{b.c}/d", "/a/{b.c}/d"),
    ]:
        assert parse_template(text).shape == shape


@given(st.binary(max_size=60))
def test_no_path_breaks_the_matcher(path: bytes) -> None:
    matcher: Matcher[int] = Matcher()
    matcher.add("GET", parse_template("/a/{x}"), 1)
    matcher.add("GET", parse_template("/b/{x=**}:go"), 2)
    try:
        matcher.match("GET", b"/" + path)
    except (RouteNotFound, MethodNotAllowed):
        pass
    except Exception as error:
        assert type(error).__name__ == "MalformedRequest"
