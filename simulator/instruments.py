"""What the simulated exchange lists: futures, calendar spreads and options of some roots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S, PRICE_SCALE
from simulator.options import MONTH_CODES, chain, first_price_e9, small_tick_e9

FUTURES_PER_ROOT: Final = 3
"""Two months and their calendar spread."""


@dataclass(frozen=True, slots=True)
class Product:
    """One root's terms."""

    root: str
    tick_e9: int
    point_value: int
    """Currency units per point."""
    price_e9: int
    """Where its front month starts."""
    spread_tick_e9: int
    strike_step_e9: int
    weight: float
    """Relative activity."""


def _product(
    root: str, tick: float, value: int, price: float, spread: float, strike: float, weight: float
) -> Product:
    def scaled(points: float) -> int:
        return round(points * PRICE_SCALE)

    tick_e9 = scaled(tick)
    price_e9 = scaled(price) // tick_e9 * tick_e9
    return Product(root, tick_e9, value, price_e9, scaled(spread), scaled(strike), weight)


PRODUCTS: Final = (
    _product("ES", 0.25, 50, 5000, 0.05, 25, 1.0),
    _product("NQ", 0.25, 20, 18000, 0.05, 100, 0.9),
    _product("CL", 0.01, 1000, 75, 0.01, 1, 0.5),
    _product("GC", 0.1, 100, 2400, 0.1, 10, 0.4),
    _product("ZN", 0.015625, 1000, 110, 0.0078125, 1, 0.6),
    _product("YM", 1, 5, 39000, 1, 200, 0.3),
    _product("RTY", 0.1, 50, 2050, 0.05, 10, 0.3),
    _product("6E", 0.00005, 125_000, 1.08, 0.00001, 0.01, 0.3),
    _product("ZB", 0.03125, 1000, 118, 0.015625, 1, 0.3),
    _product("SI", 0.005, 5000, 28, 0.005, 0.5, 0.2),
    _product("NG", 0.001, 10_000, 2.6, 0.001, 0.1, 0.2),
    _product("ZF", 0.0078125, 1000, 107, 0.00390625, 0.5, 0.3),
    _product("ZC", 0.25, 50, 450, 0.25, 10, 0.15),
    _product("ZS", 0.25, 50, 1180, 0.25, 10, 0.15),
    _product("HG", 0.0005, 25_000, 4.1, 0.0005, 0.05, 0.15),
    _product("6J", 0.0000005, 12_500_000, 0.0067, 0.0000005, 0.00005, 0.2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """One listed instrument."""

    instrument_id: int
    symbol: str
    root: str
    instrument_class: str
    """DBN's: F future, S calendar spread, C call, P put."""
    tick_e9: int
    """Step of prices; of options the small one, see `options`."""
    price_e9: int
    """First mid, a multiple of the tick."""
    low_e9: int | None
    """Lowest price, or None: spreads trade below zero."""
    high_e9: int | None
    channel_id: int
    point_value: int
    expiration_ns: int
    weight: float
    """Relative activity."""
    strike_e9: int | None = None
    underlying: str = ""
    underlying_id: int = 0
    tick_rule: int | None = None
    """CME's variable tick table, for options."""
    volatility: float = 0.0
    """A year's, implied at first, of options."""


def products(roots: int | Sequence[str]) -> list[Product]:
    """Terms of the named roots, or of the first so many; beyond the known, made-up ones.

    Raises:
        ConfigError: A root that is not known.
    """
    if isinstance(roots, int):
        made_up = max(0, roots - len(PRODUCTS))
        return [*PRODUCTS[:roots], *(_made_up(number) for number in range(made_up))]
    known = {product.root: product for product in PRODUCTS}
    for root in roots:
        if root not in known:
            raise ConfigError(f"roots: {root!r} is not known, choose from {', '.join(known)}")
    return [known[root] for root in roots]


def _made_up(number: int) -> Product:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    root = f"Q{letters[number // 26 % 26]}{letters[number % 26]}"
    like = PRODUCTS[number % len(PRODUCTS)]
    return replace(like, root=root, weight=0.1)


def universe(
    roots: int | Sequence[str],
    instruments: int,
    start_ns: int,
    activity_skew: float = 1.0,
    *,
    priced_ns: int | None = None,
) -> list[InstrumentSpec]:
    """`instruments` instruments over the roots, the same ids whenever the arguments are the same.

    Each root lists its front month, the next month, their calendar spread, then calls and puts
    around the money. `activity_skew` 0 makes all equally active, 1 as different as they are. Listed
    at `start_ns`, options have the first prices of `priced_ns`, if that is another instant.
    """
    terms = products(roots)
    if instruments < len(terms):
        raise ConfigError(
            f"instruments must be at least {len(terms)}, one for each root, was {instruments}"
        )
    specs: list[InstrumentSpec] = []
    for index, product in enumerate(terms):
        count = instruments // len(terms) + (index < instruments % len(terms))
        specs += _listing(
            product,
            count,
            first_id=len(specs) + 1001,
            index=index,
            start_ns=start_ns,
            priced_ns=start_ns if priced_ns is None else priced_ns,
        )
    return [replace(spec, weight=spec.weight**activity_skew) for spec in specs]


def _listing(
    product: Product, count: int, *, first_id: int, index: int, start_ns: int, priced_ns: int
) -> list[InstrumentSpec]:
    months = _quarters(start_ns)
    # As on CME, futures of a few roots share a channel, their options have one of their own.
    channel = 2 * (index // 4)
    front, following = (product.root + name for name, _ in months)
    band_e9 = 0
    listing = [
        InstrumentSpec(
            instrument_id=first_id,
            symbol=front,
            root=product.root,
            instrument_class="F",
            tick_e9=product.tick_e9,
            price_e9=product.price_e9,
            low_e9=product.tick_e9,
            high_e9=None,
            channel_id=channel,
            point_value=product.point_value,
            expiration_ns=months[0][1],
            weight=product.weight,
        )
    ]
    carry_e9 = 40 * product.tick_e9 + band_e9
    listing.append(
        replace(
            listing[0],
            instrument_id=first_id + 1,
            symbol=following,
            price_e9=product.price_e9 + carry_e9,
            expiration_ns=months[1][1],
            weight=0.2 * product.weight,
        )
    )
    tick = product.spread_tick_e9
    listing.append(
        replace(
            listing[0],
            instrument_id=first_id + 2,
            symbol=f"{front}-{following}",
            instrument_class="S",
            tick_e9=tick,
            price_e9=-carry_e9 // tick * tick,
            low_e9=None,
            weight=0.15 * product.weight,
        )
    )
    options = chain(product, listing[:2], max(0, count - len(listing)), start_ns)
    for number, option in enumerate(options):
        month, class_, strike_e9 = option
        future = listing[month.underlying]
        price_e9, volatility = first_price_e9(product.root, option, future, priced_ns)
        away = number // 2 % 50
        listing.append(
            replace(
                future,
                instrument_id=first_id + 3 + number,
                symbol=f"{product.root}{month.code} {class_}{strike_e9 / PRICE_SCALE:g}",
                instrument_class=class_,
                tick_e9=small_tick_e9(product.tick_e9),
                price_e9=price_e9,
                low_e9=small_tick_e9(product.tick_e9),
                channel_id=channel + 1,
                expiration_ns=month.ts,
                weight=0.03 * product.weight * 0.95**away,
                strike_e9=strike_e9,
                underlying=future.symbol,
                underlying_id=future.instrument_id,
                tick_rule=month.tick_rule,
                volatility=volatility,
            )
        )
    return listing[:count]


def _quarters(start_ns: int) -> list[tuple[str, int]]:
    """The next two quarterly months after `start_ns`: code with year digit, and expiration."""
    start = datetime.fromtimestamp(start_ns // NS_PER_S, UTC)
    found: list[tuple[str, int]] = []
    year, month = start.year, start.month
    while len(found) < 2:
        if month % 3 == 0:
            first = datetime(year, month, 1, 13, 30, tzinfo=UTC)
            friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
            # The last week trades in the next contract.
            if friday - timedelta(days=8) > start:
                code = f"{MONTH_CODES[month - 1]}{year % 10}"
                found.append((code, int(friday.timestamp()) * NS_PER_S))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
