"""One connection attempt: connect, authenticate, subscribe, start, then bytes until it is lost.

Thin: what follows from what happens is decided in `session`. The vendor's public protocol class
does the challenge and the subscription text; its hooks for received bytes are taken over, since
it would make an object of every record.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any, Final

from databento.common.error import BentoError
from databento.live.protocol import DatabentoLiveProtocol
from databento_dbn import Compression

from connectors.databento.backoff import RateLimit
from connectors.databento.inbox import Inbox, LinkEvent
from connectors.databento.live_config import Subscription
from connectors.databento.loop import LoopThread
from operators.model.records import NS_PER_S

READ_BYTES: Final = 1024 * 1024
"""Most that is read at once."""
TEXT_BYTES_MAX: Final = 64 * 1024
"""Greeting, challenge and answer are a few lines."""
RECEIVE_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""The kernel's: smooths bursts."""
_SHOWN_CHARACTERS: Final = 120

# What it logs is told as events; without a handler Python would write it to stderr.
logging.getLogger("databento").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """Where to connect, as whom and for what."""

    host: str
    port: int
    key: str = field(repr=False)
    dataset: str
    ts_out: bool
    compression: str
    heartbeat_interval_s: int
    subscriptions: tuple[Subscription, ...]
    subscriptions_per_s: int
    connect_timeout_s: float
    auth_timeout_s: float
    silence_s: float
    """Seconds without a byte after which the connection is dead, from the start of the session."""


class RawFeed(DatabentoLiveProtocol):
    """The vendor's protocol for the text, raw bytes from then on."""

    def __init__(self, plan: LinkPlan, on_bytes: Callable[[bytes], None]) -> None:
        super().__init__(
            api_key=plan.key,
            dataset=plan.dataset,
            ts_out=plan.ts_out,
            heartbeat_interval_s=plan.heartbeat_interval_s,
            compression=Compression.from_str(plan.compression),
        )
        self.strange = ""
        """Why what came is no gateway's text; empty if it was."""
        self._on_bytes = on_bytes
        self._own = bytearray(READ_BYTES)
        self._own_view = memoryview(self._own)
        self._is_raw = False
        self._text_bytes = 0

    def get_buffer(self, sizehint: int) -> bytearray:
        """The base's buffer for text, one of our own for records."""
        self._is_raw = self.authenticated.done()
        return self._own if self._is_raw else super().get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        """Pass bytes on; nothing is raised here, since asyncio would log it and close."""
        if self._is_raw:
            # A copy: the buffer is used again.
            self._on_bytes(bytes(self._own_view[:nbytes]))
            return
        self._text_bytes += nbytes
        try:
            if self._text_bytes > TEXT_BYTES_MAX:
                raise ValueError(f"more than {TEXT_BYTES_MAX} bytes before the answer to the key")
            super().buffer_updated(nbytes)
        # The base raises whatever its parsing of foreign text meets.
        except Exception as error:  # noqa: BLE001
            self.strange = str(error)[:_SHOWN_CHARACTERS] or type(error).__name__
            self.transport.abort()


class Link:
    """A connection attempt. `open` and `abort` may be called from any thread."""

    def __init__(self, plan: LinkPlan, inbox: Inbox, loop: LoopThread) -> None:
        self.inbox = inbox
        self._plan = plan
        self._thread = loop
        self._task: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._feed: RawFeed | None = None
        self._is_paused = False
        self._heard_s = 0.0
        inbox.on_room = self._on_room

    def open(self) -> None:
        """Begin; everything that happens is told to the inbox."""
        self._task = self._thread.run(self._run())

    def abort(self) -> None:
        """Give it up: nothing more is told. Without effect on one that is over."""
        self.inbox.on_room = None
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        plan = self._plan
        self._loop = loop = asyncio.get_running_loop()
        await self._thread.turn()
        try:
            async with asyncio.timeout(plan.connect_timeout_s):
                _, feed = await loop.create_connection(
                    lambda: RawFeed(plan, self._on_bytes), plan.host, plan.port
                )
        except TimeoutError:
            self._lost(f"no connection within {plan.connect_timeout_s:g} s")
            return
        except OSError as error:
            self._lost(f"no connection: {error.strerror or error}")
            return
        self._feed = feed
        try:
            self._tell("connected")
            if await self._authenticate(feed):
                await self._subscribe(feed)
                await self._listen(feed)
        finally:
            feed.transport.abort()
            for future in (feed.authenticated, feed.disconnected):
                # Asked for, so that asyncio does not complain that nobody did.
                if future.done() and not future.cancelled():
                    future.exception()

    async def _authenticate(self, feed: RawFeed) -> bool:
        """Whether the key was accepted; otherwise it has been told why not."""
        wait: set[asyncio.Future[Any]] = {feed.authenticated, feed.disconnected}
        limit_s = self._plan.auth_timeout_s
        await asyncio.wait(wait, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if feed.strange:
            self._tell("strange", feed.strange)
        elif feed.authenticated.done():
            if (error := feed.authenticated.exception()) is not None:
                self._tell("refused", str(error.args[0] if error.args else error))
                return False
            with suppress(OSError):
                feed.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES
                )
            self._tell("authenticated", feed.authenticated.result() or "")
            return True
        elif feed.disconnected.done():
            self._lost(_ended(feed, "before the answer to the key"))
        else:
            self._lost(f"no answer to the key within {limit_s:g} s")
        return False

    async def _subscribe(self, feed: RawFeed) -> None:
        """Ask for everything, paced, then start: a `start` counts only in what comes before."""
        turns = RateLimit(self._plan.subscriptions_per_s)
        for number, each in enumerate(self._plan.subscriptions, 1):
            await asyncio.sleep(turns.book_ns(monotonic_ns()) / NS_PER_S)
            feed.subscribe(
                schema=each.schema,
                symbols=list(each.symbols),
                stype_in=each.stype_in,
                start=each.start_ns,
                snapshot=each.snapshot,
                subscription_id=number,
            )
        feed.start()
        self._tell("started")

    async def _listen(self, feed: RawFeed) -> None:
        """Until it is lost, or silent for too long, which counts from the start."""
        assert self._loop is not None
        self._heard_s = self._loop.time()
        limit_s = self._plan.silence_s
        while not feed.disconnected.done():
            left_s = self._heard_s + limit_s - self._loop.time()
            if self._is_paused:
                # Nobody reads: silence says nothing.
                left_s = limit_s
            if left_s <= 0:
                self._lost(f"silent for {limit_s:g} s")
                return
            await asyncio.wait({feed.disconnected}, timeout=left_s)
        self._lost(_ended(feed, "by the gateway"))

    def _on_bytes(self, data: bytes) -> None:
        assert self._loop is not None
        self._heard_s = self._loop.time()
        if not self.inbox.put(data):
            self._is_paused = True
            assert self._feed is not None
            self._feed.transport.pause_reading()

    def _on_room(self) -> None:
        """From the worker's thread."""
        assert self._loop is not None
        # The loop may just have been stopped.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        assert self._loop is not None
        self._is_paused = False
        self._heard_s = self._loop.time()
        if self._feed is not None:
            self._feed.transport.resume_reading()

    def _lost(self, text: str) -> None:
        self._tell("lost", text)

    def _tell(self, kind: str, text: str = "") -> None:
        self.inbox.tell(LinkEvent(kind, text))  # type: ignore[arg-type]


def _ended(feed: RawFeed, whose: str) -> str:
    """How a connection ended that has ended."""
    error = feed.disconnected.exception()
    if error is None:
        return f"closed {whose}"
    if isinstance(error, BentoError):
        return f"closed {whose}: {error}"
    return f"broken: {getattr(error, 'strerror', None) or error}"
