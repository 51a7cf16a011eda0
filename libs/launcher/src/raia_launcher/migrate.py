"""Bootstraps and migrates the services named on the command line; what ``raia migrate`` and ``raia up`` run."""

import sys
import time

from raia_kit import migrations

from raia_launcher.settings import migration_input


def main(services: list[str]) -> int:
    """Entry point; a database that does not fit is told in one line."""
    admin_url, passwords = migration_input()
    try:
        migrations.bootstrap(admin_url, services, passwords)
        for service in services:
            begun = time.monotonic()
            migrations.upgrade(admin_url, service)
            print(f"{service}: at {migrations.current_revision(admin_url, service)}, {time.monotonic() - begun:.2f} s")
    except migrations.MigrationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
