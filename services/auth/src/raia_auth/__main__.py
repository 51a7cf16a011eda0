"""``python -m raia_auth serve|migrate|health``, and ``admin`` for what operators do about accounts."""

import sys

from raia_kit.service import main

from raia_auth import command
from raia_auth.bootstrap import build
from raia_auth.settings import AuthSettings

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["admin"]:
        raise SystemExit(command.main(arguments[1:]))
    raise SystemExit(main(build, AuthSettings, arguments))
