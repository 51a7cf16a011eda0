"""Artefacts leave for services that act for somebody who may see the model."""

from hashlib import sha256

import grpc
import numpy as np
import pytest
from raia.ml.v1 import artifact_service_pb2 as pb2
from raia_scoring import load

from ..rig import failure_of

CODE = grpc.StatusCode


@pytest.fixture
def model(rig, scientist, loans):
    return rig.trained(scientist, loans)


def read(rig, metadata, model_id, part="model", **request):
    return rig.artifacts.ReadArtifact(
        pb2.ReadArtifactRequest(model_id=model_id, part=part, **request), metadata=metadata
    )


def whole(parts):
    first, *rest = list(parts)
    data = b"".join(each.data for each in rest)
    assert first.data == b""
    return first, data


def test_the_model(rig, scientist, model):
    first, data = whole(read(rig, rig.acting(scientist, scope="models.read"), model.id))
    assert first.model == model
    assert first.sha256 == model.digest == sha256(data).hexdigest()
    assert load(data, model.digest).classes == ("bad", "good")


def test_the_hold_out_rows(rig, scientist, model):
    first, data = whole(read(rig, rig.acting(scientist, scope="models.read"), model.id, "holdout_rows"))
    assert first.sha256 == model.training_data_info["holdout_sha256"] == sha256(data).hexdigest()
    rows = np.frombuffer(data, dtype="<i8")
    assert len(rows) == 50
    assert len(set(rows)) == 50
    assert rows.max() < 200


def test_the_description_alone(rig, scientist, model):
    metadata = rig.acting(scientist, scope="models.read")
    (only,) = read(rig, metadata, model.id, describe_only=True)
    assert only.model.digest == model.digest


def test_who_may_not(rig, scientist, model):
    nobody = rig.hire("nobody", scientist.org_id)
    stranger = rig.hire()
    assert failure_of(lambda: read(rig, scientist.metadata, model.id)).code == CODE.PERMISSION_DENIED
    assert failure_of(lambda: read(rig, rig.acting(scientist, "llm"), model.id)).code == CODE.PERMISSION_DENIED
    for person in (nobody, stranger):
        metadata = rig.acting(person, scope="models.read")
        assert failure_of(lambda m=metadata: read(rig, m, model.id)).code == CODE.NOT_FOUND
    # A token that was not exchanged for reading models does not read them, whoever it is for.
    metadata = rig.acting(scientist, scope="datasets.read")
    assert failure_of(lambda: read(rig, metadata, model.id)).code == CODE.NOT_FOUND
    metadata = rig.acting(scientist, scope="models.read")
    assert failure_of(lambda: read(rig, metadata, model.id, version=9)).code == CODE.NOT_FOUND
