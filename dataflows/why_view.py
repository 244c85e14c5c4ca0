"""What `ifd why` says: the verdict, the reasons, the records and the books, as text or JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from dataflows.published_signal import PublishedSignal, Revision
from dataflows.why_replay import Depth, Replayed
from operators.book_levels import Rest
from operators.model.prices import price_text
from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S

DIFFERENCES_MAX: Final = 20
_ACTIONS: Final = {
    "A": "add", "C": "cancel", "M": "modify", "T": "trade", "F": "fill", "R": "clear", "N": "none",
}  # fmt: skip
_SIDES: Final = {"B": "bid", "A": "ask", "N": ""}


@dataclass(frozen=True, slots=True)
class Answer:
    """The published signal beside what the replay made."""

    published: PublishedSignal
    asked: Revision
    replayed: Replayed

    @property
    def compared(self) -> list[tuple[Revision, bytes | None]]:
        """Each revision up to the one asked for that the replay came by, and what it made there."""
        return [
            (each, self.replayed.values.get(each.seq))
            for each in self.published.revisions
            if self.replayed.start.seq < each.seq <= self.asked.seq
        ]

    @property
    def is_same(self) -> bool:
        """Whether all of these have the bytes that were published."""
        return all(made == each.value for each, made in self.compared)


def json_object(answer: Answer) -> dict[str, Any]:
    """All of it for a program."""
    asked, replayed = answer.asked, answer.replayed
    made = replayed.values.get(asked.seq)
    return {
        "id": asked.fields["id"],
        "revision": asked.number,
        "generation": asked.generation,
        "verdict": "same" if answer.is_same else "other",
        "published": asked.fields,
        "published_in": answer.published.origin,
        "replayed": None if made is None else json.loads(made),
        "replayed_from": replayed.start.text,
        "replayed_records": replayed.records,
        "compared": [
            {"revision": each.number, "seq": each.seq, "same": value == each.value}
            for each, value in answer.compared
        ],
        "differences": [
            {"field": path, "published": was, "replayed": now}
            for path, was, now in differences(asked, made)
        ],
        "records": [_plain_row(row) for row in replayed.rows],
        "records_before": replayed.at_row,
        "book_before": _plain_book(replayed.book_before),
        "book": _plain_book(replayed.book),
    }


def text(answer: Answer) -> str:
    """All of it for a person."""
    signal = answer.asked.fields
    head = (
        f"{signal['root']} {signal['side']} {signal['kind']}, revision {answer.asked.number} "
        f"({signal['change']}), {signal['strength']}, p = {signal['probability']:.2f} "
        f"({signal['calibration']})"
    )
    place = (
        f"at {clock(int(signal['ts_event']))} UTC, {signal['contract']['symbol']} at "
        f"{signal['price']}, quality {signal['quality']:g}, baseline {signal['baseline']} of "
        f"{signal['baseline_sessions']} sessions"
    )
    lines = [
        head,
        place,
        *(f"  {reason}" for reason in signal["reasons"]),
        "",
        *_evidence(signal["evidence"]),
        "",
        *_contributions(signal),
        "",
        *_records(answer.replayed, signal["evidence"]),
        "",
        *_books(answer.replayed, signal["contract"]["symbol"]),
        "",
        *_verdict(answer),
    ]
    return "\n".join(lines)


def differences(asked: Revision, made: bytes | None) -> list[tuple[str, Any, Any]]:
    """(field, as published, as replayed) where the two say something else; at most so many."""
    if made is None:
        return []
    found: list[tuple[str, Any, Any]] = []
    _compare("", asked.fields, json.loads(made), found)
    return found[:DIFFERENCES_MAX]


def clock(ts_ns: int) -> str:
    """UTC to the nanosecond."""
    seconds, rest = divmod(ts_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:09d}"


def _compare(path: str, was: Any, now: Any, found: list[tuple[str, Any, Any]]) -> None:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            inner = f"{path}.{name}" if path else name
            _compare(inner, was.get(name), now.get(name), found)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (a, b) in enumerate(zip(was, now, strict=True)):
            _compare(f"{path}[{number}]", a, b, found)
    elif was != now:
        found.append((path, was, now))


def _evidence(evidence: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["evidence"]
    for each in evidence:
        beyond = f"z = {each['z']:.1f}, " if each["z"] is not None else ""
        window = f" in {each['window_s']} s" if each["window_s"] else ""
        measure = (
            f"{beyond}{each['measure']:g} {each['unit']}{window}, threshold {each['threshold']:g}; "
            f"sequences {each['sequence_first']} to {each['sequence_last']} of {each['symbol']}"
        )
        lines.append(f"  {each['detector']:<18} {each['side']:<5} {each['text']}")
        lines.append(f"  {'':<24} {measure}")
        if each["order_ids"]:
            shown = ", ".join(each["order_ids"][:5])
            more = len(each["order_ids"]) - 5
            lines.append(f"  {'':<24} orders {shown}{f' and {more} more' if more > 0 else ''}")
    return lines if evidence else ["evidence", "  none"]


def _contributions(signal: dict[str, Any]) -> list[str]:
    lines = ["contributions to the log-odds", f"  {'bias':<24} {signal['bias']:+9.3f}"]
    lines += [
        f"  {each['detector']:<24} {each['log_odds']:+9.3f}" for each in signal["contributions"]
    ]
    total = signal["log_odds"]
    return [*lines, f"  {'sum':<24} {total:+9.3f}  p = {signal['probability']:.4f}"]


def _records(replayed: Replayed, evidence: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["records (* in the evidence, --- where the signal was made)"]
    # Evidence over a window has looked at all that is shown.
    ranges = [
        (each["instrument_id"], each["sequence_first"], each["sequence_last"])
        for each in evidence
        if each["window_s"] == 0
    ]
    for number, row in enumerate(replayed.rows):
        if number == replayed.at_row:
            lines.append("  ---")
        mine, sequence = int(row["instrument_id"]), int(row["sequence"])
        star = "*" if any(i == mine and a <= sequence <= b for i, a, b in ranges) else " "
        lines.append(f"{star} {_row_text(row)}")
    if replayed.rows.size and replayed.rows.size == replayed.at_row:
        lines.append("  ---")
    return lines if replayed.rows.size else [*lines, "  none"]


def _row_text(row: np.void) -> str:
    plain = _plain_row(row)
    time = clock(int(plain["ts_event"]))[11:]
    price = plain["price"] if plain["price"] is not None else ""
    end = "" if plain["last"] else " …"
    return (
        f"{time}  {plain['action']:<7}{plain['side']:<4}{plain['size']:>6} @ {price:<12} "
        f"#{plain['order_id']:<16} seq {plain['sequence']}{end}"
    )


def _plain_row(row: np.void) -> dict[str, Any]:
    price = int(row["price"])
    flags = int(row["flags"])
    return {
        "ts_event": str(int(row["ts_event"])),
        "action": _ACTIONS.get(row["action"].decode(), "?"),
        "side": _SIDES.get(row["side"].decode(), ""),
        "price": None if price == 2**63 - 1 else price_text(price),
        "size": int(row["size"]),
        "order_id": str(int(row["order_id"])),
        "sequence": int(row["sequence"]),
        "instrument_id": int(row["instrument_id"]),
        "last": bool(flags & F_LAST),
        "snapshot": bool(flags & F_SNAPSHOT),
    }


def _books(replayed: Replayed, symbol: str) -> list[str]:
    lines = [
        f"book of {symbol}: before the event, and when the signal was made (contracts, orders)"
    ]
    before, after = (_book_lines(each) for each in (replayed.book_before, replayed.book))
    height = max(len(before), len(after))
    for number in range(height):
        left = before[number] if number < len(before) else ""
        right = after[number] if number < len(after) else ""
        lines.append(f"  {left:<48}  {right}".rstrip())
    return lines if height else [*lines, "  none"]


def _book_lines(depth: Depth | None) -> list[str]:
    if depth is None:
        return []
    bids, asks = depth
    height = max(len(bids), len(asks))
    lines = []
    for number in range(height):
        bid = _level(bids[number]) if number < len(bids) else ("", "", "")
        ask = _level(asks[number]) if number < len(asks) else ("", "", "")
        left, right = f"{bid[2]:>5}{bid[1]:>6} {bid[0]:>10}", f"{ask[0]:<10} {ask[1]:<6}{ask[2]}"
        lines.append(f"{left} | {right}")
    return lines


def _level(rest: Rest) -> tuple[str, str, str]:
    """Price, contracts, orders."""
    price, size, orders = rest
    return price_text(price, decimals_min=2), str(size), f"({orders})"


def _plain_book(depth: Depth | None) -> dict[str, Any] | None:
    if depth is None:
        return None
    names = ("bids", "asks")
    return {
        name: [
            {"price": price_text(price), "size": size, "orders": orders}
            for price, size, orders in side
        ]
        for name, side in zip(names, depth, strict=True)
    }


def _verdict(answer: Answer) -> list[str]:
    asked, replayed = answer.asked, answer.replayed
    compared = answer.compared
    first, last = compared[0][0].number, compared[-1][0].number
    span = f"revision {last}" if first == last else f"revisions {first} to {last}"
    where = f"replayed {replayed.records:,} records from {replayed.start.text}"
    if answer.is_same:
        return [f"SAME: {where}: {span} as published in {answer.published.origin}, to the byte"]
    lines = [f"OTHER: {where}: not what was published in {answer.published.origin}"]
    made = replayed.values.get(asked.seq)
    if made is None:
        end = "its time has passed" if replayed.reached else "the records end before it"
        lines.append(
            f"  the replay made no signal message {asked.seq} of {asked.fields['root']}: {end}"
        )
    lines += [
        f"  {path}: published {_short(was)}, replayed {_short(now)}"
        for path, was, now in differences(asked, made)
    ]
    wrong = [str(each.number) for each, value in compared if value != each.value]
    return [*lines, f"  revisions that differ: {', '.join(wrong)}"]


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 100 else shown[:97] + "…"
