"""A process that runs jobs until it is told to stop or is killed: ``python job_process.py <database url>``."""

import random
import signal
import sys
import threading
import time
from uuid import uuid4

from raia_kit.compute import ComputePool
from raia_kit.database import Database
from raia_kit.jobs import Dispatcher, Job, JobQueue
from sqlalchemy import text

HEARTBEAT, STALLED = 0.2, 1.0


def declare(queue: JobQueue) -> None:
    """Declares ``work``: three repeatable steps, some computing, and one effect."""

    @queue.task("work", time_limit=60, retries=100, retry_seconds=0.05)
    def work(job: Job) -> None:
        for step in range(2):
            with job.unit() as unit:
                unit.session.execute(
                    text(
                        "insert into step (org_id, job, step) values (:org, :job, :step)"
                        " on conflict (org_id, job, step) do update set runs = step.runs + 1"
                    ),
                    {"org": unit.org_id, "job": job.id, "step": step},
                )
            job.compute("compute_functions:sleep", {"seconds": random.uniform(0, 0.06)})
        with job.complete() as unit:
            unit.session.execute(
                text("insert into effect (org_id, job, what) values (:org, :job, :what)"),
                {"org": unit.org_id, "job": job.id, "what": str(job.args["number"])},
            )
            # Every moment is to be hit, the one between effect and commit too.
            time.sleep(random.uniform(0, 0.02))


def main() -> None:
    queue = JobQueue()
    declare(queue)
    database = Database(sys.argv[1], service="sample", pool_size=4)
    with ComputePool(max_children=2) as pool:
        dispatcher = Dispatcher(
            queue, database, pool, concurrency=3, poll_seconds=0.1, heartbeat_seconds=HEARTBEAT, stalled_seconds=STALLED
        )
        dispatcher.start()
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        sys.stdout.write(f"{uuid4()} runs\n")
        sys.stdout.flush()
        ended.wait()
        sys.exit(0 if dispatcher.stop() else 1)


if __name__ == "__main__":
    main()
