"""The simulated exchange as a market without end: one trading day after the other."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from databento_dbn import StatMsg, StatType

from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S, PRICE_UNDEF, TS_UNDEF
from simulator.gateway.directory import Directory, Instrument
from simulator.gateway.log import Log, Words
from simulator.instruments import InstrumentSpec
from simulator.simulation import Simulation, SimulationConfig, session
from simulator.tape import PUBLISHER, TapeForm, definition, reference_records

_SLICE_NS: Final = NS_PER_S // 4
"""Market time simulated at once, at least."""
_QUANTITY_UNDEF: Final = 2**63 - 1


class Exchange:
    """A supply. State: the simulation of the current day; the same config gives the same bytes.

    A day is the config's stretch of time, which must end by itself; the next one follows at once.
    It begins with each instrument's definition, status and statistics, and with its book.
    """

    def __init__(self, config: SimulationConfig, directory: Directory) -> None:
        """Lists the instruments of the first day.

        Raises:
            ConfigError: see Simulation, or the days would have no end.
        """
        if config.duration_s is None:
            raise ConfigError("minutes: expected how long a trading day is, found none")
        self._config = config
        self._day = 0
        self._simulation = Simulation(config)
        self._has_opened = False
        self._until_ns = config.start_ns
        for spec in self._simulation.specs:
            directory.add(listed(spec))

    @property
    def simulation(self) -> Simulation:
        """Of the current day."""
        return self._simulation

    def fill(self, log: Log, until_ns: int) -> bool:
        """Append what happens up to about `until_ns`; never ends.

        Where the day ends before, the next one's opening follows, though it is far away.
        """
        if not self._has_opened:
            self._open(log)
        while self._until_ns < until_ns:
            if self._simulation.is_over(self._until_ns):
                self._day += 1
                self._simulation = Simulation(session(self._config, self._day))
                self._open(log)
            else:
                self._until_ns = max(until_ns, self._until_ns + _SLICE_NS)
                for rows in self._simulation.live_rows(self._until_ns):
                    log.append(np.frombuffer(rows.tobytes(), np.uint32))
        return True

    def _open(self, log: Log) -> None:
        start_ns = self._simulation.config.start_ns
        self._has_opened = True
        self._until_ns = start_ns
        log.append(_words(reference(self._simulation.specs, start_ns)))
        for rows in self._simulation.opening_rows():
            log.append(np.frombuffer(rows.tobytes(), np.uint32))


def listed(spec: InstrumentSpec) -> Instrument:
    """What the directory says of an instrument of the exchange."""
    return Instrument(
        spec.instrument_id, spec.symbol, spec.root, spec.instrument_class, spec.expiration_ns
    )


def reference(specs: list[InstrumentSpec], ts: int) -> Iterable[bytes]:
    """Definition, status and yesterday's statistics of every instrument."""
    for spec in specs:
        yield bytes(definition(spec, ts))
    yield from reference_records(specs, ts, TapeForm(definitions=False, status=True))
    for spec in specs:
        settled = StatType.from_int(3)
        yield statistic(spec, ts, settled, price=spec.price_e9, quantity=_QUANTITY_UNDEF)
        open_interest = round(100_000 * spec.weight)
        interest = StatType.from_int(9)
        yield statistic(spec, ts, interest, price=PRICE_UNDEF, quantity=open_interest)


def statistic(
    spec: InstrumentSpec, ts: int, stat_type: StatType, *, price: int, quantity: int
) -> bytes:
    """One statistic; what is undefined is given so."""
    return bytes(
        StatMsg(
            publisher_id=PUBLISHER,
            instrument_id=spec.instrument_id,
            ts_event=ts,
            ts_recv=ts,
            ts_ref=TS_UNDEF,
            price=price,
            quantity=quantity,
            stat_type=stat_type,
            channel_id=spec.channel_id,
        )
    )


def _words(parts: Iterable[bytes]) -> Words:
    return np.frombuffer(b"".join(parts), np.uint32)
