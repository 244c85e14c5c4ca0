"""Faults on command: what the endpoint does wrong to the next requests that a command names."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

ANY: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One wrong answer."""

    endpoint: str = ANY
    """End of the path, such as `get_range` or `get_cost`; empty: whatever comes next."""
    schema: str = ANY
    """Schema that is asked for; empty: any."""
    status: int | None = None
    """HTTP status to refuse with; None: the answer begins well."""
    retry_after_s: int | None = None
    """Header `Retry-After` of a refusal."""
    cut_bytes: int | None = None
    """Bytes of the (compressed) body after which the connection is closed."""
    resets: bool = False
    """Closed by RST, which throws away what is under way, instead of FIN."""
    ends_early: bool = False
    """The body, cut so, is ended as a whole one is: only its content shows that it is not."""


class Faults:
    """Commands, in the order given. Used by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._due: list[Fault] = []
        self.done: list[Fault] = []
        """Those that a request has met."""

    def add(self, fault: Fault, times: int = 1) -> None:
        """Give `fault` to the next `times` requests that it fits."""
        with self._lock:
            self._due += [fault] * times

    def clear(self) -> None:
        """Forget what has not happened yet."""
        with self._lock:
            self._due.clear()

    def take(self, endpoint: str, schema: str) -> Fault | None:
        """The first that fits the request; it is done with."""
        with self._lock:
            for index, fault in enumerate(self._due):
                if fault.endpoint in (ANY, endpoint) and fault.schema in (ANY, schema):
                    self.done.append(fault)
                    return self._due.pop(index)
        return None
