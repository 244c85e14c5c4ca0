"""Products: what a root is worth where the feed has not said it, and which assets belong to it."""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from operators.model.errors import ConfigError
from operators.model.records import PRICE_SCALE

FILE: Final = Path(__file__).with_name("products.toml")
EXCHANGES: Final = ("CME", "CBOT", "NYMEX", "COMEX")
TEXTS: Final = {"name", "tick", "point_value", "currency", "exchange"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A future and the assets that are judged together with it."""

    root: str
    """Its asset, such as `ES`."""
    name: str
    tick_e9: int
    """Smallest price step of an outright, 1e-9 points."""
    point_value_e9: int
    """Currency units for one point of one contract, 1e-9 (ES 50)."""
    currency: str
    exchange: str
    options: tuple[str, ...]
    """Assets of its options, beside its own."""

    @property
    def tick_value(self) -> float:
        """Currency units per tick and contract (ES 12.50)."""
        return float(Decimal(self.tick_e9) * self.point_value_e9 / PRICE_SCALE**2)


def load_products(file: Path = FILE) -> dict[str, Product]:
    """Root → product. Raises ConfigError."""
    try:
        tables = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file.name}: cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file.name}: not TOML: {error}") from error
    products = {root: _product(root, table, file.name) for root, table in tables.items()}
    _refuse_shared_assets(products, file.name)
    return products


@cache
def products() -> dict[str, Product]:
    """Those of `products.toml`."""
    return load_products()


def root_of_assets(known: dict[str, Product]) -> dict[str, str]:
    """Asset → root, options included: `E1A` → `ES`."""
    return {
        asset: product.root
        for product in known.values()
        for asset in (product.root, *product.options)
    }


def _product(root: str, table: object, file: str) -> Product:
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: {root}: expected a table, found {table!r}")
    if unknown := sorted(table.keys() - TEXTS - {"options"}):
        raise ConfigError(f"{file}: {root}.{unknown[0]}: no such key")
    for key in ("name", "tick", "point_value"):
        if key not in table:
            raise ConfigError(f"{file}: {root}.{key}: missing")
    for key in TEXTS & table.keys():
        if not isinstance(table[key], str):
            raise ConfigError(f"{file}: {root}.{key}: expected text, found {table[key]!r}")
    exchange = table.get("exchange", "CME")
    if exchange not in EXCHANGES:
        expected = ", ".join(EXCHANGES)
        raise ConfigError(f"{file}: {root}.exchange: expected one of {expected}, found {exchange}")
    return Product(
        root=root,
        name=table["name"],
        tick_e9=_e9(table["tick"], f"{file}: {root}.tick"),
        point_value_e9=_e9(table["point_value"], f"{file}: {root}.point_value"),
        currency=table.get("currency", "USD"),
        exchange=exchange,
        options=tuple(table.get("options", ())),
    )


def _e9(text: str, where: str) -> int:
    try:
        scaled = Decimal(text) * PRICE_SCALE
    except ArithmeticError:
        raise ConfigError(f"{where}: expected a decimal number, found {text!r}") from None
    if scaled <= 0 or scaled != int(scaled):
        raise ConfigError(f"{where}: expected more than 0 in steps of 1e-9, found {text!r}")
    return int(scaled)


def _refuse_shared_assets(known: dict[str, Product], file: str) -> None:
    owner: dict[str, str] = {}
    for product in known.values():
        for asset in (product.root, *product.options):
            if owner.setdefault(asset, product.root) != product.root:
                raise ConfigError(f"{file}: {asset} belongs to {owner[asset]} and {product.root}")
