"""One client's session: its subscriptions, its own place in the market, and what it is sent.

Memory: one MiB of records on their way, whatever the client does. A client that reads slowly is
behind; nothing is left out for it.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Final

import numpy as np
import zstandard

from connectors.databento.control import START_SESSION, Subscription, parse_line
from operators.model.errors import DecodeError
from simulator.gateway import records
from simulator.gateway.config import GatewayConfig
from simulator.gateway.door import Guest
from simulator.gateway.link import Bytes, Link
from simulator.gateway.market import STEP_WORDS, Market
from simulator.gateway.records import ErrorCode
from simulator.gateway.select_kernel import select
from simulator.gateway.subscribed import COLUMNS, Mapping, Subscribed

_EVERYTHING: Final = 2**62


class Session:
    """From authentication to the end. State: subscriptions, and a place in the market's log."""

    def __init__(self, config: GatewayConfig, market: Market, link: Link, guest: Guest) -> None:
        self._config = config
        self._market = market
        self._link = link
        self._guest = guest
        self._subscribed = Subscribed()
        self._tables = self._subscribed.tables()
        self._said: deque[bytes] = deque()
        self._mappings: deque[Mapping] = deque()
        self._lines = 0
        self._line_due_s = 0.0
        self._started = False
        self._ending = False
        self._gone = False
        self._wake = asyncio.Event()
        self._position = 0
        self._live_from = _EVERYTHING
        self._replay: list[str] = []
        self._warned_s = 0.0
        self._ts_out = guest.asked.ts_out
        self._out = np.zeros(2 * STEP_WORDS, np.uint32)
        self._zstd = (
            zstandard.ZstdCompressor(level=1).compressobj()
            if guest.asked.compression == "zstd"
            else None
        )
        self.sent_records = 0
        """Records of the market sent so far."""

    def wake(self) -> None:
        """The market has moved."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until either side ends.

        Raises:
            OSError: the connection is lost.
            DecodeError: what the client says is no line of the protocol.
        """
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read())
            try:
                await self._serve()
                self._link.finish()
            finally:
                reading.cancel()

    async def _read(self) -> None:
        while (lines := await self._link.lines()) is not None:
            for line in lines:
                if line:
                    await self._on_line(line)
        self._gone = True
        self._wake.set()

    async def _on_line(self, line: bytes) -> None:
        fields = parse_line(line)
        if START_SESSION in fields:
            self._start()
            return
        self._lines += 1
        wait_s = self._line_due_s - monotonic()
        if wait_s > 0:
            # More than allowed are delayed, not refused: the client is not read on.
            await asyncio.sleep(wait_s)
        self._line_due_s = max(self._line_due_s, monotonic()) + (
            1 / self._config.subscriptions_per_s
        )
        try:
            self._subscribe(Subscription.parse(fields))
        except DecodeError as error:
            self._fail(ErrorCode.INVALID_SUBSCRIPTION, str(error))
        self._wake.set()

    def _subscribe(self, asked: Subscription) -> None:
        now = self._market.clock_ns()
        if asked.schema not in COLUMNS:
            raise DecodeError(f"schema {asked.schema} is not served, only {', '.join(COLUMNS)}")
        if asked.snapshot and (asked.start_ns is not None or asked.schema != "mbo"):
            raise DecodeError("snapshot=1 needs schema mbo, and no start")
        if self._lines > self._config.subscriptions_max:
            raise DecodeError(f"more than {self._config.subscriptions_max} subscriptions")
        mappings, unknown = self._subscribed.add(
            asked, self._market.directory, now, live=self._started
        )
        self._tables = self._subscribed.tables()
        self._mappings.extend(mappings)
        if asked.is_last:
            number = asked.id or 0
            self._said.append(records.acknowledgement(now, number, asked.schema))
        for k, symbol in enumerate(unknown):
            text = f"Failed to resolve symbol {symbol}"
            code = ErrorCode.SYMBOL_RESOLUTION_FAILED
            last = k == len(unknown) - 1
            self._said.append(records.error(now, code, text, is_last=last))

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        self._market.start()
        self._position = self._live_from = self._market.released
        start_ns = self._subscribed.start_ns
        if start_ns is not None:
            self._position = min(self._market.log.seek(start_ns), self._live_from)
            self._replay = list(self._subscribed.schemas_replayed)
        self._wake.set()

    def _fail(self, code: ErrorCode, text: str) -> None:
        """Say what is wrong, then end where the code says so."""
        self._said.append(records.error(self._market.clock_ns(), code, text))
        self._ending = self._ending or code not in records.GOES_ON

    async def _serve(self) -> None:
        while not (self._started or self._gone):
            await self._pause(None)
        if self._gone:
            return
        head = records.header(self._config.dataset, self._market.clock_ns(), ts_out=self._ts_out)
        await self._send(head)
        while not self._gone:
            data = self._next()
            if data is not None:
                await self._send(data)
                # Sending may never wait; the other sessions and the market have their turn.
                await asyncio.sleep(0)
            elif self._ending or (self._config.close_at_end and self._market.is_over):
                return
            elif not await self._pause(self._guest.heartbeat_s):
                await self._send(self._stamped(records.heartbeat(self._market.clock_ns())))

    async def _pause(self, seconds: float | None) -> bool:
        """Wait until something happens; False if nothing did for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    def _next(self) -> Bytes | None:
        """What is to be sent next; None if there is nothing."""
        if self._said or self._mappings:
            return self._own()
        if self._ending:
            return None
        while self._position < self._market.released or self._pull():
            if data := self._records():
                return data
            if self._said or self._mappings:
                return self._own()
        if self._replay:
            now = self._market.clock_ns()
            self._said.extend(records.replay_completed(now, each) for each in self._replay)
            self._replay = []
            return self._own()
        return None

    def _pull(self) -> bool:
        return not self._replay and self._market.pull()

    def _own(self) -> bytes:
        """What the gateway itself says: acknowledgements, errors, then mappings."""
        now = self._market.clock_ns()
        said = [self._stamped(raw) for raw in self._said]
        for each in self._mappings:
            raw = records.mapping(now, each.instrument_id, each.subscription, each.symbol)
            said.append(self._stamped(raw))
        self._said.clear()
        self._mappings.clear()
        return b"".join(said)

    def _records(self) -> memoryview | None:
        """The market's next records that the client subscribed to; None if there is none."""
        stop = self._live_from if self._replay else self._market.released
        words = self._market.log.read(self._position, min(STEP_WORDS, stop - self._position))
        at, written, count, _, mapped = select(
            words,
            self._position,
            self._live_from,
            self._tables.ids,
            self._tables.starts,
            self._tables.other,
            self._market.clock_ns() if self._ts_out else -1,
            _EVERYTHING,
            self._out,
        )
        self._position += at
        self.sent_records += count
        if mapped:
            length = int(words[at]) & 0xFF
            self._mappings.extend(
                self._subscribed.rename(*records.mapped(words[at : at + length].tobytes()))
            )
            self._position += length
        return self._out[:written].data.cast("B") if written else None

    def _stamped(self, raw: bytes) -> bytes:
        if not self._ts_out:
            return raw
        sent_ns = self._market.clock_ns().to_bytes(8, "little")
        return bytes([raw[0] + 2]) + raw[1:] + sent_ns

    async def _send(self, data: Bytes) -> None:
        if self._zstd is not None:
            # A flushed block is all that the client needs to read on.
            data = self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        await self._link.send(data)
        self._warn_if_slow()

    def _warn_if_slow(self) -> None:
        """After sending: a live client that is far behind is told, from time to time."""
        behind = self._market.released - self._position
        if self._replay or not self._started or behind < self._config.slow_words:
            return
        if (now_s := monotonic()) >= self._warned_s:
            self._warned_s = now_s + self._config.slow_warning_s
            self._said.append(records.slow_reader(self._market.clock_ns(), "mbo"))
