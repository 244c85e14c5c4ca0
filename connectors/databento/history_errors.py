"""What the historical service, or the way to it, did wrong: final or worth another try. Pure.

| what | try again | remedy in the text |
|---|---|---|
| 401 | no | the key |
| 402, 403 | no | account, licence |
| 422 beyond the licence | later, by a new feed | `history.delay_s` |
| other 4xx | no | settings of the feed |
| 408, 429, 5xx, broken connection, cut body | yes, at most `history.attempts_max` times | – |
| cost above the cap | no, today | `history.cost_max_usd` |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from databento.common.error import BentoError, BentoHttpError
from requests.exceptions import SSLError

from operators.model.errors import FeedError

BEYOND_LICENCE: Final = "data_end_after_available_end"
_TEXT_MAX: Final = 300
_AGAIN: Final = frozenset({408, 425, 429})
RETRY_AFTER_S_MAX: Final = 600.0


class HistoryError(FeedError):
    """History cannot go on; `is_final` says that asking again later will not help."""

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(f"history: {message}")
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed try."""

    text: str
    retry: bool
    """True: the same request may succeed."""
    is_final: bool
    """False: a later feed may succeed, with nothing changed."""
    after_s: float | None = None
    """Pause that the service asks for."""

    def error(self) -> HistoryError:
        """What the caller is told."""
        return HistoryError(self.text, is_final=self.is_final)


def trouble(error: Exception, gateway: str) -> Trouble:
    """What an exception of the client means. Never holds the key: the client's texts do not."""
    if isinstance(error, BentoHttpError):
        return _refused(error)
    if isinstance(error, SSLError):
        text = f"{gateway}: expected a trusted certificate, found none: {_line(error)}"
        return Trouble(f"{text}; set REQUESTS_CA_BUNDLE to the file of its authority", False, True)
    if isinstance(error, BentoError | OSError):
        return broken(error, gateway)
    return Trouble(f"{gateway}: the request cannot be made: {_line(error)}", False, True)


def broken(error: object, gateway: str) -> Trouble:
    """An answer that began and is not whole, or a connection that was none."""
    return Trouble(f"{gateway}: the connection broke: {_line(error)}", retry=True, is_final=False)


def _refused(error: BentoHttpError) -> Trouble:
    status = error.http_status
    said = f"the service answered {status}: {_line(error.message)}"
    if status == 401:
        return Trouble(f"{said}; set DATABENTO_API_KEY to a valid key", False, True)
    if status == 402:
        return Trouble(f"{said}; settle the account's payment", False, True)
    if status == 403:
        text = f"{said}; the key's plan must include the feed's dataset, or set another dataset"
        return Trouble(text, False, True)
    if status == 422 and _detail(error).get("case") == BEYOND_LICENCE:
        until = _payload(error).get("available_end")
        found = f", which reaches to {until}" if until else ""
        text = f"expected a range within the licence's delay{found}: {said}"
        return Trouble(f"{text}; raise history.delay_s, or wait", False, False)
    if status in _AGAIN or status >= 500:
        return Trouble(said, True, False, _after_s(error.headers))
    return Trouble(f"{said}; check dataset and symbols of the feed", False, True)


def _detail(error: BentoHttpError) -> Mapping[str, Any]:
    detail = error.json_body.get("detail") if isinstance(error.json_body, dict) else None
    return detail if isinstance(detail, dict) else {}


def _payload(error: BentoHttpError) -> Mapping[str, Any]:
    payload = _detail(error).get("payload")
    return payload if isinstance(payload, dict) else {}


def _after_s(headers: Mapping[str, Any]) -> float | None:
    text = str(headers.get("Retry-After", ""))
    return min(float(text), RETRY_AFTER_S_MAX) if text.isdigit() and len(text) < 10 else None


def _line(said: object) -> str:
    """One line of bounded length."""
    return " ".join(str(said).split())[:_TEXT_MAX]
