"""Kills: relays and consumers die at any moment, and nothing is lost, reordered within a key, or done twice."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from raia_kit.events.envelope import Event
from raia_kit.events.tail import Tail

from .rig import ORG, Rig, number_of, wait_until, write_next

CHILD = Path(__file__).with_name("kill_child.py")
CONSUMERS = ["first", "second"]
KEYS = [f"key-{number}" for number in range(6)]
WRITERS = 4


class KillSettings(BaseSettings):
    """How long the kills go on."""

    model_config = SettingsConfigDict(env_prefix="RAIA_TEST_", frozen=True, extra="ignore")

    kills: int = Field(default=10, ge=1)
    """Processes that are killed; ``make soak`` takes 100."""


class Children:
    """Two relays and two consumers, of which one each works and one stands by; the dead are replaced."""

    def __init__(self, rig: Rig) -> None:
        given = {"url": rig.service.url, "kafka": rig.kafka_bootstrap, "backend": rig.backend, "topic": rig.topic}
        self._given = json.dumps(given | {"consumers": CONSUMERS})
        self._alive = [(role, self._spawn(role)) for role in ("relay", "consumer", "relay", "consumer")]

    def _spawn(self, role: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(CHILD), role, self._given]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def kill(self) -> list[str]:
        """Replaces those that killed themselves, or else kills any of them; the roles of the dead, and by whom."""
        dead = [index for index, (_, process) in enumerate(self._alive) if process.poll() is not None]
        by = "itself" if dead else "us"
        killed = []
        for index in dead or [random.randrange(len(self._alive))]:
            role, process = self._alive[index]
            self._end(process)
            self._alive[index] = (role, self._spawn(role))
            killed.append(f"{role} by {by}")
        return killed

    def revive(self) -> None:
        """Replaces those that killed themselves."""
        if any(process.poll() is not None for _, process in self._alive):
            self.kill()

    def wait_ready(self) -> None:
        """Waits until all have started."""
        for _, process in self._alive:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"

    def end(self) -> None:
        for _, process in self._alive:
            self._end(process)

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def writers(rig: Rig) -> Iterator[None]:
    """Several writers that change the same resources, each change with its event."""
    stop = threading.Event()

    def write(seed: int) -> None:
        chosen = random.Random(seed)
        while not stop.wait(chosen.uniform(0.005, 0.03)):
            with rig.database.unit_of_work(ORG) as unit:
                for key in sorted(chosen.sample(KEYS, chosen.choice([1, 1, 2]))):
                    write_next(unit, key, rig.topic)

    threads = [threading.Thread(target=write, args=[seed]) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_is_lost_reordered_or_done_twice(rig: Rig, record_property: Callable[[str, object], None]) -> None:
    kills, killed, begin = KillSettings().kills, Counter[str](), time.monotonic()
    told: list[Event] = []
    rig.start(Tail("tail", rig.log, [rig.topic], told.append, start="earliest"))
    children = Children(rig)
    try:
        children.wait_ready()
        with writers(rig):
            while killed.total() < kills:
                time.sleep(random.uniform(0.1, 1.5))
                killed.update(children.kill())
        total = int(rig.rows("select sum(n) from resource")[0][0])

        def finished() -> bool:
            children.revive()
            left = rig.rows("select count(*) from outbox")[0][0]
            done = rig.rows("select count(*) from effect")[0][0]
            return left == 0 and done >= total * len(CONSUMERS) and len(told) >= total

        wait_until(finished, 180)
        time.sleep(1.0)  # for what would come too much
    finally:
        children.end()

    expected = {key: list(range(1, last + 1)) for key, last in rig.rows("select key, n from resource")}
    for name in CONSUMERS:
        effects: dict[str, list[int]] = defaultdict(list)
        for key, number in rig.effects(name):
            effects[key].append(number)
        assert effects == expected, f"effects of {name}"
    seen: dict[str, list[int]] = defaultdict(list)
    for event in told:
        seen[event.key].append(number_of(event))
    assert seen == expected, "what the tail was given"
    published = sum(rig.log.head(rig.topic).values())
    if rig.backend == "postgres":
        assert published == total, "the PostgreSQL log holds each event once"
    assert rig.rows("select count(*) from dead_letter") == [(0,)]
    figures = {
        "kills": dict(killed),
        "events": total,
        "published twice": published - total,
        "seconds": round(time.monotonic() - begin),
    }
    record_property("figures", figures)
    print(rig.backend, figures)
