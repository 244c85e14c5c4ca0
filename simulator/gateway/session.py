"""One client's session: what it asks for, and what it is told.

A client that reads slowly is behind; nothing is left out for it, and nothing is held for it but the
MiB on its way.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Final

import zstandard

from connectors.databento.control import START_SESSION, Subscription, parse_line
from operators.model.errors import DecodeError
from simulator.gateway import records
from simulator.gateway.config import GatewayConfig
from simulator.gateway.door import Guest
from simulator.gateway.faults import Faults
from simulator.gateway.link import Bytes, Link
from simulator.gateway.market import Market
from simulator.gateway.mischief import commit, wrong_header
from simulator.gateway.place import MANY, Place
from simulator.gateway.records import ErrorCode
from simulator.gateway.subscribed import COLUMNS, Mapping, Subscribed

_LISTED_MAX: Final = 2_000
"""Mappings sent at once."""


class Session:
    """From authentication to the end. State: subscriptions, what is to be said, and a place."""

    def __init__(
        self, config: GatewayConfig, market: Market, faults: Faults, link: Link, guest: Guest
    ) -> None:
        self._config = config
        self._market = market
        self._faults = faults
        self.link = link
        self._guest = guest
        self.number = guest.number
        self._ts_out = guest.asked.ts_out
        self._subscribed = Subscribed()
        self._place = Place(market, self._subscribed, ts_out=self._ts_out)
        self._said: deque[bytes] = deque()
        self._mappings: deque[Mapping] = deque()
        self._lines = 0
        self._line_due_s = 0.0
        self._started = False
        self._ending = False
        self._gone = False
        self._wake = asyncio.Event()
        self._warned_s = 0.0
        self._zstd = None
        if guest.asked.compression == "zstd":
            self._zstd = zstandard.ZstdCompressor(level=1).compressobj()

    @property
    def sent_records(self) -> int:
        """Records of the market so far."""
        return self._place.passed

    def wake(self) -> None:
        """The market has moved, or there is a fault."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until either side ends.

        Raises:
            ExceptionGroup: of OSError where the connection is lost, of DecodeError where the client
                says what is no line of the protocol.
        """
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read())
            try:
                await self._serve()
                self.link.finish()
            finally:
                self._faults.left(self.number)
                reading.cancel()

    # What the client says.

    async def _read(self) -> None:
        while (lines := await self.link.lines()) is not None:
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
        now_s = monotonic()
        if self._line_due_s > now_s:
            # More than allowed are delayed, not refused: the client is not read on.
            await asyncio.sleep(self._line_due_s - now_s)
        self._line_due_s = max(self._line_due_s, now_s) + 1 / self._config.subscriptions_per_s
        try:
            self._subscribe(Subscription.parse(fields))
        except DecodeError as error:
            self.fail(ErrorCode.INVALID_SUBSCRIPTION, str(error))
        self._wake.set()

    def _subscribe(self, asked: Subscription) -> None:
        if asked.schema not in COLUMNS:
            raise DecodeError(f"schema {asked.schema} is not served, only {', '.join(COLUMNS)}")
        if asked.snapshot and (asked.start_ns is not None or asked.schema != "mbo"):
            raise DecodeError("snapshot=1 needs schema mbo, and no start")
        if self._lines > self._config.subscriptions_max:
            raise DecodeError(f"more than {self._config.subscriptions_max} subscriptions")
        mappings, unknown = self._subscribed.add(
            asked, self._market.directory, self._market.clock_ns(), live=self._started
        )
        self._place.resubscribed()
        self._mappings.extend(mappings)
        now = self._now()
        if asked.is_last:
            self._said.append(records.acknowledgement(now, asked.id or 0, asked.schema))
        for symbol in unknown:
            text = f"Failed to resolve symbol {symbol}"
            is_last = symbol == unknown[-1]
            code = ErrorCode.SYMBOL_RESOLUTION_FAILED
            self._said.append(records.error(now, code, text, is_last=is_last))

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        self._market.start()
        if self._subscribed.snapshot_ids:
            self._market.settle()
        self._place.start()
        if self._faults.take_one("instruments", self.number):
            self._place.by_instrument = True
        aged_out = self._place.replaying and self._faults.take_one("aged_out", self.number)
        # All there is can always be had; a moment before that cannot.
        if aged_out or self._market.has_forgotten(self._subscribed.start_ns):
            self.fail(ErrorCode.REPLAY_DATA_AGED_OUT, "Replay data aged out")
        self._faults.joined(self.number)
        self._wake.set()

    def fail(self, code: ErrorCode, text: str) -> None:
        """Say what is wrong, then end where the code says so."""
        self._said.append(records.error(self._now(), code, text))
        self._ending = self._ending or code not in records.GOES_ON

    # What the client is told.

    def _now(self) -> int:
        return max(0, self._market.clock_ns() + self._faults.skew_ns)

    async def _serve(self) -> None:
        while not (self._started or self._gone):
            await self._pause(None)
        head = records.header(self._config.dataset, self._now(), ts_out=self._ts_out)
        if fault := self._faults.take_one("metadata", self.number):
            head = wrong_header(head, fault.text)
        await self.send(head)
        while not self._gone:
            limit = self._faults.records_until(self.number, self._place.passed, MANY)
            if limit == 0 and not self._ending:
                fault = self._faults.take(self.number, self._place.passed)
                if fault is not None and not await commit(fault, self):
                    return
            elif (data := self._next(limit)) is not None:
                await self.send(data)
                # Sending may never wait; the other sessions and the market have their turn.
                await asyncio.sleep(0)
            elif self._ending or (self._config.close_at_end and self._market.is_over):
                return
            elif not await self._pause(self._guest.heartbeat_s):
                await self.send(self._stamped(records.heartbeat(self._now())))

    async def _pause(self, seconds: float | None) -> bool:
        """Wait until something happens; False if nothing did for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    def _next(self, records_max: int) -> Bytes | None:
        """What is to be sent next; None if there is nothing."""
        if own := self._own():
            return own
        if self._ending:
            return None
        if self._place.is_aged_out:
            text = "Replay data aged out: the session was read too slowly"
            self.fail(ErrorCode.REPLAY_DATA_AGED_OUT, text)
        elif self._is_snapshot_due():
            return self._snapshot()
        elif data := self._place.records(records_max, self._faults.skew_ns):
            self._warn_if_slow()
            return data
        elif self._place.renamed:
            self._mappings.extend(self._place.renamed)
            self._place.renamed = []
        elif self._place.replaying:
            now = self._now()
            self._said.extend(records.replay_completed(now, s) for s in self._place.replaying)
            self._place.replaying = []
        return self._own() or None

    def _is_snapshot_due(self) -> bool:
        """Books go out where the client has read all that happened, between two events."""
        if not self._subscribed.snapshot_ids or self._place.replaying:
            return False
        if self._place.behind_words <= 0:
            self._market.settle()
        return self._place.behind_words <= 0

    def _snapshot(self) -> bytes:
        """The books asked for, as they are now."""
        ids, self._subscribed.snapshot_ids = self._subscribed.snapshot_ids, set()
        raw = self._market.snapshot(ids).tobytes()
        if not self._ts_out:
            return raw
        return b"".join(self._stamped(raw[at : at + 56]) for at in range(0, len(raw), 56))

    def _own(self) -> bytes:
        """What the gateway itself says: acknowledgements, errors, then mappings."""
        now = self._now()
        said = [self._stamped(raw) for raw in self._said]
        self._said.clear()
        while self._mappings and len(said) < _LISTED_MAX:
            each = self._mappings.popleft()
            raw = records.mapping(now, each.instrument_id, each.subscription, each.symbol)
            said.append(self._stamped(raw))
        return b"".join(said)

    def _stamped(self, raw: bytes) -> bytes:
        if not self._ts_out:
            return raw
        return bytes([raw[0] + 2]) + raw[1:] + self._now().to_bytes(8, "little")

    async def send(self, data: Bytes) -> None:
        """Send bytes of the stream, as fast as the client reads."""
        if self._zstd is not None:
            # A flushed block is all that the client needs to read on.
            data = self._zstd.compress(data) + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        await self.link.send(data)

    def _warn_if_slow(self) -> None:
        """A live client that is far behind is told, from time to time, after its next records."""
        if self._place.replaying or self._place.behind_words < self._config.slow_words:
            return
        if (now_s := monotonic()) >= self._warned_s:
            self._warned_s = now_s + self._config.slow_warning_s
            self._said.append(records.slow_reader(self._now(), "mbo"))

    # What faults need.

    async def taken(self, records_max: int) -> bytes:
        """The next records; what the gateway has to say first is sent. Empty if the client left."""
        while not (self._gone or self._ending):
            before = self._place.passed
            data = self._next(records_max)
            if data is None:
                await self._pause(None)
            elif self._place.passed > before:
                return bytes(data)
            else:
                await self.send(data)
        return b""

    async def until_gone(self) -> None:
        """Wait until the client closes."""
        while not self._gone:
            await self._pause(None)
