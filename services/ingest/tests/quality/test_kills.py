"""What becomes of a validation when the process that runs it is killed."""

import time

import pytest

from ..rig import Rig, messages, pb2, wait_until
from ..test_faults import Alone
from .calls import Quality

LARGE = "n,text\n" + "".join(f"{n % 399_999},row number {n} of a larger file\n" for n in range(400_000))


@pytest.mark.slow
def test_a_version_stays_kept_back_until_its_rules_were_run_once(postgres, tmp_path):
    with postgres.service_database("ingest", pool_size=8) as database:
        rig = Rig(database, tmp_path, read_at_once_bytes=0)
        person = rig.hire()
        first = rig.settled(person, rig.upload(person, "n,text\n1,a\n", name="killed"))
        Quality(rig, person).rule(first.id, {"unique": {"columns": ["n"]}}, gates=True)
        rig.close()
        alone = Alone(rig, person)

        def version() -> object:
            request = pb2.GetDatasetRequest(id=first.id, version=2)
            return alone.datasets.GetDataset(request, metadata=person.metadata)

        try:
            upload = messages(LARGE, "killed.csv", name="killed")
            alone.datasets.UploadDataset(upload, metadata=person.metadata)
            for _ in range(4):
                time.sleep(0.7)
                assert version().quality_gate != "passed"
                alone.kill()
                alone.start()
            wait_until(lambda: version().quality_gate == "quarantined", 90)
            query = "select status, failing_row_count from dataset_validation where dataset_id = %s"
            assert rig.rows(query, first.id) == [("succeeded", 2)]
            events = rig.events(first.id)
            assert (events.count("DatasetValidated"), events.count("DatasetQuarantined")) == (1, 1)
        finally:
            alone.kill()
