"""What a symbol says about the product behind it.

References:
    CME Globex symbology: product code, month letter, one or two digits of the year; spreads join
    legs with `-`, options add a space, class letter and strike. Databento: `ES.FUT`, `ES.c.0`.
"""

import re
from typing import Final

_CONTRACT: Final = re.compile(r"([A-Z0-9]{1,6}?)[FGHJKMNQUVXZ]\d{1,2}")
_FAMILY: Final = re.compile(r"([A-Z0-9]{1,6})\.(?:FUT|OPT|[a-z]\.\d+)")
_STRATEGY: Final = re.compile(r"([A-Z0-9]{1,6}):[A-Z0-9]")
_PLAIN: Final = re.compile(r"[A-Z]{1,6}")
_USER_DEFINED: Final = "UD:"


def asset_of_symbol(symbol: str) -> str | None:
    """Product code in `symbol`: `ES` of ESH4, ESH4-ESM4, `ESH4 C4800`, ES.FUT or ES.c.0.

    A spread between products counts to its first leg. None where the symbol names no product,
    as in user-defined spreads.
    """
    if symbol.startswith(_USER_DEFINED):
        return None
    first = re.split(r"[ -]", symbol, maxsplit=1)[0]
    for pattern in (_CONTRACT, _FAMILY, _PLAIN):
        if match := pattern.fullmatch(first):
            return match[1] if pattern.groups else match[0]
    match = _STRATEGY.match(symbol)
    return match[1] if match else None
