"""Holdings: what a desk has, from a CSV or JSON file, and what it is worth."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from examples.errors import ConsumerError
from examples.message import point_value

REQUIRED: Final = ("root", "symbol", "contracts")
OPTIONAL: Final = ("account", "price", "multiplier", "delta")
HOLDINGS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Holding:
    """One position in one contract."""

    account: str
    root: str
    """What IFD judges together: `ES` is the futures and all options on them."""
    symbol: str
    contracts: Decimal
    """Below 0 is short."""
    price: Decimal | None
    """Mark of one's own, in points; None: only a signal's own contract has a price."""
    multiplier: Decimal | None
    """Currency units per point and contract; None: as messages on that symbol say."""
    delta: Decimal
    """Of an option, -1…1; 1 for a future."""

    def notional(self, contract: Mapping[str, Any], at: Decimal | None) -> Decimal | None:
        """Signed currency units of exposure; None if price or multiplier is not known.

        Args:
            contract: A signal's contract; it tells something only about its own symbol.
            at: Its price.
        """
        mark, multiplier = self.price, self.multiplier
        if contract["symbol"] == self.symbol:
            mark = at if at is not None else mark
            multiplier = multiplier if multiplier is not None else point_value(contract)
        if mark is None or multiplier is None:
            return None
        return self.contracts * self.delta * mark * multiplier


def read_holdings(path: Path) -> list[Holding]:
    """Holdings of a file: CSV with a header line, or JSON, a list of objects.

    Raises:
        ConsumerError: It cannot be read; names the line and the field.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows: Any = json.loads(text) if path.suffix == ".json" else _csv_rows(text)
    except (OSError, ValueError, csv.Error) as error:
        raise ConsumerError(f"{path}: expected CSV or JSON of holdings ({error})") from None
    if not isinstance(rows, list) or len(rows) > HOLDINGS_MAX:
        raise ConsumerError(f"{path}: expected a list of at most {HOLDINGS_MAX} holdings")
    # The first line of a CSV file is its header.
    first = 1 if path.suffix == ".json" else 2
    found: dict[tuple[str, str], Holding] = {}
    for number, row in enumerate(rows, first):
        one = _holding(f"{path}: row {number}", row)
        if found.setdefault((one.account, one.symbol), one) is not one:
            raise ConsumerError(
                f"{path}: row {number}: {one.symbol} stands there already for account "
                f"{one.account!r}; expected one row for both"
            )
    return list(found.values())


def by_root(holdings: Iterable[Holding]) -> dict[str, list[Holding]]:
    """Root → its holdings, in the order of the file."""
    found: dict[str, list[Holding]] = {}
    for one in holdings:
        found.setdefault(one.root, []).append(one)
    return found


def _csv_rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(text.splitlines(), strict=True))


def _holding(where: str, row: Any) -> Holding:
    if not isinstance(row, dict):
        raise ConsumerError(f"{where}: expected an object")
    for name in row:
        if name not in REQUIRED + OPTIONAL:
            raise ConsumerError(
                f"{where}: no such field: {name}; expected {', '.join(REQUIRED + OPTIONAL)}"
            )
    for name in REQUIRED:
        if row.get(name) in (None, ""):
            raise ConsumerError(f"{where}: {name}: expected a value, found none")
    contracts, delta = _number(where, row, "contracts"), _number(where, row, "delta")
    return Holding(
        account=str(row.get("account") or ""),
        root=str(row["root"]),
        symbol=str(row["symbol"]),
        contracts=contracts if contracts is not None else Decimal(0),
        price=_number(where, row, "price"),
        multiplier=_number(where, row, "multiplier"),
        delta=Decimal(1) if delta is None else delta,
    )


def _number(where: str, row: Mapping[str, Any], name: str) -> Decimal | None:
    if row.get(name) in (None, ""):
        return None
    try:
        found = Decimal(str(row[name]).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ConsumerError(f"{where}: {name}: expected a number, found {row[name]}")
    return found
