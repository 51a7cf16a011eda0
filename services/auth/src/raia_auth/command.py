"""``python -m raia_auth admin create|reset-password|import|list``."""

import argparse
import csv
import getpass
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from raia_kit.database import Database
from raia_kit.errors import RaiaError

from raia_auth.administration import Administration, ImportedUser
from raia_auth.assembly import Assembly
from raia_auth.settings import AuthSettings


def main(arguments: Sequence[str]) -> int:
    """Runs one command against the database that the settings name; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    settings = AuthSettings()
    database = Database(settings.database_url.get_secret_value(), service=settings.service, pool_size=1)
    try:
        _run(chosen, Assembly(settings, database).administration)
    except (RaiaError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        database.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m raia_auth admin")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create an administrator")
    reset = commands.add_parser("reset-password", help="set a user's password and end their sessions")
    for command in (create, reset):
        command.add_argument("email", help="the address that the user signs in with")
        command.add_argument(
            "--password-file", type=Path, help="file with the password in its first line; '-' is standard input"
        )
    create.add_argument(
        "--organisation", default="RAIA", help="name or id; founded when there is none of that name (%(default)s)"
    )
    users = commands.add_parser("import", help="take in users of another system with their bcrypt or argon2id hashes")
    users.add_argument(
        "file", type=Path, help="CSV with the columns email, password_hash, name and roles (spaces between)"
    )
    users.add_argument("--organisation", default="RAIA", help="name or id (%(default)s)")
    commands.add_parser("list", help="list the administrators of every organisation")
    return parser


def _run(chosen: argparse.Namespace, administration: Administration) -> None:
    if chosen.command == "list":
        for one in administration.administrators():
            sys.stdout.write(f"{one.email}\t{one.organisation}\t{one.org_id}\t{one.user_id}\n")
    elif chosen.command == "create":
        made = administration.create(chosen.email, _password(chosen.password_file), chosen.organisation)
        sys.stdout.write(f"{made.email} is an administrator of {made.organisation} ({made.org_id})\n")
    elif chosen.command == "import":
        count, taken = administration.import_users(chosen.organisation, _users(chosen.file))
        sys.stdout.write(f"{count} users taken in, {len(taken)} known already\n")
    else:
        ended = administration.reset_password(chosen.email, _password(chosen.password_file))
        sys.stdout.write(f"the password of {chosen.email} was set; {ended} sessions ended\n")


def _users(file: Path) -> Iterator[ImportedUser]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if not {"email", "password_hash"} <= {name for name, value in row.items() if value}:
                raise ValueError(f"{file} needs the columns email and password_hash in every row")
            roles = tuple((row.get("roles") or "user").split())
            yield ImportedUser(row["email"], row["password_hash"], row.get("name") or "", roles)


def _password(file: Path | None) -> str:
    """The password from a file or a prompt: never from the command line, which other users of the machine see."""
    if file is None:
        return getpass.getpass("password: ")
    if str(file) == "-":
        return sys.stdin.readline().rstrip("\r\n")
    return file.read_text().partition("\n")[0].rstrip("\r")
