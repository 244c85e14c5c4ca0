"""Channel: what every transport is given and how it says that it failed."""

import re
from dataclasses import dataclass
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from operators.model.errors import DeliveryError
from sinks.alerts.intents import Intent
from sinks.alerts.texts import one_line

ERROR_CHARACTERS_MAX: Final = 300
HIDDEN: Final = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One attempt to tell one receiver."""

    intent: Intent
    possible_repeat: bool
    """Whether an earlier attempt may have arrived."""
    zone: ZoneInfo
    dashboard_url: str


class SendError(DeliveryError):
    """The attempt failed. `retry_after_s` None: trying again is of no use; 0: when we like."""

    def __init__(
        self, message: str, retry_after_s: float | None = None, *, may_have_arrived: bool = False
    ) -> None:
        super().__init__(message, retry_after_s)
        self.may_have_arrived = may_have_arrived
        """Whether the other side may have taken the message all the same."""


class Channel(Protocol):
    """A transport to one receiver; used by one thread."""

    def send(self, notice: Notice) -> None:
        """Hand the notice over. Raises SendError."""


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The secrets of one receiver: what must not stand in any text."""

    values: tuple[str, ...]

    def hidden(self, text: str) -> str:
        """One line of the text, cut, with stars for every secret."""
        for value in sorted(self.values, key=len, reverse=True):
            for part in (value, *_parts(value)):
                text = text.replace(part, HIDDEN)
        return one_line(text)[:ERROR_CHARACTERS_MAX]


def _parts(value: str) -> list[str]:
    """The telling pieces of a secret URL: a server may repeat its path alone."""
    return (
        [part for part in re.split(r"[/?&=:@]+", value) if len(part) >= 8] if "/" in value else []
    )
