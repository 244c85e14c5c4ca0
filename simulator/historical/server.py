"""Databento's historical service on loopback: HTTPS that the unmodified client accepts.

Answers `v0/timeseries.get_range` (zstd DBN of version 3, chunked) and the questions about it of
`v0/metadata`. The client must be told to trust the server's own authority:
`REQUESTS_CA_BUNDLE=<ca_file>`. Unit of parallelism: a thread for each connection, at most
CONNECTIONS_MAX.
"""

import hmac
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S
from simulator.historical.answers import billable_bytes, record_count, stream
from simulator.historical.archive import Archive
from simulator.historical.certificate import make_certificate
from simulator.historical.faults import Faults
from simulator.historical.handler import Asked, Handler
from simulator.historical.query import Refused, parse_query, text_of

CONNECTIONS_MAX: Final = 64
SOCKET_TIMEOUT_S: Final = 30.0
LOG_MAX: Final = 10_000
BYTES_PER_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalConfig:
    """One simulated service."""

    key: str = field(repr=False)
    """The key that it accepts."""
    dataset: str = "GLBX.MDP3"
    host: str = "127.0.0.1"
    """Loopback address to listen on."""
    port: int = 0
    """0: a free one."""
    delay_s: float = 1_200.0
    """Age of the newest record the licence covers, at least 0."""
    usd_per_gib: float = 2.0
    """What a GiB of records costs, before compression, at least 0."""

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("key must be a key, was empty")
        if self.host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError(f"host must be a loopback address, was {self.host}")
        for name in ("delay_s", "usd_per_gib", "port"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} must be at least 0, was {value}")


class HistoricalServer:
    """The service, in threads of this process; a context manager."""

    def __init__(
        self, archive: Archive, config: HistoricalConfig, now_ns: Callable[[], int]
    ) -> None:
        """Take a port and make the certificate.

        Args:
            archive: what is served; may grow.
            config: see there.
            now_ns: the market's clock, ns since the epoch.

        Raises:
            ConfigError: the port is taken, or no certificate can be made.
        """
        self.faults = Faults()
        self.log: deque[Asked] = deque(maxlen=LOG_MAX)
        """What was asked for, newest last."""
        self._archive, self._config, self._now_ns = archive, config, now_ns
        self._folder = TemporaryDirectory(prefix="ifd-historical-")
        try:
            made = make_certificate(Path(self._folder.name))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(made.certificate_file, made.key_file)
            self.ca_file = made.ca_file
            self._server = _TlsServer((config.host, config.port), context, self)
        except BaseException as error:
            self._folder.cleanup()
            if isinstance(error, OSError):
                where = f"{config.host}:{config.port}"
                text = f"historical endpoint: expected a free port, found {where} taken ({error})"
                raise ConfigError(text) from error
            raise
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """For `databento.Historical(gateway=…)`."""
        return (
            f"https://{'localhost' if ':' in self._config.host else self._config.host}:{self.port}"
        )

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Cut what is open and end the threads."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def knows(self, key: str) -> bool:
        """Whether the key is the one that is accepted."""
        return hmac.compare_digest(key.encode(), self._config.key.encode())

    def available_ns(self) -> tuple[int, int]:
        """First moment there is, and the one the licence reaches to (exclusive)."""
        stop_ns = self._now_ns() - round(self._config.delay_s * NS_PER_S)
        first_ns = self._archive.first_ns()
        return (stop_ns if first_ns is None else min(first_ns, stop_ns)), stop_ns

    def body(self, form: dict[str, str]) -> tuple[int, Iterator[bytes]]:
        """Status and uncompressed DBN of a request. Raises Refused."""
        return stream(self._archive, parse_query(form, self._config.dataset, self.available_ns()))

    def value(self, endpoint: str, form: dict[str, str]) -> Any:
        """JSON value of a question. Raises Refused."""
        if endpoint == "get_dataset_range":
            first, stop = map(text_of, self.available_ns())
            return {"start": first, "end": stop, "schema": {"mbo": {"start": first, "end": stop}}}
        query = parse_query(form, self._config.dataset, self.available_ns())
        if endpoint == "get_record_count":
            return record_count(self._archive, query)
        if endpoint == "get_billable_size":
            return billable_bytes(self._archive, query)
        if endpoint == "get_cost":
            size = billable_bytes(self._archive, query)
            return size / BYTES_PER_GIB * self._config.usd_per_gib
        raise Refused(404, "not_found", f"There is no {endpoint}.")


class _TlsServer(ThreadingHTTPServer):
    """Accepts; each connection shakes hands in its own thread, so that none holds up another."""

    daemon_threads = False
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext, service: HistoricalServer
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.service = service
        self._context = context
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands and serve the connection."""
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                return
            self._open.add(request)
        connection = request
        try:
            request.settimeout(SOCKET_TIMEOUT_S)
            connection = self._context.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
            with self._lock:
                self._open.add(connection)
            connection.do_handshake()
            super().finish_request(connection, client_address)
        except OSError:
            # The client went away, or does not trust us: its matter.
            return
        finally:
            with self._lock:
                self._open -= {request, connection}
            connection.close()

    def server_close(self) -> None:
        """Cut what is open, then wait for the threads."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        super().server_close()
