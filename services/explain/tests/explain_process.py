"""An explain service as a process of its own, for tests that kill it: ``python explain_process.py <facts as JSON>``."""

import json
import sys
import threading

from joserfc.jwk import OKPKey
from raia.auth.v1 import access_pb2
from raia_explain.bootstrap import build
from raia_explain.settings import ExplainSettings
from raia_kit.access import Part
from raia_kit.events import cursor
from raia_kit.runtime import Runtime
from raia_kit.service import process_of


class Snapshot:
    """One analyst."""

    def __init__(self, person: dict[str, str], roles: dict[str, list[str]]) -> None:
        self._person, self._roles = person, roles

    def parts(self):
        roles = [access_pb2.Role(name=name, permissions=held) for name, held in self._roles.items()]
        yield Part(roles=roles, memberships=[access_pb2.Membership(**self._person, roles=["analyst"], active=True)])
        yield Part(cursor=cursor.encode({}))


def main() -> None:
    facts = json.loads(sys.argv[1])
    runtime = Runtime(ExplainSettings(**facts["settings"]))
    key = OKPKey.import_key(facts["key"])
    runtime.jwks_source = lambda: [key.as_dict(private=False)]
    runtime.access_source = Snapshot(facts["person"], facts["roles"])
    service = build(runtime.settings, runtime)
    process = process_of(service)
    service.prepare()
    process.start()
    while not process.serving:
        process.watch()
    sys.stdout.write(process.server.address + "\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
