"""Artefacts: nothing is lost, bytes depend on content alone, nothing foreign is loaded."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from raia_scoring import ArtefactInvalid, digest, load, save, sklearn_file
from sklearn.neighbors import KNeighborsClassifier

from .models import CASES, fitted, table


def name(case: tuple[str, str, int]) -> str:
    return "-".join(map(str, case))


@pytest.mark.parametrize("case", CASES, ids=map(name, CASES))
def test_nothing_is_lost_bit_for_bit(case, tmp_path):
    model = fitted(*case)
    data = save(model)
    path = tmp_path / "model"
    path.write_bytes(data)
    loaded = load(path, digest(data))
    frame = table(seed=99)
    assert np.array_equal(loaded.predict(frame), model.predict(frame))
    assert np.array_equal(loaded.margin(frame), model.margin(frame))
    assert np.array_equal(loaded.encode(frame), model.encode(frame))
    if model.kind == "classification":
        assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))
    assert (loaded.signature, loaded.kind, loaded.algorithm) == (model.signature, model.kind, model.algorithm)
    assert loaded.encoded_sources == model.encoded_sources
    assert np.array_equal(loaded.encoded_mean, model.encoded_mean)
    assert save(loaded) == data


_ELSEWHERE = """
import sys
sys.path.insert(0, {folder!r})
junk = [object() for _ in range({junk})]
from tests.models import CASES, fitted
from raia_scoring import digest, save
for case in CASES:
    print(digest(save(fitted(*case))))
"""


def test_digests_repeat_in_fresh_processes():
    folder = str(Path(__file__).parents[1])
    runs = [
        subprocess.run(
            [sys.executable, "-c", _ELSEWHERE.format(folder=folder, junk=junk)],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": str(junk), "PATH": ""},
        ).stdout.split()
        for junk in (1, 4321)
    ]
    assert len(set(runs[0])) == len(CASES)
    assert runs[0] == runs[1]


def test_the_digest_is_checked():
    data = save(fitted("ridge", "regression", 0))
    with pytest.raises(ArtefactInvalid, match="sha256"):
        load(data, digest(data + b" "))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused(protocol):
    data = pickle.dumps({"model": [1, 2]}, protocol=protocol)
    if protocol < 2:
        data = pickle.dumps(fitted("ridge", "regression", 0).estimator, protocol=protocol)
    with pytest.raises(ArtefactInvalid, match="pickle") as caught:
        load(data, digest(data))
    assert "ONNX" in caught.value.message


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3)])
def test_joblib_files_are_refused(compress, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(fitted("ridge", "regression", 0).estimator, path, compress=compress)
    with pytest.raises(ArtefactInvalid, match="pickle"):
        load(path, digest(path.read_bytes()))


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), b"\x08\x09onnx", b"{}"])
def test_anything_else_is_refused(data):
    with pytest.raises(ArtefactInvalid):
        load(data, digest(data))


def rewritten(**changes: bytes) -> bytes:
    members = {}
    with zipfile.ZipFile(io.BytesIO(save(fitted("logistic_regression", "classification")))) as file:
        members = {member: file.read(member) for member in file.namelist()}
    return sklearn_file.pack(members | {key.replace("_", "."): value for key, value in changes.items()})


def test_types_that_are_not_ours_are_refused():
    other = skops.io.dumps(KNeighborsClassifier().fit([[0], [1]] * 5, [0, 1] * 5))
    data = rewritten(estimator_skops=other)
    with pytest.raises(ArtefactInvalid, match="KNeighborsClassifier"):
        load(data, digest(data))


@pytest.mark.parametrize(
    ("module", "kind", "loader"),
    [
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "TypeNode"),
        ("operator", "methodcaller", "OperatorFuncNode"),
    ],
)
def test_functions_are_refused(module, kind, loader):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps({"a": 1}))) as file:
        schema = json.loads(file.read("schema.json"))
    schema["content"]["a"] = {"__module__": module, "__class__": kind, "__loader__": loader, "__id__": 1}
    data = rewritten(estimator_skops=sklearn_file.pack({"schema.json": json.dumps(schema).encode()}))
    with pytest.raises(ArtefactInvalid, match="not loaded"):
        load(data, digest(data))


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "algorithm": "svm"}'])
def test_a_damaged_description_is_refused(manifest):
    data = rewritten(manifest_json=manifest)
    with pytest.raises(ArtefactInvalid):
        load(data, digest(data))


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm", "ridge"])
def test_a_cut_estimator_is_refused(algorithm):
    kind = "regression"
    with zipfile.ZipFile(io.BytesIO(save(fitted(algorithm, kind, 0)))) as file:
        members = {member: file.read(member) for member in file.namelist()}
    estimator = next(member for member in members if member.startswith("estimator"))
    data = sklearn_file.pack(members | {estimator: members[estimator][:40]})
    with pytest.raises(ArtefactInvalid):
        load(data, digest(data))
