"""Generates gen/ from protos/; with --check, fails when gen/ is stale instead of writing it."""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
PROTOS, VENDORED, OUTPUT = ROOT / "protos", ROOT / "third_party" / "protos", ROOT / "gen" / "src"
DESCRIPTORS = Path("raia") / "descriptors.binpb"


def generate(target: Path) -> None:
    """Writes stubs, type stubs and the descriptor set (with comments, for OpenAPI) below ``target``."""
    import grpc_tools

    includes = [f"-I{PROTOS}", f"-I{VENDORED}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    ours = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    services = [name for name in ours if "\nservice " in (PROTOS / name).read_text()]
    plugin_path = Path(sys.executable).parent
    plugins = [
        f"--plugin=protoc-gen-mypy={plugin_path / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugin_path / 'protoc-gen-mypy_grpc'}",
    ]
    (target / "raia").mkdir(parents=True, exist_ok=True)
    run = [
        [f"--python_out={target}", f"--mypy_out=quiet:{target}", *ours, "buf/validate/validate.proto"],
        [f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}", *services],
        ["--include_source_info", "--include_imports", f"--descriptor_set_out={target / DESCRIPTORS}", *ours],
    ]
    for arguments in run:
        if protoc.main(["protoc", *includes, *plugins, *arguments]) != 0:
            raise SystemExit("protoc failed")
    for package in ("raia", "buf"):
        (target / package / "py.typed").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Relative paths that stand on one side only or differ."""
    names = {str(path.relative_to(side)) for side in (left, right) for path in side.rglob("*") if path.is_file()}
    names = {name for name in names if "__pycache__" not in name}
    return sorted(
        name
        for name in names
        if not ((left / name).is_file() and (right / name).is_file() and filecmp.cmp(left / name, right / name, False))
    )


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if check:
            stale = differences(Path(folder), OUTPUT)
            for name in stale:
                print(f"stale: gen/src/{name} (run make gen)", file=sys.stderr)
            return 1 if stale else 0
        for package in ("raia", "buf"):
            shutil.rmtree(OUTPUT / package, ignore_errors=True)
            shutil.copytree(Path(folder) / package, OUTPUT / package)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
