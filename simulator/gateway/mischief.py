"""Carries out the faults that happen between two records of a session."""

import asyncio
from typing import Protocol

from simulator.gateway import records
from simulator.gateway.faults import Fault
from simulator.gateway.link import Bytes, Link

_ZEROS = 64
_UNKNOWN_RTYPE = 0x7E


class Client(Protocol):
    """What a session offers."""

    link: Link

    async def send(self, data: Bytes) -> None:
        """Send bytes of the session's stream."""

    async def taken(self, records_max: int) -> bytes:
        """The next records, at least one; empty if the client left instead."""

    def fail(self, code: records.ErrorCode, text: str) -> None:
        """Say an error, and end where its code says so."""

    async def until_gone(self) -> None:
        """Wait until the client closes."""


async def commit(fault: Fault, client: Client) -> bool:
    """Let `fault` happen; whether the session goes on."""
    match fault.kind:
        case "rst":
            client.link.reset()
            return False
        case "fin":
            return False
        case "half_open":
            await client.until_gone()
            return False
        case "stall":
            await asyncio.sleep(fault.seconds)
        case "error":
            code = records.ErrorCode(fault.code)
            client.fail(code, fault.text or code.name.replace("_", " ").capitalize())
        case "zeros":
            await client.send(bytes(_ZEROS))
        case "unknown":
            await client.send(bytes([4, _UNKNOWN_RTYPE]) + bytes(14))
        case "drop":
            await _drop(client, max(1, fault.count))
        case _:
            return await _damage(fault, client)
    return True


async def _drop(client: Client, left: int) -> None:
    while left > 0 and (raw := await client.taken(left)):
        left -= len(split(raw))


async def _damage(fault: Fault, client: Client) -> bool:
    """Faults that do something to the records that come next."""
    raw = await client.taken(max(1, fault.count) if fault.kind in _OF_RECORDS else 1)
    if not raw:
        return False
    match fault.kind:
        case "partial":
            await client.send(raw[: min(fault.count or len(raw) // 2, len(raw) - 1)])
            return False
        case "duplicate":
            await client.send(raw + raw)
        case "reorder":
            await client.send(b"".join(reversed(split(raw))))
        case "flip":
            await client.send(flipped(raw, fault.bit))
        case "trickle":
            for at in range(0, len(raw), fault.size):
                await client.send(raw[at : at + fault.size])
                await asyncio.sleep(fault.seconds)
        case _:
            raise AssertionError(f"{fault.kind} happens nowhere")
    return True


_OF_RECORDS = ("duplicate", "reorder", "trickle")


def split(raw: bytes) -> list[bytes]:
    """The records in `raw`."""
    parts = []
    at = 0
    while at < len(raw):
        parts.append(raw[at : at + raw[at] * 4])
        at += raw[at] * 4
    return parts


def flipped(raw: bytes, bit: int) -> bytes:
    """`raw` with one bit turned; counted round where it is shorter."""
    damaged = bytearray(raw)
    damaged[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(damaged)


def wrong_header(raw: bytes, how: str) -> bytes:
    """A header that is not what was agreed: of another version, dataset, form, or none at all."""
    damaged = bytearray(raw)
    match how:
        case "version":
            damaged[3] = 9
        case "dataset":
            damaged[8:24] = b"XNAS.ITCH".ljust(16, b"\0")
        case "ts_out":
            damaged[52] ^= 1
        case "length":
            damaged[4:8] = (2**32 - 1).to_bytes(4, "little")
        case _:
            damaged[:3] = b"XXX"
    return bytes(damaged)
