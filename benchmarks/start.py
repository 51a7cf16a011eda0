"""Seconds until `make run` with state present is healthy, and the memory of all processes together (sum of PSS)."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

RUNS, IDLE_SECONDS = 3, 75


def proportional_bytes(process: psutil.Process) -> int:
    """Proportional set size of a process, from the kernel's own sum."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def start(home: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """Starts the platform; answers the process and the seconds until it was healthy."""
    environment = {**os.environ, "RAIA_HOME": str(home), "RAIA_HTTP_PORT": str(port), "RAIA_JOURNEY": "0"}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "raia_launcher", "up"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while time.monotonic() - began < 120:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=1).status_code == 200:
                return process, time.monotonic() - began
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    process.kill()
    raise SystemExit("the platform did not become healthy")


def main() -> None:
    """Prints the table."""
    home, port = Path(tempfile.mkdtemp(prefix="raia-bench-")), 18980
    try:
        process, first = start(home, port)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        times = []
        for run in range(RUNS):
            process, seconds = start(home, port)
            times.append(seconds)
            if run == RUNS - 1:
                time.sleep(IDLE_SECONDS)
                root = psutil.Process(process.pid)
                members = [root, *root.children(recursive=True)]
                memory = sum(proportional_bytes(member) for member in members)
            process.send_signal(signal.SIGINT)
            process.wait(60)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("| what | ours | aim |\n|---|---|---|")
    print(f"| healthy on a new home | {first:.1f} s | |")
    print(f"| healthy with state present, median of {RUNS} | {statistics.median(times):.1f} s | 15 s |")
    print(f"| all processes idle, sum of PSS ({len(members)} processes) | {memory / 1e9:.2f} GB | 1.5 GB |")


if __name__ == "__main__":
    main()
