"""Trainings through the running service: what is made, what is refused, what survives."""

import errno
import math
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import numpy as np
import psutil
import pyarrow as pa
import pytest
from raia.auth.v1 import access_pb2
from raia.ml.v1 import training_service_pb2 as pb2
from raia_ml.runs.datasets import Datasets

from ..rig import Rig, failure_of, wait_until

CODE = grpc.StatusCode


def watched(rig, person, run_id):
    request = pb2.WatchTrainingRunRequest(id=run_id)
    return list(rig.runs.WatchTrainingRun(request, metadata=person.metadata, timeout=120))


def cancel(rig, person, run_id):
    return rig.runs.CancelTrainingRun(pb2.CancelTrainingRunRequest(id=run_id), metadata=person.metadata)


def long_table(rows=8_000):
    """One whose training takes a while."""
    random = np.random.default_rng(0)
    columns = {f"c{number}": random.normal(size=rows) for number in range(12)}
    return pa.table({**columns, "y": random.integers(0, 2, rows)})


def gone():
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


LONG = {"algorithm": "random_forest", "parameters": {"n_estimators": 100}, "folds": 2}


def begin_long(rig, person, dataset):
    wanted = {name: value for name, value in LONG.items() if name != "parameters"}
    run = pb2.TrainModelRequest(dataset_id=dataset, target="y", name=f"long-{uuid4()}", **wanted)
    run.parameters.update(LONG["parameters"])
    return rig.runs.TrainModel(run, metadata=person.metadata)


def test_a_run_tells_what_it_does(rig, scientist, loans):
    started = rig.begin(scientist, loans, seed=11)
    assert started.status in ("pending", "running")
    assert (started.algorithm, started.target, started.seed, started.dataset_version) == (
        "logistic_regression", "y", 11, 1,
    )  # fmt: skip
    seen = watched(rig, scientist, started.id)
    assert seen[-1].status == "succeeded"
    assert (seen[-1].version, seen[-1].progress, seen[-1].error) == (1, 1.0, "")
    assert [each.progress for each in seen] == sorted(each.progress for each in seen)
    assert seen[-1].HasField("completed_at")
    assert seen[-1].parameters["C"] == 1.0
    assert rig.events(started.id) == ["TrainingStarted", "TrainingFinished"]
    assert rig.get(scientist, started.model_id).training_run_id == started.id
    (audited,) = rig.audited(scientist, "model.train")
    assert audited["model_id"] == started.model_id


def test_rows_are_read_with_a_token_for_that_alone(rig, scientist, loans):
    rig.identity.asked.clear()
    rig.trained(scientist, loans)
    assert rig.identity.asked == [("datasets.read",)]


def test_columns_that_are_excluded_are_not_read(rig, scientist, loans):
    table = loans.append_column("name", pa.array(["Ada"] * loans.num_rows))
    model = rig.trained(scientist, table, excluded_columns=["name"])
    assert rig.tables.read[-1] == ["income", "city", "y"]
    assert list(model.feature_names) == ["income", "city"]
    assert list(model.training_data_info["excluded_columns"]) == ["name"]
    rig.trained(scientist, table)
    assert rig.tables.read[-1] == table.column_names


@pytest.mark.parametrize(
    ("wanted", "code", "reason"),
    [
        ({"target": "z"}, CODE.INVALID_ARGUMENT, "TARGET_UNUSABLE"),
        ({"algorithm": "svm"}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"algorithm": "ridge", "type": "classification"}, CODE.INVALID_ARGUMENT, "ALGORITHM_UNSUITABLE"),
        ({"excluded_columns": ["z"]}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"excluded_columns": ["income", "city"]}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"test_fraction": 0.9}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"folds": 21}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"seed": -1}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"name": "  "}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
        ({"algorithm": "ridge", "favourable_class": "x"}, CODE.INVALID_ARGUMENT, "INVALID_FIELD"),
    ],
)
def test_requests_that_cannot_work_are_refused_at_once(rig, scientist, loans, wanted, code, reason):
    failure = failure_of(lambda: rig.begin(scientist, loans, **wanted))
    assert (failure.code, failure.reason) == (code, reason)
    assert (
        list(rig.runs.ListTrainingRuns(pb2.ListTrainingRunsRequest(), metadata=scientist.metadata).training_runs) == []
    )


def test_parameters_are_checked(rig, scientist, loans):
    request = pb2.TrainModelRequest(dataset_id=rig.tables.add(loans), target="y", algorithm="lightgbm", name="x")
    request.parameters.update({"max_depht": 3})
    failure = failure_of(lambda: rig.runs.TrainModel(request, metadata=scientist.metadata))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "PARAMETER_INVALID")
    assert failure.metadata["parameter"] == "max_depht"
    assert "did you mean max_depth?" in failure.message


@pytest.mark.parametrize("value", [math.nan, math.inf, "x", None, {"a": 1}, [1]])
def test_parameters_that_are_no_numbers_are_refused(rig, scientist, loans, value):
    request = pb2.TrainModelRequest(dataset_id=rig.tables.add(loans), target="y", algorithm="ridge", name="x")
    request.parameters.update({"alpha": value})
    failure = failure_of(lambda: rig.runs.TrainModel(request, metadata=scientist.metadata))
    assert (failure.code, failure.reason) == (CODE.INVALID_ARGUMENT, "PARAMETER_INVALID")


def test_texts_that_the_database_cannot_hold_are_learnt_from_all_the_same(rig, scientist, loans):
    city = pa.array([f"{name}\0" for name in loans["city"].to_pylist()])
    model = rig.trained(scientist, loans.set_column(1, "city", city))
    assert list(model.signature.inputs[1].categories) == ["Lima\ufffd", "Oslo\ufffd", "Rome\ufffd"]


def test_runs_on_many_columns_can_be_listed(rig, scientist, loans):
    for number in range(3000):
        loans = loans.append_column(f"a constant column {number}", pa.array([1.0] * loans.num_rows))
    run = rig.ended(scientist, rig.begin(scientist, loans))
    assert len(run.warnings) == 50
    assert run.warnings[-1] == "… and 2,951 more"
    info = rig.get(scientist, run.model_id).training_data_info
    assert (len(info["dropped_columns"]), info["dropped_column_count"]) == (1000, 3000)


def test_a_full_disk_is_told(rig, scientist, loans, monkeypatch):
    def full(*_arguments, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Datasets, "fetch", full)
    run = rig.ended(scientist, rig.begin(scientist, loans))
    assert (run.status, run.error) == ("failed", "storage is full; nothing was written")


def test_a_dataset_that_is_not_there_or_not_read(rig, scientist, loans):
    assert failure_of(lambda: rig.begin(scientist, str(uuid4()))).code == CODE.NOT_FOUND
    rig.tables.status = "processing"
    try:
        failure = failure_of(lambda: rig.begin(scientist, loans))
    finally:
        rig.tables.status = "ready"
    assert (failure.code, failure.reason) == (CODE.FAILED_PRECONDITION, "DATASET_NOT_READY")


@pytest.mark.parametrize(
    ("table", "wanted", "words"),
    [
        (pa.table({"a": range(40), "y": ["x"] * 40}), {}, "two classes are needed"),
        (pa.table({"a": range(5), "y": ["x", "y"] * 2 + ["x"]}), {}, "too few"),
        (pa.table({"a": [1] * 40, "y": ["x", "y"] * 20}), {}, "no column is left"),
        (pa.table({"a": range(40), "y": ["x", "y"] * 20}), {"favourable_class": "z"}, "the classes are x, y"),
    ],
)
def test_data_that_cannot_be_learnt_from_fails_the_run_with_a_sentence(rig, scientist, table, wanted, words):
    run = rig.ended(scientist, rig.begin(scientist, table, **wanted))
    assert run.status == "failed"
    assert words in run.error
    assert run.version == 0
    assert rig.events(run.id) == ["TrainingStarted", "TrainingFinished"]
    assert rig.get(scientist, run.model_id).latest_version == 0


def test_warnings_reach_the_run(rig, scientist, loans):
    table = loans.append_column("code", pa.array([f"id {number}" for number in range(loans.num_rows)]))
    run = rig.ended(scientist, rig.begin(scientist, table))
    assert any("'code' is left out" in text for text in run.warnings)


def test_a_name_belongs_to_one_kind_of_model(rig, scientist, loans):
    rig.trained(scientist, loans, name="kind")
    failure = failure_of(lambda: rig.begin(scientist, loans, name="kind", target="income", algorithm="ridge"))
    assert (failure.code, failure.reason) == (CODE.ALREADY_EXISTS, "NAME_TAKEN")
    run = rig.begin(scientist, loans, name="kind", target="income", algorithm="lightgbm")
    ended = rig.ended(scientist, run)
    assert ended.status == "failed"
    assert "makes this a regression" in ended.error


def test_versions_of_trainings_at_once_are_numbered_without_gaps(rig, scientist, loans):
    dataset = rig.tables.add(loans)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda seed: rig.begin(scientist, dataset, name="many", seed=seed), range(4)))
    assert len({run.model_id for run in runs}) == 1
    assert sorted(rig.ended(scientist, run).version for run in runs) == [1, 2, 3, 4]


def test_projects_are_respected(rig, scientist, loans):
    project, other = str(uuid4()), str(uuid4())
    colleague = rig.hire("viewer", scientist.org_id)
    rig.everybody.restrictions.append(
        access_pb2.ProjectRestriction(org_id=str(scientist.org_id), project_id=project, restricted=True)
    )
    rig.everybody.project_grants.append(
        access_pb2.ProjectGrant(
            org_id=str(scientist.org_id), project_id=project, user_id=str(scientist.id), roles=["scientist"]
        )
    )
    rig.reload()
    model = rig.trained(scientist, loans, name="hidden", project_id=project)
    assert model.project_id == project
    assert failure_of(lambda: rig.get(colleague, model.id)).code == CODE.NOT_FOUND
    assert failure_of(lambda: rig.run(colleague, model.training_run_id)).code == CODE.NOT_FOUND
    listed = rig.runs.ListTrainingRuns(pb2.ListTrainingRunsRequest(), metadata=colleague.metadata)
    assert list(listed.training_runs) == []
    failure = failure_of(lambda: rig.begin(scientist, loans, name="hidden", project_id=other))
    assert failure.reason == "NAME_TAKEN"
    stranger = rig.hire("scientist", scientist.org_id)
    assert failure_of(lambda: rig.begin(stranger, loans, name="x", project_id=project)).code == CODE.NOT_FOUND
    assert failure_of(lambda: rig.begin(stranger, loans, name="hidden")).reason == "NAME_TAKEN"
    assert failure_of(lambda: rig.begin(colleague, loans)).code == CODE.PERMISSION_DENIED


def test_lists_filter(rig, scientist, loans):
    first = rig.ended(scientist, rig.begin(scientist, loans))
    second = rig.ended(scientist, rig.begin(scientist, loans, target="income", algorithm="ridge"))

    def ids(filter_):
        request = pb2.ListTrainingRunsRequest(filter=filter_)
        return [run.id for run in rig.runs.ListTrainingRuns(request, metadata=scientist.metadata).training_runs]

    assert ids("") == [second.id, first.id]
    assert ids('algorithm = "ridge" AND status = "succeeded"') == [second.id]
    assert ids(f'model_id = "{first.model_id}"') == [first.id]


def test_cancelling_ends_the_child_and_makes_no_version(rig, scientist):
    run = begin_long(rig, scientist, rig.tables.add(long_table()))
    wait_until(lambda: rig.run(scientist, run.id).progress > 0.05, 60)
    began = time.monotonic()
    assert cancel(rig, scientist, run.id).status == "cancelled"
    wait_until(lambda: rig.runtime.compute.stats().busy == 0, 10)
    assert time.monotonic() - began < 10
    assert cancel(rig, scientist, run.id).status == "cancelled"
    assert rig.get(scientist, run.model_id).latest_version == 0
    assert rig.events(run.id) == ["TrainingStarted", "TrainingFinished"]


def test_cancelling_what_waits_for_rows(rig, scientist, loans):
    rig.tables.open.clear()
    try:
        run = rig.begin(scientist, loans)
        wait_until(lambda: rig.run(scientist, run.id).status == "running")
        assert cancel(rig, scientist, run.id).status == "cancelled"
    finally:
        rig.tables.open.set()
    time.sleep(1)
    assert rig.run(scientist, run.id).status == "cancelled"
    assert rig.get(scientist, run.model_id).latest_version == 0


def test_a_finished_run_is_not_cancelled(rig, scientist, loans):
    run = rig.ended(scientist, rig.begin(scientist, loans))
    assert cancel(rig, scientist, run.id) == run


def test_a_repeated_key_trains_once(rig, scientist, loans):
    dataset = rig.tables.add(loans)
    runs = {rig.begin(scientist, dataset, name="keyed", request_id="k").id for _ in range(3)}
    assert len(runs) == 1


@pytest.mark.slow
def test_a_killed_child_is_followed_by_another_and_one_version(rig, scientist):
    run = begin_long(rig, scientist, rig.tables.add(long_table()))
    wait_until(lambda: rig.run(scientist, run.id).progress > 0.05, 60)
    children = [
        child
        for child in psutil.Process().children(recursive=True)
        if "raia_kit.compute_child" in " ".join(child.cmdline()) and child.cpu_percent(0.3) > 20
    ]
    assert children
    for child in children:
        os.kill(child.pid, signal.SIGKILL)
    ended = rig.ended(scientist, run)
    assert (ended.status, ended.version) == ("succeeded", 1)
    assert rig.events(run.id) == ["TrainingStarted", "TrainingFinished"]


@pytest.mark.slow
def test_a_service_that_stops_leaves_its_trainings_to_the_next(postgres, tmp_path, loans):
    with postgres.service_database("ml", pool_size=8) as database:
        rig = Rig(database, tmp_path)
        try:
            scientist = rig.hire()
            run = begin_long(rig, scientist, rig.tables.add(long_table()))
            wait_until(lambda: rig.run(scientist, run.id).progress > 0.05, 60)
            rig.stop()
            left = tmp_path / f"raia-ml-{gone()}-left"
            left.mkdir()
            rig.start()
            assert not left.exists()
            rig.reload()
            ended = rig.ended(scientist, run)
            assert (ended.status, ended.version) == ("succeeded", 1)
            assert rig.events(run.id) == ["TrainingStarted", "TrainingFinished"]
            assert not list(tmp_path.glob("raia-ml-*"))
        finally:
            rig.close()
