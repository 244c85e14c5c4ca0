"""Faults by lines of text over TCP, for a gateway that is a process of its own.

A line is a fault as `parse_fault` reads it, or `status`, `clear` or `help`. Every line has one line
as answer: `ok`, `error: …`, or what was asked for.
"""

import asyncio
import json
from dataclasses import asdict
from typing import Final

from operators.model.errors import ConfigError
from simulator.gateway.faults import KINDS, parse_fault
from simulator.gateway.server import Gateway

_LINE_BYTES_MAX: Final = 4096


class ControlPort:
    """Listens on the gateway's own address."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        self._gateway = gateway
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = port

    async def open(self) -> None:
        """Take the port.

        Raises:
            ConfigError: it cannot be had.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, self._gateway.config.host, self.port, limit=_LINE_BYTES_MAX
            )
        except OSError as error:
            raise ConfigError(
                f"control port {self.port} cannot be used: {error.strerror}; choose another"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Give it back."""
        if self._server is not None:
            self._server.close()
            for writer in self._clients:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while line := await reader.readline():
                writer.write(self.answer(line.decode("utf-8", "replace").strip()).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            # The client left, or its line is too long.
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def answer(self, line: str) -> str:
        """Do what a line says; what there is to say of it."""
        gateway = self._gateway
        if line == "help":
            return "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
        if line == "clear":
            gateway.faults.clear()
            return "ok"
        if line == "status":
            market = gateway.market
            return json.dumps(
                asdict(gateway.counts)
                | {
                    "open": gateway.open_sessions,
                    "faults_waiting": gateway.faults.waiting,
                    "clock_ns": market.clock_ns(),
                    "is_over": market.is_over,
                }
            )
        try:
            gateway.faults.arm(parse_fault(line))
        except ValueError as error:
            return f"error: {error}"
        return "ok"
