from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raia_ingest.workers.encoding import Encoding, Utf8Stream, detect

_TEXTS = {
    "french": ("nom;ville\nRené;Orléans\nZoé;Besançon\n", ["cp1252", "cp850", "mac_roman"]),
    "german": ("Straße,Größe\nMüller,Köln\nÄrzte,Übung\n", ["cp1252", "utf-32", "utf-16", "utf-8-sig"]),
    "polish": ("imię,miasto\nŁukasz Żółć,Łódź\nŚwiętosław,Kraków\nSławomir,Gdańsk\n", ["cp1250", "iso8859_2"]),
    "russian": ("имя,город\nИван,Москва\nАнна,Санкт-Петербург\nПётр,Новосибирск\n" * 3, ["cp1251", "koi8_r"]),
    "japanese": ("名前,都市\n山田太郎,東京\n鈴木花子,大阪\nたなか,よこはま\n" * 3, ["shift_jis", "euc_jp"]),
    "chinese": ("姓名,城市\n张伟,北京\n王芳,上海\n李娜,深圳\n" * 3, ["gb18030"]),
    "taiwanese": ("姓名,城市\n張偉,臺北\n王芳,高雄\n李娜,臺中\n" * 3, ["big5"]),
    "korean": ("이름,도시\n김철수,서울\n이영희,부산\n박민수,대구\n" * 3, ["euc_kr"]),
    "greek": ("όνομα,πόλη\nΓιώργος,Αθήνα\nΜαρία,Θεσσαλονίκη\n" * 3, ["cp1253"]),
    "turkish": ("isim,şehir\nAyşe,İstanbul\nMehmet Şahin,Eskişehir\nGül,Iğdır\n", ["cp1254"]),
    "spanish": ("año,niño\n2020,José Muñoz\n2021,María Peña\n", ["cp1252", "latin-1"]),
    "swedish": ("namn,ort\nÅsa Sjöberg,Malmö\nÖrjan,Göteborg\nBjörn,Västerås\n", ["latin-1"]),
    "symbols": ("item,price\nbook,5€\npen,“1€”\n", ["cp1252"]),
}


@pytest.mark.parametrize(
    ("text", "codec"),
    [pytest.param(text, codec, id=f"{name}-{codec}") for name, (text, codecs) in _TEXTS.items() for codec in codecs],
)
def test_text_of_many_encodings_is_read_as_it_was_written(tmp_path: Path, text: str, codec: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(codec))
    with Utf8Stream(path, detect(path)) as stream:
        assert stream.read().decode() == text


def test_utf_16_is_found_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for codec in ("utf-16-le", "utf-16-be"):
        path.write_bytes("a,b\n1,é\n".encode(codec))
        assert detect(path) == Encoding(codec)


def test_what_is_utf_8_but_for_a_few_bytes_stays_utf_8_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("naïve café déjà vu\n".encode() * 20 + b"broken \xff byte\n")
    assert detect(path) == Encoding("utf-8", invalid=1)
    with Utf8Stream(path, detect(path)) as stream:
        assert "broken \ufffd byte" in stream.read().decode()


def test_a_genuine_replacement_character_is_not_an_invalid_byte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("37\ufffd36'37\n".encode())
    assert detect(path) == Encoding("utf-8")


def test_a_late_byte_decides(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"name\n" + b"plain\n" * 2_000_000 + "Müller\n".encode("cp1252"))
    assert detect(path).name == "cp1252"


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=300),
    codec=st.sampled_from(["utf-8", "utf-16-le", "utf-32-be"]),
    size=st.integers(1, 64),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_the_stream_gives_the_text_with_one_line_end_whatever_the_pieces(
    tmp_path: Path, text: str, codec: str, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(codec))
    pieces = []
    with Utf8Stream(path, Encoding(codec)) as stream:
        while piece := stream.read(size):
            assert len(piece) <= size
            pieces.append(piece)
    assert b"".join(pieces).decode() == text.rstrip("\r\n") + "\n"
