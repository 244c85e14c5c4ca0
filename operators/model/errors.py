"""What can go wrong, by whose fault and what to do about it.

    IfdError
    ├── ConfigError           start-up only; names section and key
    ├── FeedError             the other side, or the wire, is wrong
    │   ├── DecodeError       bytes that are not the promised records
    │   ├── GatewayError      refused: key, entitlement, symbol
    │   └── FeedLost          silent longer than allowed, or closed
    ├── StateError            a snapshot this version cannot read; the text ends with what to do
    └── DeliveryError         a sink could not hand over

What a stream must survive (gaps, crossed books, unknown orders) is data, not an exception.
"""


class IfdError(Exception):
    """Anything a user can be told in one line; commands print it and exit with 2."""


class ConfigError(IfdError):
    """A setting that cannot be used."""


class FeedError(IfdError):
    """The other side, or the wire, is wrong."""


class DecodeError(FeedError):
    """Bytes that are not the promised records."""


class GatewayError(FeedError):
    """The gateway refused: key, entitlement or symbol."""


class FeedLost(FeedError):
    """The feed closed, or stayed silent longer than allowed."""


class StateError(IfdError):
    """A snapshot that this version cannot read."""


class DeliveryError(IfdError):
    """A sink could not hand over; `retry_after_s` None means do not try again."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
