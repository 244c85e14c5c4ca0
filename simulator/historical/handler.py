"""One connection of the historical endpoint: HTTP in, an answer or a fault out."""

import base64
import binascii
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import zstandard

from simulator.historical.faults import Fault
from simulator.historical.query import Refused

if TYPE_CHECKING:
    from simulator.historical.server import HistoricalServer

BODY_BYTES_MAX: Final = 1 << 20
FIELDS_MAX: Final = 64
FAULT_TEXTS: Final = {
    401: ("auth_authentication_failed", "Authentication failed."),
    402: ("account_insufficient_funds", "There is a problem with the account's payment."),
    403: ("license_not_found_unauthorized", "A license is required to access this data."),
    422: ("data_end_after_available_end", "The `end` in the query is after the available range."),
    429: ("rate_limit_exceeded", "Too many requests."),
    500: ("internal_error", "An unexpected condition was encountered."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was answered, or refused."""

    endpoint: str
    schema: str
    start: str
    end: str
    status: int
    """0: the connection was cut in the middle of the body."""


class CutOff(Exception):
    """A fault says that the connection ends here."""


class Handler(BaseHTTPRequestHandler):
    """Requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "ifd"
    sys_version = ""

    def do_GET(self) -> None:
        """A question whose fields stand in the address."""
        self._answer(dict(_fields(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        """A question whose fields stand in a form."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._refuse(Refused(413, "request_too_large", "The form is too large."), None)
            return
        form = self.rfile.read(int(length)).decode("utf-8", "replace")
        self._answer(dict(_fields(form)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the library
        """Nothing: what was asked for stands in the server's log."""

    @property
    def _service(self) -> "HistoricalServer":
        service: HistoricalServer = self.server.service  # type: ignore[attr-defined]
        return service

    def _answer(self, form: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        endpoint = path.rpartition(".")[2]
        fault = self._service.faults.take(endpoint, form.get("schema", ""))
        try:
            status = self._serve(path, endpoint, form, fault)
        except Refused as refused:
            status = refused.status
            self._refuse(refused, fault)
        except CutOff:
            status = 0
            self.close_connection = True
        facts = (form.get("schema", ""), form.get("start", ""), form.get("end", ""))
        self._service.log.append(Asked(endpoint, *facts, status))

    def _serve(self, path: str, endpoint: str, form: dict[str, str], fault: Fault | None) -> int:
        if not self._service.knows(self._key()):
            raise Refused(401, *FAULT_TEXTS[401])
        if fault is not None and fault.status is not None:
            case, text = FAULT_TEXTS.get(fault.status, ("simulated_fault", "A fault on command."))
            raise Refused(fault.status, case, text)
        if path == "/v0/timeseries.get_range":
            status, chunks = self._service.body(form)
            self._send_chunked(status, chunks, fault)
            return status
        if path.startswith("/v0/metadata."):
            self._send_json(200, self._service.value(endpoint, form))
            return 200
        raise Refused(404, "not_found", f"There is no {path[:80]}.")

    def _key(self) -> str:
        """User of the basic authorisation; empty where there is none."""
        kind, _, coded = self.headers.get("Authorization", "").partition(" ")
        try:
            text = base64.b64decode(coded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return text.partition(":")[0] if kind.lower() == "basic" else ""

    def _refuse(self, refused: Refused, fault: Fault | None) -> None:
        after = None if fault is None else fault.retry_after_s
        self._send_json(
            refused.status, refused.body(), {} if after is None else {"Retry-After": str(after)}
        )

    def _send_json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def _send_chunked(self, status: int, chunks: Iterator[bytes], fault: Fault | None) -> None:
        """The body in zstd, of any length, in chunks; cut where the fault says."""
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = None if fault is None else fault.cut_bytes
        for data in _compressed(chunks):
            piece = data if left is None else data[:left]
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if left is not None:
                left -= len(piece)
                if left == 0:
                    break
        if left == 0 and fault is not None and not fault.ends_early:
            self._cut(fault)
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self, fault: Fault) -> None:
        if fault.resets:
            # With no time to linger, closing sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise CutOff


def _fields(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return []


def _compressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()
