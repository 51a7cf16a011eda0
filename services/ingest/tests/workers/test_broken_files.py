"""Files broken in every way that files break: no crash, no unbalanced ledger, and no whole record lost or changed."""

import bz2
import csv
import datetime as dt
import gzip
import io
import json
import lzma
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest
from backports import zstd
from raia_kit.compute import ComputePool
from raia_kit.errors import RaiaError

from .conftest import OUTCOMES, Reader, entries_of
from .test_formats import avro
from .test_hostile import REASONS
from .test_packed import tarred
from .test_workbook import xls, xlsx

_SHORT, _LONG = 12.0, 600.0
_WORDS = [
    "",
    "Ann",
    "Müller",
    "a b",
    "x;y",
    "1,5",
    "NA",
    "=1+1",
    "O'Neil",
    'say "hi"',
    "\u3042",
    "-",
    "00123",
    "3/4/2024",
]
_ENDS = ["\n", "\r\n", "\r"]
_DELIMITERS = [",", ";", "\t", "|"]


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    """How long each of the tests looks for a file that breaks something."""
    return _LONG if request.config.getoption("soak") else _SHORT


@pytest.fixture(scope="module")
def pool() -> Iterator[ComputePool]:
    """A child that reads, as the service's do: what ends it ends nothing else."""
    children = ComputePool(1, 60.0, 1024**3)
    yield children
    children.close()


def survives(pool: ComputePool, folder: Path, content: bytes, filename: str, told: str) -> bool:
    """Reads the file and checks its ledger, or sees it refused with a reason of its own; says which."""
    raw, target = folder / "raw", folder / "canonical.parquet"
    raw.write_bytes(content)
    for path in (target, Path(f"{target}.ledger")):
        path.unlink(missing_ok=True)
    arguments = {"path": str(raw), "target": str(target), "filename": filename, "limits": {}}
    try:
        result = pool.run("raia_ingest.workers.read:read_file", arguments, time_limit=60)
    except RaiaError as error:
        assert error.reason in REASONS, (told, error.reason, filename, content[:300])
        assert len(error.message) < 700, told
        return False
    counts = result["ledger"]
    table = pq.read_table(target)
    table.validate(full=True)
    assert table.num_rows == counts["stored"] + counts["repaired"], told
    assert counts["records_read"] == counts["stored"] + counts["repaired"] + counts["rejected"], told
    entries = entries_of(target)
    for outcome in OUTCOMES:
        assert len({entry["record"] for entry in entries if entry["outcome"] == outcome}) == counts[outcome], told
    return True


def rows(chance: random.Random) -> list[list[object]]:
    """Some records of an identifier, words, a number and a day."""
    count = chance.choice([0, 1, 2, 5, 40, 300])
    return [
        [
            n,
            chance.choice(_WORDS),
            chance.choice(_WORDS),
            round(chance.uniform(-9, 9999), 2),
            dt.date(2024, 1, 1 + n % 28),
        ]
        for n in range(count)
    ]


_NAMES = ["id", "name", "note", "amount", "day"]


def _csv(chance: random.Random) -> bytes:
    text = io.StringIO(newline="")
    quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    writer = csv.writer(
        text, delimiter=chance.choice(_DELIMITERS), quoting=quoting, lineterminator=chance.choice(_ENDS)
    )
    if chance.random() < 0.9:
        writer.writerow(_NAMES)
    writer.writerows(rows(chance))
    codec = chance.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-32"])
    return text.getvalue().encode(codec, "replace")


def _objects(chance: random.Random) -> list[dict[str, object]]:
    return [dict(zip(_NAMES, map(_plain, row), strict=True)) for row in rows(chance)]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value


def _json(chance: random.Random) -> bytes:
    table: object = _objects(chance)
    for _ in range(chance.randrange(3)):
        table = {"meta": 1, "inner": table, "other": [1, 2]}
    return json.dumps(table, indent=chance.choice([None, 1]), ensure_ascii=chance.random() < 0.5).encode()


def _json_lines(chance: random.Random) -> bytes:
    return "\n".join(json.dumps(each) for each in _objects(chance)).encode()


def _xml(chance: random.Random) -> bytes:
    cells = [[f"<{name}>{_escaped(value)}</{name}>" for name, value in each.items()] for each in _objects(chance)]
    body = "".join(f"<row n='{n}'>{''.join(each)}</row>" for n, each in enumerate(cells))
    return f"<?xml version='1.0'?><all><rows>{body}</rows></all>".encode()


def _escaped(value: object) -> str:
    return str(value).replace("&", "&amp;").replace("<", "&lt;")


def _table(chance: random.Random) -> pa.Table:
    return pa.table(dict(zip(_NAMES, map(list, zip(*rows(chance), strict=True)) or [[]] * 5, strict=False)))


def _parquet(chance: random.Random) -> bytes:
    target = io.BytesIO()
    pq.write_table(_table(chance), target, compression=chance.choice(["none", "snappy", "zstd"]))
    return target.getvalue()


def _arrow(chance: random.Random) -> bytes:
    target = io.BytesIO()
    feather.write_feather(_table(chance), target, compression="uncompressed")
    return target.getvalue()


def _orc(chance: random.Random) -> bytes:
    target = io.BytesIO()
    pyarrow.orc.write_table(_table(chance), target)
    return target.getvalue()


def _sheet(chance: random.Random) -> list[list[object]]:
    table = [_NAMES, *[[_plain(cell) for cell in row] for row in rows(chance)]]
    return [["Title"], [], *table] if chance.random() < 0.3 else table


MAKERS: dict[str, Callable[[random.Random], bytes]] = {
    "a.csv": _csv,
    "a.json": _json,
    "a.jsonl": _json_lines,
    "a.xml": _xml,
    "a.parquet": _parquet,
    "a.arrow": _arrow,
    "a.orc": _orc,
    "a.avro": lambda chance: avro(chance.choice(["null", "deflate", "snappy"]), chance.choice([1, 40])),
    "a.xlsx": lambda chance: xlsx(("one", _sheet(chance)), ("two", _sheet(chance))),
    "a.xls": lambda chance: xls(_sheet(chance)),
}


def zipped_with_another(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("../b.csv", b"a,b\n1,2\n")
    return target.getvalue()


PACKERS: list[Callable[[str, bytes], bytes]] = [
    lambda name, content: gzip.compress(content),
    lambda name, content: bz2.compress(content),
    lambda name, content: lzma.compress(content),
    lambda name, content: zstd.compress(content),
    lambda name, content: tarred((name, content), ("b.txt", b"x")),
    zipped_with_another,
]


def _flip(chance: random.Random, data: bytes) -> bytes:
    broken = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 20])):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def _insert(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    stray = chance.choice(
        [b"\0", b'"', b"'", b"\n", b"\r", b",", b"\xff\xfe", b"\xe9", b"{", b"]", b"<", b"=1+1", b"\0" * 50]
    )
    return data[:at] + stray * chance.choice([1, 1, 5]) + data[at:]


def _cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _repeat(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start : start + chance.randrange(200)] * 3 + data[start:]


def _drop(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.choice([1, 2, 17, 500]) :]


BREAKERS = [_flip, _insert, _cut, _repeat, _drop]


def test_no_broken_file_crashes_or_unbalances_a_ledger(pool: ComputePool, tmp_path: Path, seconds: float) -> None:
    until, seed = time.monotonic() + seconds, random.SystemRandom().randrange(10**9)
    tried = whole = 0
    while time.monotonic() < until or tried < 50:
        seed, tried = seed + 1, tried + 1
        chance = random.Random(seed)
        name = chance.choice(list(MAKERS))
        content = MAKERS[name](chance)
        if chance.random() < 0.2:
            content = chance.choice(PACKERS)(name, content)
        for _ in range(chance.choice([0, 1, 1, 2, 4])):
            content = chance.choice(BREAKERS)(chance, content) if content else content
        whole += survives(pool, tmp_path, content, chance.choice([name, name, "a.csv", "a"]), f"seed {seed}")
    assert tried > whole > 0
    print(f"{tried:,} files, {whole:,} of them read")


@pytest.mark.parametrize("delimiter", _DELIMITERS)
def test_what_was_whole_is_stored_and_the_rest_is_told(read: Reader, seconds: float, delimiter: str) -> None:
    """Every record of a table, some of them broken, is stored as it was, repaired or rejected: by number, none lost."""
    until, seed = time.monotonic() + seconds / 4, random.SystemRandom().randrange(10**9)
    while time.monotonic() < until:
        seed += 1
        chance = random.Random(seed)
        count = chance.choice([30, 200, 3000])
        whole = [[str(n), f"name {n}", f"{n}.5", f"2024-01-{1 + n % 28:02}"] for n in range(count)]
        broken = set(chance.sample(range(5, count), chance.choice([1, 3, 12])))
        lines = [
            delimiter.join(_worse(chance, cells, delimiter) if n in broken else cells) for n, cells in enumerate(whole)
        ]
        text = delimiter.join(["id", "name", "amount", "day"]) + "\n" + "\n".join(lines) + "\n"
        found = read(text)
        told = f"seed {seed}"
        assert found.result["ledger"]["records_read"] == count, told
        touched = {entry["record"] - 1 for entry in found.entries}
        assert touched <= broken, told
        stored = {row["id"]: row for row in found.rows}
        for n in set(range(count)) - broken:
            amount, day = float(whole[n][2]), dt.date.fromisoformat(whole[n][3])
            assert stored[n] == {"id": n, "name": whole[n][1], "amount": amount, "day": day}, told


def _worse(chance: random.Random, cells: list[str], delimiter: str) -> list[str]:
    """A record that lost, gained or was split at cells, or holds NUL."""
    cells = list(cells)
    what = chance.randrange(5)
    if what == 0:
        del cells[chance.randrange(1, len(cells))]
    elif what == 1:
        cells.insert(chance.randrange(1, len(cells)), chance.choice(["x", "1", ""]))
    elif what == 2:
        cells[1] = f"a{delimiter} b"
    elif what == 3:
        cells[1] += "\0"
    else:
        cells = cells[: chance.randrange(1, len(cells))]
    return cells
