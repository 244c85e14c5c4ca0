"""The relay process from settings: what `ifd relay` runs."""

import asyncio
import signal
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from config.settings import Settings
from sinks.relay.process import Listening, Parts, serve


def serve_relay(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `on_ready` is told the dashboard's address.

    Raises:
        IfdError: a setting cannot be used, or a port is taken.
    """
    asyncio.run(_serve(settings, on_ready))


async def _serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def told(found: Listening) -> None:
        host = settings.relay.host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared only
        on_ready(f"http://{shown}:{found.http_port}/")

    await serve(parts_of(settings), stop, told)


def parts_of(settings: Settings) -> Parts:
    """What the relay is made of, as the settings say.

    Raises:
        IfdError: the store or the baseline cannot be read.
    """
    baseline_of = None
    if settings.source.baseline:
        # Reads a Parquet file: only who has one pays for the import.
        from dataflows.baseline_view import baseline_of as view

        baseline_of = view(Path(settings.source.baseline))
    history = None
    if settings.store.url:
        # Brings SQLAlchemy: only a relay with a store pays for it.
        from sinks.relay.api.store_history import StoreHistory

        history = StoreHistory(settings.store.url, timeout_s=settings.http.store_timeout_s)
    return Parts(
        relay=settings.relay,
        http=settings.http,
        kafka=settings.kafka,
        history=history,
        baseline_of=baseline_of,
        push_token=settings.push.token,
        version=_version(),
    )


def _version() -> str:
    try:
        return version("ifd")
    except PackageNotFoundError:  # Run from a checkout that is not installed.
        return "unknown"
