"""What the gateway says in the stream, and what follows from it. Plain functions, no state.

References:
    DBN, enums SystemCode and ErrorCode; Databento, live API, "Errors" and "Recovery".
"""

from dataclasses import dataclass
from typing import Final

from connectors.databento.messages import Notice
from connectors.databento.session import Event

HEARTBEAT: Final = "heartbeat"
REPLAYED: Final = "replayed"
"""The replay of market-by-order records is complete."""
SLOW: Final = "slow"
UNRESOLVED: Final = "unresolved"
"""A symbol means nothing to the gateway; the rest goes on."""

_HEARTBEAT_CODE: Final = 0
_SLOW_CODE: Final = 2
_REPLAY_CODE: Final = 3
_KEY: Final = "set DATABENTO_API_KEY to a key of an account that may use it"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a notice means."""

    event: Event | None
    """For the session; None where it goes on."""
    name: str = ""
    """One of the names above; empty for what is only counted."""
    text: str = ""
    """For a person; of a fatal one it names setting and remedy."""


_NOTHING: Final = Meaning(None)


def meaning_of(notice: Notice, feed: str) -> Meaning:
    """The meaning of a system or error message to `feed`."""
    said = " ".join(notice.text.split())
    if notice.name == "error":
        return _error(notice.code, said, feed)
    if notice.code == _HEARTBEAT_CODE or said == "Heartbeat":
        return Meaning(None, HEARTBEAT)
    if notice.code == _REPLAY_CODE or said.startswith("Finished "):
        return Meaning(None, REPLAYED) if "mbo" in said.lower() else _NOTHING
    if notice.code == _SLOW_CODE or said.startswith("Warning: slow"):
        return Meaning(None, SLOW, "the gateway says that reading is too slow")
    return _NOTHING


def _error(code: int, said: str, feed: str) -> Meaning:
    where = f"live.feeds.{feed}"
    quoted = f'the gateway said "{said}"'
    if code == 1:
        return Meaning("fatal", "", f"live.key: {quoted}; {_KEY}")
    if code == 2:
        return Meaning("fatal", "", f"live.key: the key is deactivated: {quoted}; {_KEY}")
    if code == 3:
        return Meaning("limited", "", f"too many connections of this account: {quoted}")
    if code == 4:
        return Meaning(None, UNRESOLVED, f"{where}.symbols: {quoted}")
    if code == 5:
        remedy = f"correct {where}.symbols, .stype_in or .schemas"
        return Meaning("fatal", "", f"{where}: a subscription is not valid: {quoted}; {remedy}")
    if code == 7:
        return Meaning("skipped", "", f"records were left out: {quoted}")
    if code == 8:
        return Meaning("aged_out", "", f"the replay does not reach so far back: {quoted}")
    return Meaning("lost", "", f"error {code}: {quoted}")


def refusal(feed: str, dataset: str, said: str) -> str:
    """The line for a refused authentication: the key, or what it may not have."""
    lower = said.lower()
    if any(
        word in lower for word in ("entitle", "dataset", "licens", "permission", "subscription")
    ):
        remedy = f"choose a dataset the account may use (live.feeds.{feed}.dataset), or subscribe"
        return f'live.feeds.{feed}.dataset: {dataset} was refused: "{said}"; {remedy} to it'
    return f'live.key: the gateway refused the key: "{said}"; {_KEY}'


def is_limit(said: str) -> bool:
    """Whether a refusal is for the number of connections, which passes."""
    lower = said.lower()
    return "limit" in lower and "connection" in lower


def strangeness(feed: str, host: str, port: int, found: str) -> str:
    """The line for something that is no gateway, or one of another version."""
    return (
        f"live.feeds.{feed}.host: expected Databento's live gateway at {host}:{port}, found "
        f"something else ({found}); correct host and port, or use a version of this program that "
        "speaks the gateway's"
    )
