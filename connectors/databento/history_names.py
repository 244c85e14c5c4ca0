"""Names in history: headers and definitions become the mapping records a live session sends.

A live session says what an instrument is called, and which subscription brought it, before its
first record; history says it in the header of each answer. State: the newest definition's names,
and what was said last, for each instrument.
"""

from dataclasses import dataclass
from typing import Final

from connectors.databento.header import Header
from connectors.databento.history_plan import Request
from connectors.databento.messages import decode_message, mapping_record
from operators.model.items import Definition

_FUTURES: Final = frozenset({"F", "S"})
_OPTIONS: Final = frozenset({"C", "P", "T", "M"})
_NAMED: Final = frozenset({"raw_symbol", "parent", "continuous"})
"""Symbol types whose headers hold names; definitions name what is asked for by its id."""


@dataclass(frozen=True, slots=True)
class _Defined:
    symbol: str
    parent: str


class HistoryNames:
    """Decides which mapping records are due."""

    def __init__(self) -> None:
        self._defined: dict[int, _Defined] = {}
        self._said: dict[int, tuple[str, str]] = {}

    def learn(self, raw: bytes) -> None:
        """Take the names from a definition, DBN v3."""
        item = decode_message("", raw)
        assert isinstance(item, Definition)
        kind = item.instrument_class
        family = "FUT" if kind in _FUTURES else "OPT" if kind in _OPTIONS else ""
        parent = f"{item.asset}.{family}" if family else ""
        self._defined[item.instrument_id] = _Defined(item.symbol, parent)

    def mappings(self, header: Header, request: Request, ts_ns: int) -> list[bytes]:
        """Records for what an answer's header says newly, as of `ts_ns`.

        Args:
            header: of an answer that begins at `ts_ns`.
            request: what it answers.
            ts_ns: ts_event of the records.
        """
        if request.stype not in _NAMED:
            return []
        due = []
        for each in sorted(header.intervals, key=lambda interval: interval.start_ns):
            if each.start_ns > ts_ns:
                continue
            names = self._names(each.instrument_id, each.symbol, request)
            if self._said.get(each.instrument_id) != names:
                self._said[each.instrument_id] = names
                due.append(mapping_record(each.instrument_id, ts_ns, *names))
        return due

    def _names(self, instrument_id: int, named: str, request: Request) -> tuple[str, str]:
        """Subscription and symbol; the header of a parent's answer names instruments themselves."""
        defined = self._defined.get(instrument_id)
        if request.stype == "continuous":
            # The id where no definition has come: the subscription alone is then a name.
            return named, defined.symbol if defined else str(instrument_id)
        if request.stype == "raw_symbol":
            return named, named
        parents = request.symbols
        if len(parents) == 1:
            return parents[0], named
        known = defined.parent if defined else ""
        return (known if known in parents else ""), named
