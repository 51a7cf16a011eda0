"""A CSV of 1 GB through the gateway into a dataset that is ready, against DuckDB reading the same file into a table.

The platform runs on a home of its own. Bytes a second count from the first byte sent to the dataset's being ready; the
memory is the highest resident size seen of the gateway, of ingest and of its compute children.
"""

import argparse
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import psutil
from start import start

PORT = 18981
CHUNK = 1 << 20
ROWS_A_GIGABYTE = 5_800_000
QUERY = """
copy (select i as id, (hash(i) % 1000)::int as category, round((hash(i + 1) % 1000000) / 997.0, 4) as amount,
  round((hash(i + 2) % 1000000) / 99.0, 2) as price, (hash(i + 3) % 100) / 100.0 as share,
  case when hash(i + 4) % 20 = 0 then null else (hash(i + 4) % 5000)::int end as sparse, (hash(i + 5) % 2) = 0 as flag,
  date '2015-01-01' + (hash(i + 6) % 3000)::int as day,
  timestamp '2015-01-01' + to_seconds((hash(i + 7) % 100000000)::int) as moment, 'city ' || (hash(i + 8) % 500) as city,
  substr(md5(i::varchar), 1, 12) as code, case when hash(i + 9) % 10 = 0 then null else 'kind' || (hash(i + 9) % 7) end
  as kind, 'Some, text "' || (hash(i + 10) % 100) || '" here' as remark, (hash(i + 11) % 10000000000)::bigint as big,
  round(sin(i) * 100, 3) as sine, round(cos(i) * 100, 3) as cosine, (hash(i + 12) % 3)::int as three,
  (hash(i + 13) % 256)::int as byte, substr('abcdefghijklmnopqrstuvwxyz', 1 + (hash(i + 14) % 20)::int, 5) as letters,
  round(ln(i + 1), 6) as logarithm
  from range({rows}) t(i)) to '{path}' (header)
"""
PEER = """
import duckdb, os, time
began = time.monotonic()
with duckdb.connect() as connection:
    connection.execute("set enable_progress_bar = false")
    connection.execute("create table t as from read_csv('{path}')")
    print(time.monotonic() - began, sum(os.times()[:2]))
"""


def make_table(rows: int, path: Path) -> None:
    """Writes the CSV, in a process of its own so that its memory is not ours."""
    query = f"set enable_progress_bar = false; {QUERY.format(rows=rows, path=path)}"
    subprocess.run([sys.executable, "-c", f"import duckdb; duckdb.connect().execute('''{query}''')"], check=True)


class Watch(threading.Thread):
    """Watches resident memory and processor time of the platform's processes by role."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(root)
        self.highest = dict.fromkeys(("gateway", "ingest", "child"), 0)
        self.seconds: dict[tuple[str, int], list[float]] = {}
        self.ended = False

    def spent(self, role: str) -> float:
        """Processor seconds that the processes of a role have used since the watch began."""
        return sum(last - first for (name, _), (first, last) in self.seconds.items() if name == role)

    def run(self) -> None:
        while not self.ended:
            for process in self.root.children(recursive=True):
                try:
                    line = " ".join(process.cmdline())
                    above = process.parent() if "compute_child" in line else None
                    parent = " ".join(above.cmdline()) if above else ""
                    size = process.memory_info().rss
                    spent = sum(process.cpu_times()[:2])
                except (psutil.Error, AttributeError):
                    continue
                role = (
                    "gateway" if "raia_gateway" in line
                    else "ingest" if "raia_ingest" in line
                    else "child" if "raia_ingest" in parent
                    else ""
                )  # fmt: skip
                if role:
                    self.highest[role] = max(self.highest[role], size)
                    known = self.seconds.setdefault((role, process.pid), [0.0 if role == "child" else spent, spent])
                    known[1] = spent
            time.sleep(0.1)


def sign_in(home: Path) -> str:
    """The first administrator's token."""
    password = (home / "secrets" / "admin_password").read_text().strip()
    body = json.dumps({"email": "admin@raia.local", "password": password}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/api/v1/auth/login", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        token: str = json.load(answer)["access_token"]
    return token


def upload(path: Path, token: str) -> dict[str, object]:
    """Sends the file as a form, in pieces, and answers the dataset."""
    boundary = "raia-benchmark"
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{path.name}"\r\n'
        "content-type: text/csv\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.putrequest("POST", "/api/v1/datasets/upload")
    connection.putheader("authorization", f"Bearer {token}")
    connection.putheader("content-type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("content-length", str(len(head) + path.stat().st_size + len(tail)))
    connection.endheaders()
    connection.send(head)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            connection.send(chunk)
    connection.send(tail)
    answer = connection.getresponse()
    dataset: dict[str, object] = json.load(answer)
    if answer.status != 201:
        raise SystemExit(f"the upload was refused: {dataset}")
    return dataset


def ready(dataset_id: object, token: str) -> dict[str, object]:
    """The dataset, once it is read."""
    url = f"http://127.0.0.1:{PORT}/api/v1/datasets/{dataset_id}"
    while True:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        ) as answer:
            dataset: dict[str, object] = json.load(answer)
        if dataset["status"] != "processing":
            return dataset
        time.sleep(0.1)


def read_by_peer(path: Path) -> tuple[float, float]:
    """Seconds, and processor seconds, that DuckDB takes."""
    done = subprocess.run([sys.executable, "-c", PEER.format(path=path)], check=True, capture_output=True, text=True)
    seconds, spent = map(float, done.stdout.split())
    return seconds, spent


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="raia-bench-"))
    home = folder / "home"
    home.mkdir()
    process = None
    try:
        path = folder / "table.csv"
        rows = int(chosen.gigabytes * ROWS_A_GIGABYTE)
        make_table(rows, path)
        process, _ = start(home, PORT)
        token = sign_in(home)
        memory = Watch(process.pid)
        memory.start()
        began = time.monotonic()
        dataset = upload(path, token)
        sent = time.monotonic() - began
        dataset = ready(dataset["id"], token)
        ours = time.monotonic() - began
        memory.ended = True
        if dataset["status"] != "ready" or int(str(dataset["row_count"])) != rows:
            raise SystemExit(f"the dataset is wrong: {dataset['status']} {dataset['error']} {dataset['row_count']}")
        peer, peer_spent = min(read_by_peer(path) for _ in range(3))
        size = path.stat().st_size / 1e9
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        # As root the database lies elsewhere, and the home folder links to it.
        shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{size:.2f} GB, {rows:,} rows, 20 columns, {os.cpu_count()} cores\n")
    print("| what | ours | DuckDB | ratio | aim |\n|---|---|---|---|---|")
    rate = size / ours * 1000
    print(f"| uploaded (file stored) | {sent:.1f} s, {size / sent * 1000:.0f} MB/s | | | |")
    print(f"| uploaded, read, ready | {ours:.1f} s, {rate:.0f} MB/s | {peer:.1f} s | {peer / ours:.2f} | 0.5 |")
    ours_spent = sum(memory.spent(role) for role in memory.highest)
    ratio = peer_spent / ours_spent
    print(f"| processor seconds, all together | {ours_spent:.1f} s | {peer_spent:.1f} s | {ratio:.2f} | |")
    for role, name in (("gateway", "gateway"), ("ingest", "ingest"), ("child", "ingest's compute children")):
        spent, highest = memory.spent(role), memory.highest[role] / 1e6
        print(f"| {name}: processor seconds, highest resident memory | {spent:.1f} s, {highest:.0f} MB | | | 1000 MB |")


if __name__ == "__main__":
    main()
