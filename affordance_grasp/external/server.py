"""A server of others that answers messages: MessagePack over a ZMQ request socket."""

from typing import Any

from affordance_grasp.errors import ExternalFault, InvalidInput
from affordance_grasp.external.packing import MAX_BYTES, pack, unpack
from affordance_grasp.extras import require


class Server:
    """One server; a socket per request, so that a lost answer affects no other."""

    def __init__(self, address: str, name: str) -> None:
        """Nothing is sent yet; ``name`` begins the sentences of errors."""
        self.address, self._name = address, f"{name} at {address}"
        self._zmq = require("zmq", f"{name}, as a server,")
        self._context = self._zmq.Context.instance()

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send one request and wait for its answer.

        Raises:
            ExternalFault: no answer in time, an unreadable one, or the server's own error.
        """
        zmq = self._zmq
        if timeout_s <= 0:
            raise ExternalFault(f"{self._name}: its earlier answers took all the time there was")
        with self._context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_BYTES)
            try:
                socket.connect(self.address)
            except zmq.ZMQError as error:
                raise InvalidInput(
                    f"{self._name}: the address is not usable ({error}); expected one such as "
                    "tcp://127.0.0.1:5556"
                ) from error
            socket.send(pack(request))
            if not socket.poll(max(1, int(timeout_s * 1e3))):
                raise ExternalFault(f"{self._name}: no answer within {timeout_s:.1f} s")
            answer = unpack(socket.recv(), self._name)
        if "error" in answer:
            raise ExternalFault(f"{self._name} refused: {str(answer['error']):.300}")
        return answer
