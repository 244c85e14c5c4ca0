"""A request to the endpoint, read and judged: what is asked for, or why it is refused. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from operators.model.records import NS_PER_S
from simulator.historical.archive import SCHEMAS, Listing

SYMBOLS_MAX: Final = 2_000
STYPES: Final = ("raw_symbol", "instrument_id", "parent", "continuous")
ALL: Final = "ALL_SYMBOLS"
FUTURES: Final = frozenset({"F", "S"})
OPTIONS: Final = frozenset({"C", "P", "T", "M"})


class Refused(Exception):
    """A refusal in the form of the service's own: status, case, one sentence."""

    def __init__(self, status: int, case: str, message: str, **payload: object) -> None:
        super().__init__(message)
        self.status = status
        self.case = case
        self.payload = payload

    def body(self) -> dict[str, Any]:
        """JSON that the client makes its error of."""
        detail = {"case": self.case, "message": str(self), "status_code": self.status}
        return {"detail": {**detail, "docs": "", "payload": self.payload}}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    dataset: str
    schema: str
    stype_in: str
    symbols: tuple[str, ...]
    """As asked for; empty: all."""
    start_ns: int
    stop_ns: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Instruments that symbols stand for."""

    ids: frozenset[int] | None
    """None: all."""
    names: dict[int, str]
    """Instrument id → its name in the answer's header."""
    not_found: tuple[str, ...]


def parse_query(form: Mapping[str, str], dataset: str, available_ns: tuple[int, int]) -> Query:
    """The query in a form, of which every field comes from outside.

    Args:
        form: fields of the request.
        dataset: the one that is served.
        available_ns: first moment, and the one the licence reaches to.

    Raises:
        Refused: with the status and the case that the service would answer.
    """
    if (asked := form.get("dataset", "")) != dataset:
        text = f"A license is required to access the dataset {asked}."
        raise Refused(403, "license_not_found_unauthorized", text)
    schema, stype = form.get("schema", "trades"), form.get("stype_in", "raw_symbol")
    if schema not in SCHEMAS:
        raise Refused(422, "data_schema_not_supported", f"The schema {schema} is not served here.")
    if stype not in STYPES or form.get("stype_out", "instrument_id") != "instrument_id":
        raise Refused(422, "symbology_invalid_request", "Invalid combination of symbol types.")
    symbols = tuple(each for each in form.get("symbols", ALL).upper().split(",") if each)
    if stype == "continuous":
        symbols = tuple(re.sub(r"\.([CVN])\.", lambda m: m[0].lower(), each) for each in symbols)
    if len(symbols) > SYMBOLS_MAX:
        text = f"{len(symbols)} symbols requested, at most {SYMBOLS_MAX} are allowed."
        raise Refused(422, "symbology_too_many_symbols", text)
    start_ns, stop_ns = _range(form, dataset, available_ns)
    limit = form.get("limit")
    return Query(
        dataset=dataset,
        schema=schema,
        stype_in=stype,
        symbols=() if ALL in symbols else symbols,
        start_ns=start_ns,
        stop_ns=stop_ns,
        limit=int(limit) if limit is not None and limit.isdigit() else None,
    )


def _range(form: Mapping[str, str], dataset: str, available_ns: tuple[int, int]) -> tuple[int, int]:
    start_ns = moment_ns(form.get("start", ""))
    stop_ns = moment_ns(form["end"]) if form.get("end") else available_ns[1]
    until = text_of(available_ns[1])
    facts = {"dataset": dataset, "start": text_of(start_ns), "end": text_of(stop_ns)}
    facts |= {"available_start": text_of(available_ns[0]), "available_end": until}
    if start_ns >= stop_ns:
        text = f"The start {facts['start']} is on or after the end {facts['end']}."
        raise Refused(422, "data_time_range_start_on_or_after_end", text, **facts)
    if stop_ns > available_ns[1]:
        text = (
            f"The dataset {dataset} has data available up to '{until}'. The `end` in the query "
            f"('{facts['end']}') is after the available range. Try requesting with an earlier "
            "`end`."
        )
        raise Refused(422, "data_end_after_available_end", text, **facts)
    return start_ns, stop_ns


def resolve(listings: Mapping[int, Listing], query: Query) -> Resolved:
    """Instruments of the query's symbols.

    Raises:
        Refused: there is not one.
    """
    if not query.symbols:
        return Resolved(None, {each: listing.symbol for each, listing in listings.items()}, ())
    names: dict[int, str] = {}
    not_found = []
    for symbol in query.symbols:
        found = _matching(listings, query, symbol)
        names |= found
        if not found:
            not_found.append(symbol)
    if not names:
        text = f"None of the symbols could be resolved: {', '.join(not_found[:5])}."
        raise Refused(422, "symbology_invalid_request", text)
    return Resolved(frozenset(names), names, tuple(not_found))


def _matching(listings: Mapping[int, Listing], query: Query, symbol: str) -> dict[int, str]:
    """Instrument id → name for one symbol; a parent's are named by their own symbols."""
    if query.stype_in == "instrument_id":
        each = int(symbol) if symbol.isdigit() else -1
        return {each: listings[each].symbol} if each in listings else {}
    if query.stype_in == "raw_symbol":
        return {each: symbol for each, known in listings.items() if known.symbol == symbol}
    asset, _, kind = symbol.partition(".")
    if query.stype_in == "parent":
        classes = {"FUT": FUTURES, "OPT": OPTIONS}.get(kind, frozenset())
        return {
            each: known.symbol
            for each, known in listings.items()
            if known.asset == asset and known.instrument_class in classes
        }
    rank = kind.rpartition(".")[2]
    outright = [
        known
        for known in listings.values()
        if known.asset == asset
        and known.instrument_class == "F"
        and known.expiration_ns > query.start_ns
    ]
    outright.sort(key=lambda known: known.expiration_ns)
    at = int(rank) if rank.isdigit() else len(outright)
    return {known.instrument_id: symbol for known in outright[at : at + 1]}


def moment_ns(text: str) -> int:
    """ns since the epoch, of an integer or a date and time in ISO 8601 (UTC if it says nothing).

    Raises:
        Refused: it is neither.
    """
    if text.isdigit() and len(text) <= 20:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, "data_time_invalid", f"Not a time: '{text[:40]}'.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * NS_PER_S + moment.microsecond * 1_000


def text_of(ts_ns: int) -> str:
    """ISO 8601 with nanoseconds, as the service writes it."""
    seconds, ns = divmod(ts_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"
