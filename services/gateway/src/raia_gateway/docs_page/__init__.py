"""The page that shows the API and tries it, without the internet: one file, its script and style inside."""

import base64
import hashlib
from importlib import resources

from raia_gateway.asgi import Header
from raia_gateway.exchange import Exchange


class DocsPage:
    """Serves ``/docs``; the policy allows this script and this style by their digests and nothing else."""

    def __init__(self) -> None:
        folder = resources.files(__package__)
        page, script, style = ((folder / name).read_text("utf-8") for name in ("page.html", "page.js", "page.css"))
        self._body = page.replace("/*style*/", style).replace("/*script*/", script).encode()
        policy = (
            f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; connect-src 'self'; "
            "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
        self._headers: list[Header] = [
            (b"content-security-policy", policy.encode()),
            (b"cache-control", b"no-cache"),
        ]

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one request."""
        await exchange.respond(200, self._body, b"text/html; charset=utf-8", self._headers)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
