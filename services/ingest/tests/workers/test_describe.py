"""What documents say of fields."""

import io
from pathlib import Path

import docx
import pytest
from raia_ingest.attachments.domain import descriptions
from raia_ingest.workers.describe import describe_document

from .test_workbook import xlsx

_WANTED = {"policy_no": "Number of the policy", "premium": "What is paid a year, in euro"}


def fields(tmp_path: Path, content: bytes | str, filename: str) -> dict[str, str]:
    path = tmp_path / "document"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {field["name"]: field["description"] for field in describe_document(str(path), filename)["fields"]}


@pytest.mark.parametrize(
    ("text", "filename"),
    [
        ("- policy_no: Number of the policy\n- premium: What is paid a year, in euro\n", "a.txt"),
        ("* `policy_no` - Number of the policy\n* `premium` – What is paid a year, in euro\n", "a.md"),
        ("1. **policy_no**: Number of the policy\n2. **premium**: What is paid a year,\n   in euro\n", "a.md"),
        ("policy_no   Number of the policy\npremium\tWhat is paid a year, in euro\n", "a.txt"),
        ("policy_no (int): Number of the policy\npremium [num]: What is paid a year, in euro\n", "a.txt"),
        ("policy_no = Number of the policy\npremium ..... What is paid a year, in euro\n", "a.txt"),
        ("policy_no\n: Number of the policy\n\npremium\n: What is paid a year, in euro\n", "a.md"),
        (
            "| Field | Type | Description |\n|---|:-:|---|\n| policy_no | int | Number of the policy |\n"
            "| `premium` | num | What is paid a year, in euro |\n",
            "a.md",
        ),
        ('name,meaning\npolicy_no,Number of the policy\npremium,"What is paid a year, in euro"\n', "a.csv"),
        (
            "<html><table><tr><th>Variable</th><th>Definition</th></tr><tr><td>policy_no</td>"
            "<td>Number of the policy</td></tr><tr><td>premium</td><td>What is paid a year, in euro</td></tr></table>",
            "a.html",
        ),
        (
            "<html><dl><dt>policy_no</dt><dd>Number of the policy</dd><dt>premium</dt>"
            "<dd>What is paid a year, in euro</dd></dl></html>",
            "a.html",
        ),
    ],
)
def test_fields_are_found_however_they_are_written(tmp_path: Path, text: str, filename: str) -> None:
    assert fields(tmp_path, text, filename) == _WANTED


def test_prose_describes_no_fields(tmp_path: Path) -> None:
    text = "This table holds claims. It was made in 2024.\n\nNote that amounts are in euro.\n"
    assert fields(tmp_path, text, "a.txt") == {}


def test_several_names_share_a_description(tmp_path: Path) -> None:
    found = fields(
        tmp_path, '- **`Begin`,`End`**: First and last day (of class `"Date"`).\n- `a` and `b`: Two.\n', "a.md"
    )
    assert found["Begin"] == found["End"] == 'First and last day (of class "Date").'
    assert found["a"] == found["b"] == "Two."


def test_word_documents_and_workbooks_are_read(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Dictionary")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Column name", "Description"
    cells = table.add_row().cells
    cells[0].text, cells[1].text = "policy_no", "Number of the policy"
    document.add_paragraph("premium: What is paid a year, in euro")
    target = io.BytesIO()
    document.save(target)
    assert fields(tmp_path, target.getvalue(), "a.docx") == _WANTED
    book = xlsx(("x", [["Dictionary"], [], ["Field", "Description"], *map(list, _WANTED.items())]))
    assert fields(tmp_path, book, "a.xlsx") == _WANTED


def _pdf(lines: list[str]) -> bytes:
    text = " T* ".join(f"({line}) Tj" for line in lines)
    stream = f"BT /F1 12 Tf 14 TL 40 700 Td {text} ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(content)
    content += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def test_pdf_lines_are_read(tmp_path: Path) -> None:
    content = _pdf(["Data dictionary", "policy_no: Number of the policy", "premium: What is paid a year,", "in euro"])
    assert fields(tmp_path, content, "a.pdf") == _WANTED


def test_the_section_about_this_table_is_believed() -> None:
    said = [
        {"name": "Year", "description": "of cover", "section": "`policies` has these columns:"},
        {"name": "Year", "description": "of the claim", "section": "`motor_claims` has these columns:"},
    ]
    assert descriptions(said, ["motor claims"]) == {"year": "of the claim"}
    assert descriptions(said, ["other"]) == {"year": "of cover"}
