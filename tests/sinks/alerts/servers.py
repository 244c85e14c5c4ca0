"""Real servers on loopback that answer as a test says, and a place to put their certificates."""

import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import monotonic

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

DEADLINE_S = 20.0


def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition."""
    stop, pause = monotonic() + deadline_s, Event()
    while not condition():
        assert monotonic() < stop, "the condition never held"
        pause.wait(0.005)


class Authority:
    """A certificate authority, and a server certificate for this machine."""

    def __init__(self, folder):
        self.authority = trustme.CA()
        self.file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.context)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Answers each request with the next of `answers`, the last for ever.

    An answer is a status, (status, headers, body), or a function that is given the open socket.
    """

    answers: deque = field(default_factory=lambda: deque([200]))
    context: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    answered: list = field(default_factory=list)

    def __enter__(self):
        self.released = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.handle_error = lambda *_: None
        if self.context is not None:
            self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, handler):
        wanted_bytes = int(handler.headers.get("content-length", 0))
        body = handler.rfile.read(wanted_bytes)
        if len(body) < wanted_bytes:
            handler.close_connection = True  # The other side died midway: that is no request.
            return
        self.requests.append(Request(handler.path, dict(handler.headers), body))
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        self.answered.append(answer)
        if callable(answer):
            answer(handler)
            return
        status, headers, said = (answer, {}, b"ok") if isinstance(answer, int) else answer
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)

    def hang(self, handler):
        """Say nothing until the test is over."""
        self.released.wait(DEADLINE_S)
        handler.close_connection = True

    def drip(self, handler):
        """A header that never ends, a byte at a time: no read times out."""
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not self.released.wait(0.02):
                handler.wfile.write(b"a")
        except OSError:
            pass
        handler.close_connection = True

    @staticmethod
    def garbage(handler):
        handler.wfile.write(b"\x00\xff not http at all\r\n\r\n")
        handler.close_connection = True

    @staticmethod
    def vanish(handler):
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True


@dataclass
class Mail:
    sender: str
    to: list[str]
    content: bytes


class Mailbox:
    """aiosmtpd's handler: keeps what it took; replies to DATA and RCPT as told."""

    def __init__(self):
        self.mails = []
        self.data_replies = deque(["250 taken"])
        self.refused = {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        reply = self.data_replies.popleft() if len(self.data_replies) > 1 else self.data_replies[0]
        if reply.startswith("250"):
            mail = Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
            self.mails.append(mail)
        return reply


class MailServer:
    """An SMTP server: plain, with STARTTLS or with TLS from the first byte; one login."""

    def __init__(self, security="none", context=None, password=""):
        self.box = Mailbox()
        self.logins = []
        options = {"hostname": "127.0.0.1", "port": 0}
        smtp = {}
        if password:
            smtp |= {
                "authenticator": lambda *a: self._login(a[-1], password),
                # The library warns of it with TLS from the first byte, which it does not see.
                "auth_required": security == "starttls",
                "auth_require_tls": security == "starttls",
            }
        if security == "starttls":
            smtp |= {"tls_context": context, "require_starttls": True}
        elif security == "tls":
            options["ssl_context"] = context
        box = self.box

        class OnLoopback(Controller):
            def factory(self):
                return SMTP(box, hostname="localhost", **smtp)

            def _trigger_server(self):
                # The library calls the port it was asked for; ours was 0.
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        self.controller = OnLoopback(box, **options)

    def _login(self, data, password):
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password.decode() == password, handled=False)

    def __enter__(self):
        self.controller.start()
        self.port = self.controller.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.controller.stop(no_assert=True)

    @property
    def mails(self):
        return self.box.mails


class RawServer:
    """A TCP server whose each connection is given to a function."""

    def __init__(self, serve):
        self.serve = serve
        self.released = Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, suppress(OSError):
            self.serve(connection, self.released)
