"""Runs buf lint and buf breaking; installs buf from npm when CI=true, else says how to get it and passes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "raia" / "buf"
PACKAGE = "@bufbuild/buf@1.75.0"
SKIPPED = ROOT / "build" / "skipped-buf"


def find_buf() -> str | None:
    """The buf binary, installed first when continuous integration needs it; None when it is not there."""
    installed = CACHE / "node_modules" / ".bin" / "buf"
    if found := shutil.which("buf"):
        return found
    if not installed.exists() and os.environ.get("CI") == "true":
        if shutil.which("npm") is None:
            subprocess.run(["apt-get", "install", "-y", "-q", "nodejs", "npm"], check=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", str(CACHE), PACKAGE], check=True)
    return str(installed) if installed.exists() else None


def last_release() -> str | None:
    """The newest release tag, or None when there is none."""
    tags = subprocess.run(
        ["git", "tag", "--list", "v*", "--sort=-v:refname"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return tags.stdout.split()[0] if tags.returncode == 0 and tags.stdout.split() else None


def main() -> int:
    """Entry point."""
    buf = find_buf()
    SKIPPED.unlink(missing_ok=True)
    if buf is None:
        SKIPPED.parent.mkdir(exist_ok=True)
        SKIPPED.write_text(f"contracts lint skipped: npm install --prefix {CACHE} {PACKAGE}\n")
        return 0
    commands = [[buf, "lint"], [buf, "format", "--diff", "--exit-code", "protos"]]
    if tag := last_release():
        commands.append([buf, "breaking", "--against", f".git#tag={tag}"])
    return max(subprocess.run(command, cwd=ROOT, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
