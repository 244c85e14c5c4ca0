"""Prices as text."""

from functools import lru_cache

from operators.model.records import PRICE_SCALE


@lru_cache(maxsize=16_384)
def price_text(price_e9: int, decimals_min: int = 0) -> str:
    """Decimal text of a price in 1e-9 points, exact, without trailing zeros.

    4810250000000 is `4810.25`, 4810000000000 is `4810`.

    Args:
        price_e9: Price in 1e-9 points; numpy's integers are taken too.
        decimals_min: Decimals to show at least, 0…9: with 2 the second price is `4810.00`.
    """
    whole, rest = divmod(abs(int(price_e9)), PRICE_SCALE)
    decimals = f"{rest:09d}".rstrip("0").ljust(decimals_min, "0")
    sign = "-" if price_e9 < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"
