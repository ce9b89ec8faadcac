"""Who may see the page of `--serve`: whoever has the address with its token, from this server's own page.

Other users of the machine reach its ports too, and any page in the user's browser may open a websocket to localhost.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

LOCAL = ("localhost", "127.0.0.1", "::1")
TOKEN = "token"


@dataclass(frozen=True)
class Door:
    """Lets in the browser that came with the token; the token then stays with it as a cookie.

    Args:
        port: of the server; browsers send a cookie to all ports of a host, so its name holds the port.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def cookie(self) -> str:
        """Name of the cookie."""
        return f"kdtune-{self.port}"

    def address(self, url: str) -> str:
        """Return the address that lets a browser in."""
        return f"{url}/?{urlencode({TOKEN: self.token})}"

    def brings_token(self, query: Mapping[str, str]) -> bool:
        """Return whether an address has the token."""
        return self._is_token(query.get(TOKEN, ""))

    def knows(self, cookies: Mapping[str, str]) -> bool:
        """Return whether a browser came with the token before."""
        return self._is_token(cookies.get(self.cookie, ""))

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode())


def is_own(host: str, origin: str | None) -> bool:
    """Return whether a request names this machine, and comes from this server's own page or from no page.

    A browser lets any page on the internet open a websocket to localhost, and names that page in Origin. Host shows a
    foreign name that its owner has pointed to this machine.
    """
    try:
        asked = urlsplit(f"http://{host}")
        page = asked if origin is None else urlsplit(origin)
        return asked.hostname in LOCAL and page.hostname in LOCAL and page.port == asked.port
    except ValueError:
        return False
