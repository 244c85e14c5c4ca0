"""A server on loopback that does to each connection what a test writes down."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from connectors.databento.control import format_line

KEY = "db-0123456789abcdefghijklmnopqrst"
GREETING = format_line({"lsg_version": "0.9.4"}) + format_line({"cram": "c" * 32})
SUCCESS = format_line({"success": "1", "session_id": "7"})


class Client:
    """The other side of one connection, as the server sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> str:
        """The next line of text, without its end."""
        return self._file.readline().decode().rstrip("\n")

    def to_start(self) -> list[str]:
        """Greet, accept, and read subscriptions up to the start."""
        self.send(GREETING)
        self.line()
        self.send(SUCCESS)
        lines = []
        while (line := self.line()) and not line.startswith("start_session"):
            lines.append(line)
        return lines

    def wait_closed(self) -> None:
        """Until the client is gone."""
        with suppress(OSError):
            while self.sock.recv(65_536):
                pass


@contextmanager
def serving(*scripts: Callable[[Client], None]) -> Iterator[int]:
    """Port of a server that does each script with one connection, in turn, then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    socks: list[socket.socket] = []

    def serve() -> None:
        for script in scripts:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(20)
            socks.append(sock)
            with suppress(OSError):
                client = Client(sock)
                script(client)
                client._file.close()
            sock.close()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for sock in socks:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        thread.join(20)
        assert not thread.is_alive()
