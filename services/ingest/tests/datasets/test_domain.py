import pytest
from raia_ingest.datasets.domain import base_filename, dataset_name

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("wanted", "filename", "name"),
    [
        (" Claims ", "x.csv", "Claims"),
        ("", "claims.2024.csv", "claims.2024"),
        ("", "C:\\data\\q1.xlsx", "q1"),
        ("", "/home/me/q1.tsv", "q1"),
        ("", "", "dataset"),
        ("", ".csv", ".csv"),
        ("x" * 300, "", "x" * 255),
    ],
)
def test_a_dataset_is_named_by_wish_or_file(wanted, filename, name):
    assert dataset_name(wanted, filename) == name


def test_file_names_lose_their_folders():
    assert base_filename("C:\\data\\q1.xlsx") == "q1.xlsx"
    assert base_filename("../../etc/passwd") == "passwd"
