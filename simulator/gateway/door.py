"""Who may come in: greeting, challenge, keys, and how many connections there may be."""

import secrets
import string
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from connectors.databento.control import (
    BUCKET_CHARACTERS,
    Authentication,
    format_line,
    is_answer,
    parse_line,
)
from operators.model.errors import DecodeError
from simulator.gateway.config import GatewayConfig
from simulator.gateway.faults import Faults
from simulator.gateway.link import Link

_ALPHABET: Final = string.ascii_letters + string.digits
_CHALLENGE_CHARACTERS: Final = 32
_SESSION_ID_FIRST: Final = 1_700_000_000
_COMPRESSIONS: Final = ("none", "zstd")


@dataclass(frozen=True, slots=True)
class Guest:
    """A client that has been let in."""

    asked: Authentication
    key: str = field(repr=False)
    heartbeat_s: int
    number: int
    """Of its session, counted from 1."""


class Refused(Exception):
    """The client is not let in; the text is what it is told."""


class Door:
    """Checks clients. State: connections per key, and the latest connects per address."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._open: Counter[str] = Counter()
        self._connects: dict[str, deque[float]] = {}
        self._sessions = 0

    def is_too_fast(self, address: str, now_s: float) -> bool:
        """Whether a connect at `now_s` is one too many for its address within a second."""
        times = self._connects.setdefault(address, deque())
        while times and times[0] <= now_s - 1.0:
            times.popleft()
        if len(times) >= self._config.connects_per_s:
            return True
        times.append(now_s)
        return False

    async def welcome(self, link: Link, faults: Faults) -> Guest | None:
        """Greet, challenge and check; None if the client left, or was told why it may not enter.

        Raises:
            OSError: the connection is lost.
            DecodeError: what the client says is no line of the protocol.
        """
        challenge = "".join(secrets.choice(_ALPHABET) for _ in range(_CHALLENGE_CHARACTERS))
        hello = f"lsg_version={self._config.lsg_version}"
        if fault := faults.take_one("greeting"):
            hello = fault.text
        await link.send(hello.encode() + b"\n" + format_line({"cram": challenge}))
        line = await _one_line(link)
        if line is None:
            return None
        if fault := faults.take_one("auth_failure"):
            await refuse(link, fault.text or "Authentication failed.")
            return None
        try:
            guest = self.check(Authentication.parse(parse_line(line)), challenge)
        except (Refused, DecodeError) as error:
            await refuse(link, str(error))
            return None
        await link.send(
            format_line({"success": "1", "session_id": str(_SESSION_ID_FIRST + guest.number)})
        )
        return guest

    def check(self, asked: Authentication, challenge: str) -> Guest:
        """Let a client in.

        Raises:
            Refused: it may not.
        """
        config = self._config
        bucket = asked.auth[-BUCKET_CHARACTERS:]
        key = next((key for key in config.keys if key.endswith(bucket)), config.keys[0])
        if not is_answer(asked.auth, challenge, key):
            raise Refused("Authentication failed.")
        if asked.dataset != config.dataset:
            raise Refused(f"User is not entitled to dataset {asked.dataset[:40]}.")
        if asked.encoding != "dbn":
            raise Refused("Unsupported encoding, expected dbn.")
        if asked.compression not in _COMPRESSIONS:
            raise Refused("Unsupported compression, expected none or zstd.")
        heartbeat_s = asked.heartbeat_interval_s
        if heartbeat_s is None:
            heartbeat_s = config.heartbeat_s
        elif not config.heartbeat_s_min <= heartbeat_s <= config.heartbeat_s_max:
            bounds = f"{config.heartbeat_s_min} to {config.heartbeat_s_max}"
            raise Refused(f"Invalid heartbeat_interval_s, expected {bounds}.")
        if self._open[key] >= config.connections_max:
            raise Refused(f"Connection limit exceeded, {config.connections_max} are open.")
        self._open[key] += 1
        self._sessions += 1
        return Guest(asked, key, heartbeat_s, self._sessions)

    def leave(self, guest: Guest) -> None:
        """Its connection is closed."""
        self._open[guest.key] -= 1


async def refuse(link: Link, text: str) -> None:
    """Say why, as the only answer a client understands, and end."""
    text = text.replace("|", " ").replace("\n", " ")
    await link.send(format_line({"success": "0", "error": text}))
    link.finish()


async def _one_line(link: Link) -> bytes | None:
    while (lines := await link.lines()) is not None:
        if lines:
            return lines[0]
    return None
