"""What goes wrong, on command: each fault at one record of one session, or now.

A fault is a word and some `name=value`, the same in a program, on the control port and on the
command line: `rst at=1000`, `error code=6 at=500 session=2`, `stall seconds=3`.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

KINDS: Final = {
    "rst": "reset the connection",
    "fin": "close the connection cleanly",
    "half_open": "say nothing more, heartbeats included, and keep the connection open",
    "stall": "say nothing for `seconds`, then go on",
    "partial": "send `count` bytes of the next record (half of it without), then close",
    "trickle": "send the next `count` records `size` bytes at a time, `seconds` apart",
    "duplicate": "send the next `count` records twice",
    "reorder": "send the next `count` records in reverse",
    "drop": "leave out the next `count` records",
    "flip": "turn one bit of the next record: number `bit` of it",
    "zeros": "send 64 zero bytes between two records",
    "unknown": "send a record of a type that DBN does not have",
    "error": "send an error with `code` and `text`; most codes then close",
    "metadata": "send a wrong header: `text` is version, dataset, magic, ts_out or length",
    "aged_out": "refuse the replay of the session: error 8, then close",
    "instruments": "order the session's replay by instrument, as far as it is sent at once",
    "auth_failure": "refuse `count` clients: authentication failed",
    "greeting": "greet `count` clients with `text`",
    "silent": "say nothing to `count` clients, from the start",
    "hang_up": "close `count` connections at once",
    "refuse": "give the port back for `seconds`, or until `accept`: connects are refused",
    "accept": "take the port again",
    "skew": "move the gateway's clock by `ns`: heartbeats, acknowledgements, ts_out",
}
"""Word → what it does."""

AT_START: Final = ("metadata", "aged_out", "instruments")
AT_CONNECT: Final = ("auth_failure", "greeting", "silent", "hang_up")
OF_GATEWAY: Final = ("refuse", "accept", "skew")
FIRED_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is to go wrong."""

    kind: str
    at: int | None = None
    """After so many of the market's records in a session; None is now: in every session that is
    open, or in the next one if none is."""
    session: int | None = None
    """In this session only, counted from 1; None is the first that gets there."""
    times: int = 1
    """So many sessions suffer it."""
    count: int = 0
    """Records, bytes or clients; 0 is the kind's own default."""
    size: int = 1
    """Bytes at a time."""
    seconds: float = 0.0
    code: int = 6
    """Of an error: 1 to 8."""
    bit: int = 24 * 8
    """Bit of the record: by default the lowest of a price."""
    ns: int = 0
    text: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r} is not known, choose from {', '.join(KINDS)}")
        for name, low, high in (
            ("at", 0, 2**62),
            ("session", 1, 2**62),
            ("times", 1, 2**62),
            ("count", 0, 1_000_000),
            ("size", 1, 1_000_000),
            ("seconds", 0, 1_000_000),
            ("code", 1, 8),
            ("bit", 0, 4159),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{self.kind}: {name} must be in {low}…{high}, was {value}")


def parse_fault(line: str) -> Fault:
    """From `kind name=value …`; the value of `text` may be in quotes of no kind: it ends the line.

    Raises:
        ValueError: it names what is not there, or a value is out of bounds.
    """
    head, has_text, text = line.strip().partition("text=")
    kind, *words = head.split() or [""]
    given: dict[str, Any] = {"text": text} if has_text else {}
    kinds: dict[str, Callable[[str], Any]] = {
        field.name: float if field.name == "seconds" else int
        for field in fields(Fault)
        if field.name not in ("kind", "text")
    }
    for word in words:
        name, _, value = word.partition("=")
        if name not in kinds:
            raise ValueError(f"{kind}: {name!r} is not known, choose from {', '.join(kinds)}, text")
        try:
            given[name] = kinds[name](value)
        except ValueError:
            raise ValueError(f"{kind}: {name} must be a number, was {value!r}") from None
    return Fault(kind=kind, **given)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int
    sessions: set[int] | None
    """None: any."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that has happened."""

    fault: Fault
    session: int
    """0 where there was none yet."""
    record: int
    """Of the market's records, how many the session had before."""


class Faults:
    """Faults that wait for their moment. Any thread may add; the gateway's takes."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._armed: list[_Armed] = []
        self._open: set[int] = set()
        self._fired: deque[Fired] = deque(maxlen=FIRED_MAX)
        self._fired_count = 0
        self._of_gateway: deque[Fault] = deque()
        self.on_added: Callable[[], None] = lambda: None
        """Called in the adder's thread."""
        self.skew_ns = 0

    def add(self, kind: str, **given: Any) -> Fault:
        """Arm one, with the fields of Fault.

        Raises:
            ValueError: see Fault.
        """
        return self.arm(Fault(kind=kind, **given))

    def arm(self, fault: Fault) -> Fault:
        """Arm one."""
        with self._lock:
            if fault.kind == "skew":
                self.skew_ns = fault.ns
                self._note(fault, 0, 0)
            elif fault.kind in OF_GATEWAY:
                self._of_gateway.append(fault)
            else:
                self._armed.append(self._armed_one(fault))
        self.on_added()
        return fault

    def _armed_one(self, fault: Fault) -> _Armed:
        if fault.session is not None:
            return _Armed(fault, fault.times, {fault.session})
        if fault.kind in AT_CONNECT:
            return _Armed(fault, max(1, fault.count), None)
        if fault.at is None and fault.kind not in AT_START and self._open:
            return _Armed(fault, len(self._open), set(self._open))
        return _Armed(fault, fault.times, None)

    def clear(self) -> None:
        """Forget what has not happened yet, and set the clock right."""
        with self._lock:
            self._armed.clear()
            self.skew_ns = 0

    @property
    def waiting(self) -> int:
        """Faults that have not happened yet."""
        with self._lock:
            return len(self._armed)

    @property
    def fired(self) -> list[Fired]:
        """The latest that have happened, in order, at most FIRED_MAX."""
        with self._lock:
            return list(self._fired)

    def wait_fired(self, count: int, timeout_s: float = 10.0) -> bool:
        """Wait until so many have happened since the start; False if they did not in time."""
        with self._lock:
            return self._lock.wait_for(lambda: self._fired_count >= count, timeout_s)

    def joined(self, session: int) -> None:
        """A session has started."""
        with self._lock:
            self._open.add(session)

    def left(self, session: int) -> None:
        """A session has ended."""
        with self._lock:
            self._open.discard(session)
            for armed in self._armed:
                if armed.sessions is not None and armed.fault.session is None:
                    armed.sessions.discard(session)
            self._armed = [armed for armed in self._armed if armed.sessions != set()]

    def take_of_gateway(self) -> Fault | None:
        """The next fault of the gateway as a whole, which happens now."""
        with self._lock:
            if not self._of_gateway:
                return None
            fault = self._of_gateway.popleft()
            self._note(fault, 0, 0)
            return fault

    def take_one(self, kind: str, session: int = 0) -> Fault | None:
        """The next fault of a kind of AT_CONNECT or AT_START, which happens now."""
        with self._lock:
            for armed in self._armed:
                if armed.fault.kind == kind and _concerns(armed, session):
                    return self._fire(armed, session, 0)
        return None

    def records_until(self, session: int, passed: int, most: int) -> int:
        """How many records may pass before the next fault of a session; at most `most`."""
        with self._lock:
            for armed in self._armed:
                if _is_in_stream(armed.fault) and _concerns(armed, session):
                    most = min(most, max(0, (armed.fault.at or 0) - passed))
        return most

    def take(self, session: int, passed: int) -> Fault | None:
        """The next fault that is due after `passed` records of a session, which happens now."""
        with self._lock:
            for armed in self._armed:
                if (
                    _is_in_stream(armed.fault)
                    and _concerns(armed, session)
                    and (armed.fault.at or 0) <= passed
                ):
                    return self._fire(armed, session, passed)
        return None

    def _fire(self, armed: _Armed, session: int, passed: int) -> Fault:
        armed.left -= 1
        if armed.sessions is not None:
            armed.sessions.discard(session)
        if armed.left == 0 or armed.sessions == set():
            self._armed.remove(armed)
        self._note(armed.fault, session, passed)
        return armed.fault

    def _note(self, fault: Fault, session: int, passed: int) -> None:
        self._fired.append(Fired(fault, session, passed))
        self._fired_count += 1
        self._lock.notify_all()


def _concerns(armed: _Armed, session: int) -> bool:
    return armed.sessions is None or session in armed.sessions


def _is_in_stream(fault: Fault) -> bool:
    return fault.kind not in (*AT_START, *AT_CONNECT, *OF_GATEWAY)
