"""What a stretch of history would cost, as the service names it: asked before anything is paid."""

import time
from collections.abc import Sequence
from pathlib import Path

from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_download import Downloader, HistoryCounts
from connectors.databento.history_errors import HistoryError
from connectors.databento.history_ledger import Ledger
from connectors.databento.history_plan import HistorySymbols, Window
from connectors.databento.history_worker import open_client


def estimate_usd(
    config: HistoryConfig, symbols: HistorySymbols, spans: Sequence[tuple[int, int]], *, key: str
) -> float:
    """USD for all of [start, stop) of each span, ns of ts_recv; asking costs nothing.

    Spans that join are asked for at once. Blocks while the service answers.

    Raises:
        HistoryError: It does not answer, or refuses.
    """
    client = open_client(key, config)
    downloader = Downloader(client, config, symbols, Path(config.directory), HistoryCounts())
    windows = [Window(start_ns, stop_ns, symbols.schemas) for start_ns, stop_ns in joined(spans)]
    return sum(map(downloader.cost_usd, windows))


def check_cap(config: HistoryConfig, cost_usd: float, now_ns: int | None = None) -> None:
    """Refuse what the day's bound does not bear.

    Raises:
        HistoryError: It costs more than `cost_max_usd` leaves for the UTC day of `now_ns`.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    spent_usd = Ledger(Path(config.directory)).spent_usd(now_ns)
    if spent_usd + cost_usd > config.cost_max_usd:
        spent = f" after {spent_usd:.2f} USD spent today" if spent_usd > 0 else ""
        raise HistoryError(
            f"expected at most the {config.cost_max_usd:.2f} USD that history.cost_max_usd allows "
            f"in a day, found {cost_usd:.2f} USD to pay{spent}; raise it (--cost-max), or ask for "
            "fewer sessions or symbols",
            is_final=True,
        )


def joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans, ascending, those that meet as one."""
    found: list[tuple[int, int]] = []
    for start_ns, stop_ns in sorted(spans):
        if found and found[-1][1] >= start_ns:
            found[-1] = found[-1][0], max(found[-1][1], stop_ns)
        else:
            found.append((start_ns, stop_ns))
    return found
