"""Option flow: trades of options with their Greeks, summed by strike and expiry over a window."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.points import Points, grown, trimmed
from operators.model.items import Definition, Instrument, Statistic
from operators.model.records import NS_PER_S
from operators.options.columns import (
    COUNTS,
    FUTURE,
    NUMBERS,
    OPTION,
    OPTION_DTYPE,
    PLAIN,
    ROOT_DTYPE,
    SECOND_DTYPE,
    STRIKE_DTYPE,
    TENOR_DTYPE,
    TRADE_DTYPE,
    USED,
)
from operators.options.flow_config import OptionFlowConfig
from operators.options.flow_kernel import (
    Bounds,
    Tables,
    follow,
    newcomers,
    outright,
    partner,
)
from operators.options.listing import Listing
from operators.options.seconds import OptionSeconds

_STATE: Final = ("kinds", "options", "tenors", "roots", "trades", "numbers")


class OptionFlow:
    """Sums of signed option trades, and what is usual for them, at the close of each second.

    A trade of q contracts by an aggressor (s = +1 bought, −1 sold) of an option with mid m before
    it, on a future with mid F (the latest row's), at T years from its expiry:

        σ:       Black-76(F, K, T, σ) = m,   solved at most once a second and option
        delta    s·q·Δ                contracts of the future
        vega     s·q·ν                points per percentage point of volatility
        premium  s·q·price            points · contracts

    Without a mid of the future, F = K + C − P at the strike where call and put are nearest. Sums
    over `window_s` are kept in integers, per option and per tenor (root, expiry, future); a tenor
    is judged at the first pane row of its root after a second in which it traded. What is usual is
    the root of the time mean of their squares, halved every `half_life_s`, over the time in which
    the tenor had trades in its window, the second that is judged left out.

    A trade whose Greeks are not known (COUNTS names the reasons) is counted, and takes its
    contracts' share off the quality of what is seen in the tenor. Delta, gamma, vega and volatility
    of an option stand in its row from when they were last needed.

    Wrong by: the future's mid is up to a second old; early exercise and interest are left out (see
    `black_76`); an order of several prices counts at its last.

    State: 217 bytes per instrument once an option is listed in the shard, 280 per tenor, 112 per
    trade in the window, at most `trades_max` a tenor.

    References:
        Signed delta and vega of option trades as demand: Bollen and Whaley 2004; Ni, Pan, Poteshman
        2008, Volatility information trading in the option market; Pan and Poteshman 2006, The
        information in option volume for future stock prices.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, config: OptionFlowConfig, state: dict[str, Any] | None = None) -> None:
        self._bounds = Bounds(
            config.window_s * NS_PER_S,
            config.stale_ns,
            config.spread_max,
            config.half_life_s,
            config.trades_max,
        )
        self._window_s = config.window_s
        self.listing = Listing(None if state is None else state["listing"])
        self._slot_of: dict[tuple[str, int], int] = {}
        self._tenors: dict[tuple[str, int, int, int], int] = {}
        if state is None or "options" not in state:
            self._tables = Tables(
                np.zeros(0, np.int8),
                np.zeros(0, OPTION_DTYPE),
                np.zeros(0, TENOR_DTYPE),
                np.zeros(0, ROOT_DTYPE),
                np.zeros(0, TRADE_DTYPE),
                np.zeros(NUMBERS, np.int64),
            )
        else:
            self._tables = Tables(*(state[name].copy() for name in _STATE))
            self._slot_of = {(feed, id_): slot for feed, id_, slot in state["slots"]}
            self._tenors = dict(state["keys"])

    def learn(self, item: Definition | Instrument | Statistic) -> None:
        """What an instrument is; one that was another before is looked up again."""
        key = self.listing.learn(item)
        if key is None:
            return
        if key in self._slot_of:
            self._unlist(self._slot_of[key])
        future = self._slot_of.get((item.feed, self.listing.of(*key).underlying_id))
        if future is not None and self._tables.kinds[future] == PLAIN:
            self._tables.kinds[future] = FUTURE

    def follow(self, feed: str, roots: int, points: Points) -> OptionSeconds | None:
        """Take in the rows; None while no option is listed in the shard."""
        if len(self.listing) == 0:
            return None
        self._hold(roots, points)
        seconds = np.zeros(32, SECOND_DTYPE)
        strikes = np.zeros(256, STRIKE_DTYPE)
        filled = np.zeros(2, np.int64)
        self._look_up_all(feed, points.rows)
        rows, start = points.rows, 0
        while True:
            start = follow(
                rows, start, points.sound, points.quality, self._tables, self._bounds,
                seconds, strikes, filled,
            )  # fmt: skip
            if start == rows.size:
                break
            seconds = grown(seconds, int(filled[0]) + 1)
            strikes = grown(strikes, int(filled[1]) + int(self._tables.tenors["options"].max()))
        seconds, strikes = seconds[: filled[0]], strikes[: filled[1]]
        seconds.flags.writeable = strikes.flags.writeable = False
        return OptionSeconds(
            feed, seconds, strikes, self._tables.tenors, self._tables.options,
            self.listing, self._window_s,
        )  # fmt: skip

    def outright(self, points: Points) -> Points:
        """The points without executions and panes of options, after `follow`."""
        places = []
        for indices in (points.executions, points.panes):
            out = np.empty(indices.size, np.int64)
            count = outright(points.rows, indices, self._tables.kinds, out)
            places.append(out[:count])
        return points._replace(executions=places[0], panes=places[1])

    def greeks(self, feed: str, instrument_id: int) -> Mapping[str, float] | None:
        """Volatility, delta, gamma and vega of an option as last needed; None if never."""
        slot = self._slot_of.get((feed, instrument_id))
        option = None if slot is None else self._tables.options[slot]
        if option is None or option["volatility"] == 0:
            return None
        return {
            "volatility": float(option["volatility"]),
            "delta": int(option["delta_e6"]) / 1e6,
            "gamma": float(option["gamma"]),
            "vega": int(option["vega_e6"]) / 1e6,
        }

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        tables = self._tables
        return {
            "listing": self.listing.snapshot(),
            "slots": tuple([(*key, slot) for key, slot in self._slot_of.items()]),
            "keys": tuple(self._tenors.items()),
            "kinds": trimmed(tables.kinds),
            "options": trimmed(tables.options),
            "tenors": trimmed(tables.tenors),
            "roots": trimmed(tables.roots),
            "trades": tables.trades[: tables.numbers[USED]].copy(),
            "numbers": tables.numbers.copy(),
        }

    @staticmethod
    def carried(state: dict[str, Any]) -> dict[str, Any]:
        """Of a snapshot, what holds in a new generation: what is listed."""
        return {"listing": state["listing"]}

    def report(self) -> dict[str, int]:
        """Option trades, how many were judged, and why the others were not."""
        return dict(zip(COUNTS, self._tables.numbers.tolist(), strict=False))

    def _hold(self, roots: int, points: Points) -> None:
        """Room for the rows' instruments and roots, and for a trade of each execution."""
        kinds, options, tenors, kept, trades, numbers = self._tables
        self._tables = Tables(
            grown(kinds, points.slots),
            grown(options, points.slots),
            tenors,
            grown(kept, roots),
            grown(trades, int(numbers[USED]) + points.executions.size),
            numbers,
        )

    def _look_up_all(self, feed: str, rows: NDArray[np.void]) -> None:
        """Instruments that come for the first time, before any of the rows counts."""
        firsts = np.empty(self._tables.kinds.size, np.int64)
        found = rows[firsts[: newcomers(rows, self._tables.kinds, firsts)]]
        columns = [found[name].tolist() for name in ("slot", "instrument_id", "root")]
        for slot, instrument_id, root in zip(*columns, strict=True):
            self._look_up(feed, slot, instrument_id, root)

    def _look_up(self, feed: str, slot: int, instrument_id: int, root: int) -> None:
        """What an instrument is; an option joins its tenor."""
        listed = self.listing.of(feed, instrument_id)
        self._slot_of[feed, instrument_id] = slot
        is_future = listed.kind == PLAIN and self.listing.is_written_on(feed, instrument_id)
        self._tables.kinds[slot] = FUTURE if is_future else listed.kind
        if is_future:
            for (of, *_, underlying_id), index in self._tenors.items():
                if underlying_id == instrument_id and of == feed:
                    self._tables.tenors["future"][index] = slot + 1
        if listed.kind != OPTION:
            return
        option = self._tables.options[slot]
        option["instrument_id"] = instrument_id
        index = self._tenor(feed, root, listed.expiry_ns, listed.underlying_id)
        tenor = self._tables.tenors[index]
        option["call"], option["strike_e9"] = listed.call, listed.strike_e9
        option["tenor"], option["next_option"] = index + 1, tenor["first_option"]
        option["second"] = option["volatility"] = 0
        tenor["first_option"] = slot + 1
        tenor["options"] += 1
        if other := partner(self._tables.options, slot):
            option["other"] = other
            self._tables.options["other"][other - 1] = slot + 1

    def _tenor(self, feed: str, root: int, expiry_ns: int, underlying_id: int) -> int:
        key = feed, root, expiry_ns, underlying_id
        index = self._tenors.get(key)
        if index is None:
            index = self._tenors[key] = len(self._tenors)
            self._tables = self._tables._replace(tenors=grown(self._tables.tenors, index + 1))
            tenor = self._tables.tenors[index]
            tenor["root"], tenor["expiry_ns"] = root, expiry_ns
            tenor["underlying_id"] = underlying_id
            tenor["future"] = self._slot_of.get((feed, underlying_id), -1) + 1
        return index

    def _unlist(self, slot: int) -> None:
        """Out of its tenor's lists; trades in the window leave in their time."""
        options, tenors = self._tables.options, self._tables.tenors
        option = options[slot]
        self._tables.kinds[slot] = 0
        if option["other"]:
            options["other"][option["other"] - 1] = 0
        if option["tenor"]:
            tenor = tenors[option["tenor"] - 1]
            tenor["options"] -= 1
            _unlink(tenor, options, slot, "first_option", "next_option")
            if option["live"]:
                _unlink(tenor, options, slot, "first_live", "next_live")
        for name in ("call", "strike_e9", "tenor", "other", "live", "volatility"):
            option[name] = 0


def _unlink(
    tenor: np.void, options: NDArray[np.void], slot: int, first: str, following: str
) -> None:
    """Take an option out of one of its tenor's lists."""
    after = int(options[following][slot])
    options[following][slot] = 0
    if tenor[first] == slot + 1:
        tenor[first] = after
        return
    place = int(tenor[first])
    while options[following][place - 1] != slot + 1:
        place = int(options[following][place - 1])
    options[following][place - 1] = after
