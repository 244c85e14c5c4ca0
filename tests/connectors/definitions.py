"""Definitions for tests."""

from typing import Any

from operators.model.items import Definition


def definition(instrument_id: int = 1, **fields: Any) -> Definition:
    """The definition of a future of ES, unless told otherwise."""
    facts: dict[str, Any] = {
        "feed": "f",
        "ts_event": 5,
        "symbol": "ESH4",
        "instrument_class": "F",
        "asset": "ES",
        "tick_e9": 250_000_000,
        "tick_rule": None,
        "point_value_e9": 50 * 10**9,
        "currency": "USD",
        "expiration_ns": None,
        "strike_price_e9": None,
        "underlying": "",
        "underlying_id": None,
    }
    return Definition(instrument_id=instrument_id, **(facts | fields))
