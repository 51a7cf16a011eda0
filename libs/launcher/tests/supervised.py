"""A supervisor over sample programs, for the tests to run, signal and kill: ``supervised.py FOLDER PROGRAM…``.

Each program is ``NAME:STAGE:BEHAVIOUR``. It appends a line to ``FOLDER/events`` when it starts and when it ends, and
its process id lies in ``FOLDER/NAME.pid``.
"""

import sys
from functools import partial
from pathlib import Path

from raia_launcher import child
from raia_launcher.settings import inherited_environment
from raia_launcher.stopping import StopSignals
from raia_launcher.supervisor import Program, Supervisor

SAMPLE = """
import os, pathlib, signal, subprocess, sys, time
folder, name, behaviour = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def note(text):
    with (folder / "events").open("a") as events:
        events.write(f"{text} {name}\\n")

def stop(*_):
    if behaviour != "stubborn":
        note("end")
        sys.exit(0)

signal.signal(signal.SIGTERM, stop)
if behaviour == "parent":
    sleeper = subprocess.Popen(["sleep", "1000"])
    (folder / "grandchild.pid").write_text(str(sleeper.pid))
(folder / f"{name}.pid").write_text(str(os.getpid()))
note("start")
if behaviour == "dying":
    sys.exit(3)
while True:
    time.sleep(1)
"""


def main(folder: Path, *programs: str) -> None:
    with StopSignals() as signals:
        supervisor = Supervisor(folder, signals, partial(print, flush=True))
        for name, stage, behaviour in (program.split(":") for program in programs):
            command = child.command([sys.executable, "-c", SAMPLE, str(folder), name, behaviour])
            seconds = 1.0 if behaviour == "stubborn" else 10.0
            supervisor.start(
                Program(name, partial(list, command), inherited_environment(), folder, int(stage), stop_seconds=seconds)
            )
        print("running", flush=True)
        supervisor.run()
        supervisor.stop()
        print("stopped", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
