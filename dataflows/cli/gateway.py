"""`ifd gateway`: a live gateway on this machine, with a simulated exchange or files behind it."""

import argparse
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataflows.kernel_cache import is_cold
from operators.model.errors import ConfigError

if TYPE_CHECKING:
    from simulator.gateway.config import GatewayConfig
    from simulator.gateway.faults import Fault
    from simulator.gateway.market import Market, MarketConfig

EXAMPLES: Final = """\
examples:
  ifd gateway                             the simulated exchange in real time, day after day
  ifd gateway --file day.mbo.dbn.zst --speed max
                                          a file, as fast as it is read
  ifd gateway --file mon.dbn --file tue.dbn --speed 60
                                          two files, one after the other, a minute each second
  ifd gateway --fault "rst at=100000" --fault "error code=6 at=5000 session=2"
                                          what is to go wrong, and when
  ifd gateway --control-port 13001        then: printf 'rst\\n' | nc 127.0.0.1 13001

In Python, with the publisher's own client:

  client = databento.Live(key="db-SimulatedGatewayOnThisMachine", gateway="127.0.0.1", port=13000)
  client.subscribe("GLBX.MDP3", "mbo", "ES.FUT", stype_in="parent", start=0)
  client.add_callback(print)
  client.start()

The market stands still until the first session starts (--wait 0: it does not wait), and does not
wait for slow readers, who are behind but miss nothing. With --speed max the fastest reader drives
it. Schemas: mbo, definition, statistics, status. Replay from a start reaches back to the first
record; snapshots are made from the gateway's own book. Stopped by SIGTERM or Ctrl-C.

faults, as KIND NAME=VALUE …; without `at` they happen at once:
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "gateway",
        help="a live gateway on this machine: simulated exchange or files, and faults on command",
        description="Speaks Databento's live protocol on loopback, so that its client and"
        " `ifd live` connect to it unchanged.",
        epilog=EXAMPLES + _faults_listed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--file", type=Path, action="append", metavar="F", help="DBN file to serve; may be repeated"
    )
    parser.add_argument(
        "--speed", default="1", metavar="X", help="market's pace × X, or max (default: 1)"
    )
    parser.add_argument("--port", type=int, default=13_000, metavar="N", help="default: 13000")
    parser.add_argument("--host", default="127.0.0.1", metavar="A", help="default: 127.0.0.1")
    parser.add_argument(
        "--key",
        action="append",
        metavar="K",
        help="that opens it; may be repeated (default: above)",
    )
    parser.add_argument("--control-port", type=int, metavar="N", help="faults by lines of text")
    parser.add_argument("--fault", action="append", metavar="F", help="see below; may be repeated")
    parser.add_argument(
        "--wait", type=int, default=1, metavar="N", help="sessions that start the market's clock"
    )
    parser.add_argument(
        "--at-end",
        choices=("stay", "close"),
        default="stay",
        help="when all files are served: heartbeats (the default), or close",
    )
    parser.add_argument(
        "--connects", type=float, default=5.0, metavar="N", help="new a second (default: 5)"
    )
    exchange = parser.add_argument_group("the simulated exchange, without --file")
    exchange.add_argument("--seed", type=int, default=1, metavar="N", help="another market")
    exchange.add_argument("--roots", default="ES,NQ,CL,GC", metavar="LIST", help="or how many")
    exchange.add_argument("--instruments", type=int, metavar="N", help="over all roots (two each)")
    exchange.add_argument("--rate", type=float, default=400.0, metavar="R", help="records a second")
    exchange.add_argument("--resting", type=int, default=4_000, metavar="N", help="resting orders")
    exchange.add_argument(
        "--start", metavar="TIME", help="of the first day, in Chicago (default: 2026-04-06T08:30)"
    )
    exchange.add_argument(
        "--minutes", type=float, default=390.0, metavar="M", help="of each day (default: 390)"
    )
    exchange.add_argument(
        "--institutions", action=argparse.BooleanOptionalAction, default=True, help="at work in it"
    )
    parser.set_defaults(run=run)


def _faults_listed() -> str:
    from simulator.gateway.faults import KINDS

    return "\n".join(f"  {kind:<13} {what}" for kind, what in KINDS.items())


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        IfdError: an option cannot be used, a file cannot be read, or a port is taken.
    """
    config = _config(arguments)
    faults = _faults(arguments)
    market_config = _market_config(arguments)
    if is_cold():
        print("compiling kernels, once: about a minute", file=sys.stderr, flush=True)
    from simulator.gateway.process import serve
    from simulator.gateway.server import Gateway

    gateway = Gateway(config, _market(arguments, market_config))
    for fault in faults:
        gateway.faults.arm(fault)

    def on_ready(control_port: int | None) -> None:
        key = f'"{config.keys[0]}"' if arguments.key is None else "…"
        print(f"gateway at {config.host}:{gateway.port}: {_served(arguments)}")
        print(
            f'connect: databento.Live(key={key}, gateway="{config.host}", port={gateway.port}),'
            f" dataset {config.dataset}"
        )
        if control_port is not None:
            print(f"faults at {config.host}:{control_port}, one a line; help lists them")
        # A program may wait for these lines.
        print("ready", flush=True)

    serve(gateway, arguments.control_port, on_ready)
    return 0


def _config(arguments: argparse.Namespace) -> "GatewayConfig":
    from simulator.gateway.config import KEY, GatewayConfig

    if arguments.key is None and not _is_loopback(arguments.host):
        raise ConfigError(
            f"--host: {arguments.host} is reached from other machines, so give a --key of your own"
        )
    try:
        return GatewayConfig(
            host=arguments.host,
            port=arguments.port,
            keys=tuple(arguments.key or (KEY,)),
            connects_per_s=arguments.connects,
            close_at_end=arguments.at_end == "close",
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _market_config(arguments: argparse.Namespace) -> "MarketConfig":
    from simulator.gateway.market import MarketConfig

    try:
        speed = None if arguments.speed == "max" else float(arguments.speed)
    except ValueError:
        raise ConfigError(f"--speed: expected a number or max, found {arguments.speed!r}") from None
    try:
        return MarketConfig(
            speed=speed,
            sessions_first=arguments.wait,
            # From one simulated day to the next.
            idle_s_max=None if arguments.file else 3600.0,
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from None


def _faults(arguments: argparse.Namespace) -> "list[Fault]":
    from simulator.gateway.faults import parse_fault

    try:
        return [parse_fault(line) for line in arguments.fault or ()]
    except ValueError as error:
        raise ConfigError(f"--fault: {error}") from None


def _market(arguments: argparse.Namespace, config: "MarketConfig") -> "Market":
    from simulator.gateway.open import market_of_exchange, market_of_files

    if arguments.file:
        return market_of_files(arguments.file, config)
    from dataflows.cli.simulate import roots_of, start_ns_of
    from simulator.simulation import SimulationConfig

    roots = roots_of(arguments.roots)
    chosen: dict[str, Any] = {}
    if arguments.start is not None:
        chosen["start_ns"] = start_ns_of(arguments.start)
    try:
        simulation = SimulationConfig(
            seed=arguments.seed,
            roots=roots,
            instruments=arguments.instruments
            or 2 * (roots if isinstance(roots, int) else len(roots)),
            records_per_s=arguments.rate,
            resting_orders=arguments.resting,
            duration_s=arguments.minutes * 60,
            institutions=arguments.institutions,
            **chosen,
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from None
    return market_of_exchange(simulation, config)


def _served(arguments: argparse.Namespace) -> str:
    pace = "as fast as it is read" if arguments.speed == "max" else f"at speed {arguments.speed}"
    if arguments.file:
        return f"{', '.join(str(path) for path in arguments.file)}, {pace}"
    return f"the simulated exchange, {arguments.roots}, {pace}"
