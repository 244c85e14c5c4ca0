"""The settings and rules by which an instrument's root is decided. Plain functions, no state."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from connectors.symbols import asset_of_symbol
from operators.model.hashing import shard_of
from operators.model.items import Definition

_SHARDS_MAX: Final = 1000
_OPTION_CLASSES: Final = ("C", "P")


@dataclass(frozen=True, slots=True, kw_only=True)
class RootsConfig:
    """How instruments are gathered into roots, and roots into shards."""

    shards: int = 16
    """1 to 1000; fixed for the life of a recovery store."""
    assigned: dict[str, str] = field(default_factory=dict)
    """Subscription or raw symbol, as it is or as a pattern with `*`, → root; the first counts."""
    products: dict[str, str] = field(default_factory=dict)
    """Product code → root, for products judged with another: `EW2` → `ES`."""
    shard_overrides: dict[str, int] = field(default_factory=dict)
    """Root → shard, for roots that are to have one of their own."""
    instruments_max: int = 1_000_000
    """Instruments of a feed; more are taken for damage. At least 1."""

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= _SHARDS_MAX:
            raise ValueError(f"shards must be 1 to {_SHARDS_MAX}, was {self.shards}")
        if self.instruments_max < 1:
            raise ValueError(f"instruments_max must be at least 1, was {self.instruments_max}")
        for name, table in (("assigned", self.assigned), ("products", self.products)):
            for key, root in table.items():
                if not root or not key:
                    raise ValueError(f"{name} must map names to names, was {key!r}: {root!r}")
        for root, shard in self.shard_overrides.items():
            if not 0 <= shard < self.shards:
                bounds = f"0 to {self.shards - 1}"
                raise ValueError(f"shard_overrides.{root} must be {bounds}, was {shard}")

    def shard(self, root: str) -> int:
        """Shard that carries `root`."""
        return shard_of(root, self.shards, self.shard_overrides)


def root_assigned(config: RootsConfig, names: Iterable[str]) -> str | None:
    """Root that the settings assign to any of `names`."""
    wanted = [name for name in names if name]
    for pattern, root in config.assigned.items():
        if any(fnmatchcase(name, pattern) for name in wanted):
            return root
    return None


def root_defined(config: RootsConfig, definition: Definition) -> str | None:
    """Root by product if settings name it, else by an option's underlying, else the product."""
    if definition.asset in config.products:
        return config.products[definition.asset]
    if definition.instrument_class in _OPTION_CLASSES:
        root = root_symbolised(config, definition.underlying)
        if root is not None:
            return root
    return definition.asset or None


def root_symbolised(config: RootsConfig, symbol: str) -> str | None:
    """Root by the product code in `symbol`."""
    asset = asset_of_symbol(symbol)
    return None if asset is None else config.products.get(asset, asset)
