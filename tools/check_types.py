"""Runs mypy --strict over the product, the tools and the benchmarks."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Entry point."""
    roots = [ROOT / "gen" / "src", *sorted([*ROOT.glob("libs/*/src"), *ROOT.glob("services/*/src")])]
    packages = [str(package.relative_to(ROOT)) for root in roots[1:] for package in root.glob("raia_*")]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(str(root) for root in [*roots, ROOT / "benchmarks"])}
    command = [sys.executable, "-m", "mypy", *packages, "tools", "benchmarks"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
