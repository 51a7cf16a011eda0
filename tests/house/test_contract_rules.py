"""House rules of the contracts: what buf cannot check."""

import re
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from raia_kit.contract import (
    Access,
    ContractError,
    all_methods,
    contract_files,
    descriptor_set,
    methods_of,
    read_method,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fast
def test_every_rpc_states_all_that_the_platform_must_know() -> None:
    assert len(all_methods()) > 0


@pytest.mark.fast
@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.full_name)
def test_requests_are_named_after_their_rpc(method) -> None:
    assert method.descriptor.input_type.name == f"{method.descriptor.name}Request"


@pytest.mark.fast
@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.full_name)
def test_resource_fields_exist(method) -> None:
    if not method.resource_field:
        return
    message = method.descriptor.input_type
    for part in method.resource_field.split("."):
        assert part in message.fields_by_name, f"{method.full_name}: {message.full_name} has no field {part}"
        message = message.fields_by_name[part].message_type


@pytest.mark.fast
@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.full_name)
def test_mutating_routed_rpcs_can_be_repeated_safely(method) -> None:
    if method.access not in (Access.ROUTED, Access.SELF) or not method.mutating or method.request_streaming:
        return
    assert "request_id" in method.descriptor.input_type.fields_by_name, f"{method.full_name} has no request_id"


@pytest.mark.fast
def test_contract_files_stay_small() -> None:
    long = [str(path) for path in (ROOT / "protos").rglob("*.proto") if len(path.read_text().splitlines()) > 300]
    assert long == []


@pytest.mark.fast
def test_a_service_has_at_most_ten_rpcs() -> None:
    crowded = [s.full_name for f in contract_files() for s in f.services_by_name.values() if len(s.methods) > 10]
    assert crowded == []


def without_access(file_name: str, service_name: str, method_name: str) -> FileDescriptor:
    """The contract file as it would be with the rpc's access option removed."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_set().file:
        if file.name != file_name:
            pool.Add(file)
            continue
        changed = descriptor_pb2.FileDescriptorProto()
        changed.CopyFrom(file)
        service = next(s for s in changed.service if s.name == service_name)
        method = next(m for m in service.method if m.name == method_name)
        method.options.ClearExtension(_option())
        pool.Add(changed)
    return pool.FindFileByName(file_name)


def _option():
    from raia.options.v1 import options_pb2

    return options_pb2.rpc


@pytest.mark.fast
@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.full_name)
def test_removing_the_policy_of_an_rpc_fails_the_build(method) -> None:
    service = method.descriptor.containing_service
    file = without_access(service.file.name, service.name, method.descriptor.name)
    with pytest.raises(ContractError):
        list(methods_of([file.services_by_name[service.name]]))


@pytest.mark.fast
def test_routes_are_unique() -> None:
    seen: dict[tuple[str, str], str] = {}
    for method in all_methods():
        rule = method.http_rule
        if rule is None:
            continue
        for binding in [rule, *rule.additional_bindings]:
            verb = binding.WhichOneof("pattern")
            key = (verb, re.sub(r"\{[^}]*\}", "{}", getattr(binding, verb)))
            assert key not in seen, f"{method.full_name} and {seen[key]} share {key}"
            seen[key] = method.full_name
    assert read_method is not None
