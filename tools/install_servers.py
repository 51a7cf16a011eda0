"""Installs, under CI=true, the programs that tests with real servers need; without it does nothing."""

import os
import shutil
import subprocess
import sys

PACKAGES = {"redis-server": "redis-server", "java": "openjdk-17-jre-headless", "mvn": "maven", "npm": "npm"}
"""Debian's package for each program."""


def main() -> int:
    """Entry point."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if os.environ.get("CI") != "true" or not missing:
        return 0
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing],
    ):
        done = subprocess.run([*prefix, *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.stderr.write(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}\n")
            return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
