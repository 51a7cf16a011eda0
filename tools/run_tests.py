"""Runs the tests of each member, then those that cross services; ends with what was skipped for want of a tool.

Each member is a run of its own: their test folders all are packages named ``tests``, and what one leaves in the process
cannot touch another. Two members run at a time, since most of a run is waiting; what crosses services runs alone.
Arguments are passed on to pytest; ``--only NAME`` chooses members.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NO_TESTS = 5
CROSSING = "crossing"
WANTING = "skipped for want of a server, install with: "


def suites() -> list[tuple[str, list[Path]]]:
    """Name and folders of each run."""
    members = [*sorted(ROOT.glob("libs/*/tests")), *sorted(ROOT.glob("services/*/tests"))]
    crossing = sorted(path for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("_"))
    return [(path.parent.name, [path]) for path in members] + [(CROSSING, crossing)]


def run(name: str, folders: list[Path], arguments: list[str]) -> tuple[int, str]:
    """Runs one suite and prints what it said; answers its exit code and the line on missing servers."""
    report = BUILD / f"tests-{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *map(str, folders), *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.splitlines()
    wanting = next((line.removeprefix(WANTING).strip() for line in lines if line.startswith(WANTING)), "")
    shown = [f"== {name}", *(line for line in lines if not line.startswith(WANTING))]
    sys.stdout.write("\n".join(shown) + "\n")  # at once, so that suites do not mix
    sys.stdout.flush()
    return (0 if done.returncode == NO_TESTS else done.returncode), wanting


def totals() -> tuple[int, int, int]:
    """Passed, failed and skipped over every report."""
    passed = failed = skipped = 0
    for path in BUILD.glob("tests-*.xml"):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):  # noqa: S314 (pytest wrote it)
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            left = int(suite.get("skipped", 0))
            passed, failed, skipped = passed + int(suite.get("tests", 0)) - bad - left, failed + bad, skipped + left
    return passed, failed, skipped


def main() -> int:
    """Entry point."""
    arguments = sys.argv[1:]
    only = {arguments[i + 1] for i, word in enumerate(arguments) if word == "--only"}
    rest = [word for i, word in enumerate(arguments) if word != "--only" and (i == 0 or arguments[i - 1] != "--only")]
    BUILD.mkdir(exist_ok=True)
    for old in BUILD.glob("tests-*.xml"):
        old.unlink()
    chosen = [(name, folders, rest) for name, folders in suites() if not only or name in only]
    members = [suite for suite in chosen if suite[0] != CROSSING]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        done = list(pool.map(lambda suite: run(*suite), members))
    done += [run(*suite) for suite in chosen if suite[0] == CROSSING]
    codes = [code for code, _ in done]
    wanting = {each for _, missing in done for each in filter(None, missing.split("; "))}
    passed, failed, skipped = totals()
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    lint = BUILD / "skipped-buf"
    if lint.exists():
        wanting.add(f"buf: {lint.read_text().partition(': ')[2].strip()}")
    if wanting:
        sys.stdout.write(f"skipped for want of a tool or server, install with: {'; '.join(sorted(wanting))}\n")
    return max(codes, default=0)


if __name__ == "__main__":
    raise SystemExit(main())
