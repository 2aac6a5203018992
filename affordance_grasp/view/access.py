"""Who may press a page's buttons: browsers of this machine's pages, and who has the token."""

from hmac import compare_digest
from secrets import token_urlsafe
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from affordance_grasp.view.server import LOOPBACK

REFUSED = "this browser may look only: enter the token that the terminal shows"
FOREIGN = "pages of other sites may not speak to this one"
POLICY_VIOLATION = 1008


class Access:
    """Grants the buttons; where the page can be reached from other machines, for a token.

    A page of another site, which a browser would let through to this one, is cut off.
    """

    def __init__(self, server: Any, host: str) -> None:
        """``host``: where the server listens."""
        self._local = host in LOOPBACK
        self.token = "" if self._local else token_urlsafe(16)
        self._granted: set[int] = set()
        self._lock = Lock()
        sockets = server._websock_server  # viser has no other way to a client's origin

        async def cut_off_foreigners(connection: Any) -> None:
            wire = sockets._live_connections[connection.client_id]
            told = wire.request.headers
            if not self.is_own(told.get("Origin"), told.get("Host")):
                await wire.close(POLICY_VIOLATION, FOREIGN)

        sockets.on_client_connect(cut_off_foreigners)
        if self.token:
            server.on_client_connect(self._ask)
        server.on_client_disconnect(lambda client: self._granted.discard(client.client_id))

    def allows(self, client_id: int | None) -> bool:
        """Whether a browser may press buttons."""
        return not self.token or client_id in self._granted

    def is_own(self, origin: str | None, host: str | None) -> bool:
        """Whether a connection comes from a page of this server, or from no browser at all.

        A site whose name leads to this machine has another name than the machine itself.
        """
        if origin is None:
            return True
        own = urlsplit(origin).netloc == host
        return own and (not self._local or urlsplit(f"//{host}").hostname in LOOPBACK)

    def _ask(self, client: Any) -> None:
        """A field for the token, in this browser alone."""
        field = client.gui.add_text("token", "", hint=REFUSED)

        def compare(_: Any) -> None:
            with self._lock:
                if compare_digest(field.value.strip().encode(), self.token.encode()):
                    self._granted.add(client.client_id)
                    field.remove()

        field.on_update(compare)
