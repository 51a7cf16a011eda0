"""Runs mypy --strict over the product and the tools, one package a time where namespaces would clash."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Entry point."""
    sources = [
        str(path.relative_to(ROOT)) for path in sorted([*ROOT.glob("libs/*/src/*"), *ROOT.glob("services/*/src/*")])
    ]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *sources, "tools", "benchmarks"], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
