"""The gateway: listens, lets clients in, and moves the market."""

import asyncio
import logging
import socket
from dataclasses import dataclass
from time import monotonic

from operators.model.errors import ConfigError, DecodeError
from simulator.gateway.config import GatewayConfig
from simulator.gateway.door import Door
from simulator.gateway.faults import Faults
from simulator.gateway.link import Link
from simulator.gateway.market import Market
from simulator.gateway.place import Place
from simulator.gateway.session import Session
from simulator.gateway.subscribed import Subscribed

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What clients did so far."""

    connects: int = 0
    """Connections accepted,"""
    too_fast: int = 0
    """those of them closed at once, since there were too many in a second,"""
    refused: int = 0
    """and those that were not let in."""
    sessions: int = 0
    records: int = 0
    """Of the market, sent in sessions that have ended."""
    defects: int = 0
    """Connections that ended by a mistake of ours; its traceback is in the log."""


class Gateway:
    """One listening socket and its sessions, in one event loop."""

    def __init__(self, config: GatewayConfig, market: Market) -> None:
        self.config = config
        self.market = market
        market.prepare()
        # The kernel that every session runs, before a client waits for it.
        Place(market, Subscribed(), ts_out=False).warm_up()
        self.faults = Faults()
        self.counts = Counts()
        self._door = Door(config)
        self._sessions: set[Session] = set()
        self._clients: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = config.port

    @property
    def open_sessions(self) -> int:
        """Sessions now."""
        return len(self._sessions)

    def listen(self) -> None:
        """Take the port.

        Raises:
            ConfigError: it is taken, or the address is none of this machine.
        """
        host = self.config.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, self.port))
            listener.listen(64)
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"port {self.port} on {host} cannot be used: {error.strerror};"
                " choose another with --port, 0 for any that is free"
            ) from None
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener

    async def run(self) -> None:
        """Serve until cancelled; everything is closed then."""
        self._loop = asyncio.get_running_loop()
        self.faults.on_added = self._on_fault
        if self._listener is None:
            self.listen()
        self._accept_on()
        self._suffer()
        if self.market.config.sessions_first == 0:
            self.market.start()
        try:
            await self._move()
        finally:
            self.stop_listening()
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            self._loop = None

    def stop_listening(self) -> None:
        """Give the port back: connects are refused."""
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _accept_on(self) -> None:
        if self._listener is None:
            self.listen()
        if self._accepting is None and self._listener is not None:
            self._accepting = asyncio.create_task(self._accept(self._listener))

    def _on_fault(self) -> None:
        """In the thread that asked for it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._suffer)

    def _suffer(self) -> None:
        """Let happen what concerns the gateway as a whole; sessions look for themselves."""
        while (fault := self.faults.take_of_gateway()) is not None:
            if fault.kind == "refuse":
                self.stop_listening()
                if fault.seconds and self._loop is not None:
                    self._loop.call_later(fault.seconds, self._accept_on)
            else:
                self._accept_on()
        for session in self._sessions:
            session.wake()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, address = await loop.sock_accept(listener)
            self.counts.connects += 1
            task = asyncio.create_task(self._serve(sock, str(address[0])))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, sock: socket.socket, address: str) -> None:
        """One connection from accept to close; what goes wrong with it ends it alone."""
        link = Link(sock, self.config.send_buffer_bytes)
        try:
            if self._door.is_too_fast(address, monotonic()):
                self.counts.too_fast += 1
                return
            if self.faults.take_one("hang_up"):
                return
            if self.faults.take_one("silent"):
                while await link.lines() is not None:
                    pass
                return
            await self._let_in(link)
        except* (OSError, TimeoutError) as errors:
            logger.debug("a connection was lost: %s", errors.exceptions[0])
        except* DecodeError as errors:
            logger.info("a client was not understood: %s", errors.exceptions[0])
        except* Exception:
            # The others go on, and the client sees a lost connection.
            logger.exception("a connection ended by a defect")
            self.counts.defects += 1
        finally:
            link.close()

    async def _let_in(self, link: Link) -> None:
        async with asyncio.timeout(self.config.authentication_s):
            guest = await self._door.welcome(link, self.faults)
        if guest is None:
            self.counts.refused += 1
            return
        session = Session(self.config, self.market, self.faults, link, guest)
        self._sessions.add(session)
        self.counts.sessions += 1
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._door.leave(guest)
            self.counts.records += session.sent_records

    async def _move(self) -> None:
        """Let the market go on, and tell the sessions."""
        market = self.market
        before = (0, False, False)
        while True:
            wait_s = market.step()
            now = (market.released, market.is_running, market.is_over)
            if now != before:
                before = now
                for session in self._sessions:
                    session.wake()
            await asyncio.sleep(wait_s)
