"""The key pairs by which services prove themselves to auth, and the secrets under which they seal what they store."""

import base64
import json
import secrets
from collections.abc import Iterable
from pathlib import Path

from joserfc.jwk import OKPKey

from raia_launcher.home import Home, write_new


def private_key_file(home: Home, service: str) -> Path:
    """The file of the service's private Ed25519 JWK, made at the first call."""
    path = home.secrets / f"{service}.jwk"
    if not path.exists():
        key = OKPKey.generate_key("Ed25519", parameters={"kid": service})
        write_new(path, json.dumps(key.as_dict(private=True)))
    return path


def public_keys_file(home: Home, services: Iterable[str]) -> Path:
    """Writes the public JWKs of these services by name, for auth, and returns the file."""
    keys = {}
    for service in services:
        key = OKPKey.import_key(json.loads(private_key_file(home, service).read_text()))
        keys[service] = key.as_dict(private=False)
    path = home.secrets / "service_keys.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(keys, indent=2))
    draft.chmod(0o600)
    draft.replace(path)
    return path


def envelope_key(home: Home, service: str) -> str:
    """The key, 32 random bytes in base64, under which the service seals secrets at rest."""
    path = home.secrets / f"{service}.envelope"
    write_new(path, new_envelope_key())
    return path.read_text()


def new_envelope_key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
