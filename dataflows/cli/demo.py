"""`ifd demo`: everything on this machine, simulated."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError

FEED: Final = "glbx"
EXAMPLES: Final = """\
examples:
  ifd demo                    until Ctrl-C, or until the simulated half-hour is over
  ifd demo --seconds 60       a minute of market, then a summary
  ifd demo --seed 7           another market
  ifd demo --http-port 8081 --ws-port 8767
                              where 8080 and 8765 are taken

The dashboard answers at once, on http://127.0.0.1:8080, and shows how far the rest has come.

Twenty simulated sessions become the baseline first; --seconds counts from the moment the worker is
at work after that. The first run of all compiles kernels, which takes about a minute more.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "demo",
        help="everything on this machine: exchange, gateway, worker, Kafka, relay, dashboard",
        description="Shows IFD at work on a simulated exchange. Needs no key, broker or network.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N s of market")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed (default: 1)")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="market's pace × X")
    parser.add_argument(
        "--http-port", type=int, metavar="N", help="dashboard and REST (relay.http_port)"
    )
    parser.add_argument("--ws-port", type=int, metavar="N", help="WebSocket (relay.ws_port)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prepare, start gateway, worker and broker, show signals, stop everything.

    Raises:
        IfdError: an argument or setting cannot be used, or a part failed.
    """
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise ConfigError(f"--seconds: expected more than 0, found {arguments.seconds}")
    if arguments.seed < 0:
        raise ConfigError(f"--seed: expected at least 0, found {arguments.seed}")
    if not 0 < arguments.speed < float("inf"):
        raise ConfigError(f"--speed: expected more than 0, found {arguments.speed}")
    print("IFD demo: everything below is simulated", file=sys.stderr, flush=True)
    from sinks.embedded_broker import EmbeddedBroker

    with (
        tempfile.TemporaryDirectory(prefix="ifd-demo-") as name,
        EmbeddedBroker() as broker,
    ):
        folder = Path(name)
        shared: dict[str, object] = {
            "kafka.bootstrap_servers": broker,
            "store.url": f"sqlite:///{folder}/ifd.sqlite3",
        }
        relay = _relay(arguments, shared)
        try:
            prepared = _prepared(arguments, folder, broker)
            return _live(arguments, shared, prepared, folder, relay)
        finally:
            relay.stop()


def _relay(arguments: argparse.Namespace, shared: dict[str, object]) -> Any:
    """The dashboard first: it shows how far the rest has come.

    Raises:
        ConfigError: a port is taken.
    """
    from dataflows.relay_process import RelayProcess

    ports = {
        f"relay.{name}_port": port
        for name in ("http", "ws")
        if (port := getattr(arguments, f"{name}_port")) is not None
    }
    relay = RelayProcess({**shared, **ports, "relay.push_port": 0})
    print(f"dashboard: {relay.wait_ready()}", file=sys.stderr)
    print(f"Kafka: {shared['kafka.bootstrap_servers']}", file=sys.stderr, flush=True)
    return relay


def _prepared(arguments: argparse.Namespace, folder: Path, broker: str) -> Any:
    from dataflows.demo import SESSIONS, prepare
    from dataflows.preparation import Preparation
    from dataflows.progress import stages

    preparation = Preparation(broker, FEED)
    try:
        with stages(sys.stderr, preparation.tell) as shown:
            prepared = prepare(folder, arguments.seed, shown)
    finally:
        preparation.close()
    print(
        f"baseline of {SESSIONS} sessions from {prepared.records:,} records in "
        f"{prepared.elapsed_s:.0f} s; now the live market, a worker and Kafka",
        file=sys.stderr,
        flush=True,
    )
    return prepared


def _live(
    arguments: argparse.Namespace,
    shared: dict[str, object],
    prepared: Any,
    folder: Path,
    relay: Any,
) -> int:
    from dataflows.gateway_process import GatewayProcess, feed_settings

    gateway = GatewayProcess(prepared.tape, arguments.speed)
    try:
        host, port = gateway.wait_ready()
        print(f"gateway: {host}:{port}, Databento's live protocol", file=sys.stderr, flush=True)
        given: dict[str, object] = {
            **shared,
            **feed_settings(FEED, host, port),
            "source.paths": (),
            "source.baseline": str(prepared.baseline),
            "recovery.directory": str(folder / "store"),
            "tape.directory": str(folder / "tape"),
        }
        return _show(arguments, given, lambda: gateway.is_running() and relay.is_running())
    finally:
        gateway.stop()


def _show(
    arguments: argparse.Namespace, given: dict[str, object], others_run: Callable[[], bool]
) -> int:
    """Run the worker and list its signals until the time is over, a stop, or something failed."""
    from config.settings import load_settings
    from dataflows.demo import LIVE_S
    from dataflows.process import stop_on_signals
    from dataflows.signal_table import Seen, show, signals_of
    from dataflows.supervisor import Cluster

    began_s: float | None = None
    seconds = LIVE_S / arguments.speed
    if arguments.seconds is not None:
        seconds = min(seconds, arguments.seconds)
    stop = stop_on_signals()
    settings = load_settings(given)
    cluster = Cluster(settings, given, processes=1)

    def ended(seen: Seen) -> bool:
        nonlocal began_s
        if began_s is None and seen.heard:
            began_s = time.monotonic()
        over = began_s is not None and time.monotonic() - began_s >= seconds
        return over or stop.is_set() or not (cluster.is_running() and others_run())

    try:
        servers = settings.kafka.bootstrap_servers
        seen = show(signals_of(servers, settings.kafka.partitions), ended, sys.stdout)
    finally:
        cluster.stop()
    code = cluster.wait()
    elapsed_s = 0.0 if began_s is None else time.monotonic() - began_s
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(seen.by_kind.items()))
    print(
        f"{seen.opened} signals ({kinds or 'none'}) in {seen.messages} messages over "
        f"{elapsed_s:.0f} s"
    )
    return code
