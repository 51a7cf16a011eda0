"""Compiles the tests' own contracts and puts them beside the platform's."""

import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import grpc_tools  # type: ignore[import-untyped]
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


@cache
def compiled() -> Path:
    """The folder of the generated modules, on the import path."""
    target = Path(tempfile.mkdtemp(prefix="raia-gateway-protos-"))
    includes = [
        HERE / "protos",
        ROOT / "protos",
        ROOT / "third_party" / "protos",
        Path(grpc_tools.__file__).parent / "_proto",
    ]
    arguments = ["protoc", *(f"-I{folder}" for folder in includes)]
    files = ["raia/sample/v1/kinds.proto", "raia/sample/v1/widget_service.proto"]
    outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
    assert protoc.main([*arguments, *outputs, *files]) == 0
    described = ["--include_source_info", "--include_imports", f"--descriptor_set_out={target / 'set.binpb'}"]
    assert protoc.main([*arguments, *described, *files]) == 0
    sys.path.append(str(target))
    return target


def module(name: str) -> ModuleType:
    """A generated module such as ``raia.sample.v1.kinds_pb2``."""
    compiled()
    return import_module(name)


def sample_descriptors() -> FileDescriptorSet:
    """The contracts with their comments."""
    return FileDescriptorSet.FromString((compiled() / "set.binpb").read_bytes())


def kinds() -> ModuleType:
    return module("raia.sample.v1.kinds_pb2")


def widgets() -> ModuleType:
    return module("raia.sample.v1.widget_service_pb2")


def widgets_grpc() -> ModuleType:
    return module("raia.sample.v1.widget_service_pb2_grpc")
