"""The ``raia`` command."""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from pydantic import ValidationError

from raia_launcher.errors import LauncherError
from raia_launcher.settings import LauncherSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: returns the exit code; what a person can mend is told in one sentence."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What follows admin, --help too, is the auth service's to read.
    own = given[:1] if given[:1] == ["admin"] else given
    parsed = _parser().parse_args(own)
    parsed.rest = given[len(own) :]
    try:
        settings = LauncherSettings()
        return int(parsed.run(settings, parsed))
    except ValidationError as error:
        faults = "; ".join(f"RAIA_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        print(f"raia: {faults}", file=sys.stderr)
    except LauncherError as error:
        print(f"raia: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="raia", description="Runs and looks after a RAIA platform on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str, *aliases: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, aliases=aliases)
        added.set_defaults(run=run)
        return added

    start = command("up", _up, "start the platform and stay; Ctrl-C stops it")
    start.add_argument(
        "--with-parent", action="store_true", help="stop, too, when the process that started this is gone"
    )
    command("down", _down, "stop the platform of RAIA_HOME", "stop")
    command("migrate", _migrate, "make roles and schemas, and run every service's migrations")
    archive = {"type": Path, "metavar": "FILE"}
    command("backup", _backup, "write database, objects and keys to FILE").add_argument("file", **archive)  # type: ignore[arg-type]
    command("restore", _restore, "make a new RAIA_HOME from FILE").add_argument("file", **archive)  # type: ignore[arg-type]
    keys = command("keys", _keys, "write keys and passwords for a deployment in containers; what exists is kept")
    keys.add_argument("folder", type=Path, metavar="FOLDER", help="where .env and secrets/ are written")
    command("admin", _admin, "create administrators and reset passwords: raia admin --help")
    journey = command("journey", _journey, "take a journey through a running platform, with real results")
    journey.add_argument("--url", default="", help="where the platform is; the one of RAIA_HOME when left out")
    journey.add_argument("--email", default="", help="who signs in; the first administrator when left out")
    journey.add_argument("--password", default="", help="their password; the first administrator's when left out")
    return parser


def say(text: str) -> None:
    """Prints one line of progress at once, also into a pipe."""
    print(text, flush=True)


def _up(settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    from raia_launcher.platform import up

    return up(settings, say, with_parent=parsed.with_parent)


def _down(settings: LauncherSettings, _parsed: argparse.Namespace) -> int:
    from raia_launcher.home import Home
    from raia_launcher.lock import holder

    process = holder(Home(settings.home.absolute()).lock_file)
    if process is None:
        say(f"no platform of {settings.home} is running")
        return 0
    process.terminate()
    begun = time.monotonic()
    while _runs(process):
        if time.monotonic() - begun > 90:
            raise LauncherError(f"process {process.pid} does not stop")
        time.sleep(0.05)
    say(f"stopped after {time.monotonic() - begun:.1f} s")
    return 0


def _runs(process: psutil.Process) -> bool:
    """Whether the process still runs; one whose parent has not asked for its exit code yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _migrate(settings: LauncherSettings, _parsed: argparse.Namespace) -> int:
    from raia_launcher import cluster
    from raia_launcher.home import Home

    home = Home.open(settings.home)
    with cluster.reachable(home, settings) as admin_url:
        say(cluster.migrate(home, settings, admin_url).rstrip())
    return 0


def _backup(settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    from raia_launcher.backup import backup

    backup(settings, parsed.file, say)
    return 0


def _restore(settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    from raia_launcher.backup import restore

    restore(settings, parsed.file, say)
    return 0


def _keys(_settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    from raia_launcher import deployment_keys

    new = deployment_keys.write(parsed.folder, deployment_keys.services())
    say(f"{parsed.folder}: " + (f"new are {', '.join(new)}" if new else "everything was there already"))
    return 0


def _admin(settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    """Hands over to the auth service's own command, in the environment that it serves in."""
    from raia_launcher import cluster, services
    from raia_launcher.home import Home

    home = Home.open(settings.home)
    with cluster.reachable(home, settings) as admin_url:
        known = dict.fromkeys(services.installed(), "")
        auth = next((each for each in services.with_ports()[0] if each.name == "auth"), None)
        if auth is None:
            raise LauncherError("the auth service is not installed")
        values = services.environment(auth, home=home, settings=settings, admin_url=admin_url, known=known)
        command = [sys.executable, "-m", auth.module, "admin", *parsed.rest]
        return subprocess.run(command, env=values, check=False).returncode


def _journey(settings: LauncherSettings, parsed: argparse.Namespace) -> int:
    from raia_launcher.home import Home
    from raia_launcher.journey.run import run_journey
    from raia_launcher.services import admin_password

    url = parsed.url or f"http://{settings.reachable_host}:{settings.http_port}"
    password = parsed.password or admin_password(settings, Home(settings.home.absolute()))
    return 0 if run_journey(url, parsed.email or settings.admin_email, password) else 1
