"""Jobs: long work that is enqueued with the change that asks for it and survives the death of its worker."""

from raia_kit.jobs.dispatcher import Dispatcher
from raia_kit.jobs.job import Job
from raia_kit.jobs.queue import JobQueue
from raia_kit.jobs.record import JobRecord, JobTakenOver

__all__ = ["Dispatcher", "Job", "JobQueue", "JobRecord", "JobTakenOver"]
