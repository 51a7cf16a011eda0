"""Runs the tests of each member, then those that cross services; ends with what was skipped for want of a tool.

Each member is a run of its own: their test folders all are packages named ``tests``, and what one leaves in the process
cannot touch another. Arguments are passed on to pytest; ``--only NAME`` chooses members.
"""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NO_TESTS = 5
WANTING = "skipped for want of a server, install with: "


def suites() -> list[tuple[str, list[Path]]]:
    """Name and folders of each run."""
    members = [*sorted(ROOT.glob("libs/*/tests")), *sorted(ROOT.glob("services/*/tests"))]
    crossing = sorted(path for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("_"))
    return [(path.parent.name, [path]) for path in members] + [("crossing", crossing)]


def run(name: str, folders: list[Path], arguments: list[str]) -> tuple[int, str]:
    """Runs one suite; answers its exit code and the line on missing servers, if it printed one."""
    report = BUILD / f"tests-{name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *map(str, folders), *arguments]
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    wanting = ""
    for line in process.stdout or ():
        if line.startswith(WANTING):
            wanting = line.removeprefix(WANTING).strip()
        else:
            sys.stdout.write(line)
            sys.stdout.flush()
    code = process.wait()
    return (0 if code == NO_TESTS else code), wanting


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
    codes, wanting = [], set()
    for name, folders in suites():
        if not only or name in only:
            code, missing = run(name, folders, rest)
            codes.append(code)
            wanting |= set(filter(None, missing.split("; ")))
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
