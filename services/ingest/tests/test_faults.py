"""What happens to uploads and profiles when children, processes, the disk or the database fail."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import psycopg
import pytest
from raia.ingest.v1 import dataset_service_pb2_grpc, profile_service_pb2_grpc
from raia.ingest.v1 import profile_service_pb2 as profile_pb2

from .rig import ROLES, Person, Rig, failure_of, messages, pb2, wait_until

CODE = grpc.StatusCode
LARGE = "n,m,text\n" + "".join(f"{n},{n * 31 % 977},row number {n} of a larger file\n" for n in range(400_000))


@pytest.fixture
def own(postgres, tmp_path):
    """A service of one test's own."""
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, read_at_once_bytes=0)
        try:
            yield rig
        finally:
            rig.close()


def children(rig) -> list[int]:
    return [child.pid for child in rig.runtime.compute._children]


@pytest.mark.slow
def test_a_killed_child_is_replaced_and_the_file_read_once(own):
    person = own.hire()
    dataset = own.upload(person, LARGE)
    wait_until(lambda: any(child.busy for child in own.runtime.compute._children))
    for child in list(own.runtime.compute._children):
        os.kill(child._process.pid, signal.SIGKILL)
    done = own.settled(person, dataset)
    assert (done.status, done.row_count) == ("ready", 400_000)
    assert own.events(dataset.id) == ["DatasetUploaded", "DatasetReady"]


@pytest.mark.slow
@pytest.mark.account("root")  # others may not mount
def test_a_full_disk_is_said_so_and_nothing_is_half_stored(postgres, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with postgres.service_database("ingest", pool_size=8) as database:
            rig = Rig(database, folder, read_at_once_bytes=0)
            try:
                person = rig.hire()
                failure = failure_of(lambda: rig.upload(person, LARGE))
                assert (failure.code, failure.reason) == (CODE.RESOURCE_EXHAUSTED, "STORAGE_FULL")
                assert not rig.stored_files()
                assert not rig.rows("select 1 from dataset")
                # The raw file fits, its rows do not: it is kept as it came, and the version says why it failed.
                noise = "x\n" + "".join(f"{os.urandom(40).hex()}\n" for _ in range(22_000))
                failed = rig.settled(person, rig.upload(person, noise))
                assert (failed.status, failed.error) == ("failed", "storage is full; nothing was written")
                assert [path.name for path in rig.stored_files()] == [failed.sha256]
                assert not list(folder.glob("raia-ingest-*"))
                assert rig.events(failed.id) == ["DatasetUploaded", "DatasetFailed"]
            finally:
                rig.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.slow
def test_a_database_that_goes_away_and_comes_back(own):
    person = own.hire()
    before = own.upload(person, "a\n1\n", name="before")
    own.settled(person, before)
    admin, name = own.service_database.admin_url, own.service_database.name
    server = admin.rpartition("/")[0] + "/postgres"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" allow_connections false')
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        try:
            failure = failure_of(lambda: own.upload(person, "a\n2\n", name="during"))
            assert failure.code is CODE.UNAVAILABLE
            assert failure_of(lambda: own.get(person, before.id)).code is CODE.UNAVAILABLE
        finally:
            connection.execute(f'alter database "{name}" allow_connections true')

    def works() -> bool:
        try:
            own.reload()
            return own.get(person, before.id).status == "ready"
        except grpc.RpcError:
            return False

    wait_until(works, 30)
    assert own.rows("select count(*) from dataset")[0] == (1,)
    after = own.settled(person, own.upload(person, "a\n3\n", name="after"))
    assert after.status == "ready"


class Alone:
    """The service as a process of its own."""

    def __init__(self, rig: Rig, person: Person) -> None:
        settings = rig.settings.model_dump(mode="json") | {
            "database_url": rig.service_database.url,
            "objects_url": rig.settings.objects_url,
            "grpc_port": 0,
        }
        self._facts = json.dumps(
            {
                "settings": {name: value for name, value in settings.items() if value not in (None, "**********", "")},
                "key": rig.key.as_dict(private=True),
                "person": {"org_id": str(person.org_id), "user_id": str(person.id)},
                "roles": ROLES,
            }
        )
        self.start()

    def start(self) -> None:
        script = Path(__file__).with_name("ingest_process.py")
        self.process = subprocess.Popen([sys.executable, str(script), self._facts], stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().strip()
        self.channel = grpc.insecure_channel(address)
        self.datasets = dataset_service_pb2_grpc.DatasetServiceStub(self.channel)
        self.profiles = profile_service_pb2_grpc.ProfileServiceStub(self.channel)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.channel.close()


@pytest.mark.slow
def test_killed_processes_leave_work_that_the_next_one_ends_once(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, read_at_once_bytes=0)
        person = rig.hire()
        rig.close()
        alone = Alone(rig, person)
        try:
            dataset = alone.datasets.UploadDataset(messages(LARGE, "large.csv"), metadata=person.metadata)
            time.sleep(0.3)
            alone.kill()
            alone.start()

            def version() -> object:
                return alone.datasets.GetDataset(pb2.GetDatasetRequest(id=dataset.id), metadata=person.metadata)

            wait_until(lambda: version().status == "ready", 60)
            request = profile_pb2.GetDatasetProfileRequest(dataset_id=dataset.id)
            alone.profiles.GetDatasetProfile(request, metadata=person.metadata)
            alone.kill()
            alone.start()
            request.wait.seconds = 30
            wait_until(
                lambda: alone.profiles.GetDatasetProfile(request, metadata=person.metadata).status == "succeeded", 90
            )
            assert rig.events(dataset.id) == ["DatasetUploaded", "DatasetReady", "DatasetProfiled"]
            assert not [path for path in tmp_path.glob("raia-ingest-*") if f"-{alone.process.pid}-" not in path.name]
        finally:
            alone.kill()
