"""`ifd relay`: what dashboards and programs connect to."""

import argparse
import sys
from typing import Any, Final

EXAMPLES: Final = """\
examples:
  IFD_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 ifd relay
                              what the topics hold, on http://127.0.0.1:8080 and ws://127.0.0.1:8765
  ifd relay                   what workers push to it: start them with
                              IFD_PUSH__RELAYS=127.0.0.1:8766, several addresses by commas
  ifd relay --http-port 8081 --ws-port 8767 --push-port 8768
                              a second one beside it: clients may move between them
  IFD_RELAY__HOST=0.0.0.0 IFD_RELAY__TOKENS__desk=$(openssl rand -hex 24) ifd relay
                              for other machines: then a token is needed, and for workers of
                              theirs IFD_PUSH__TOKEN on both sides

A relay needs no worker to start and survives every restart of one. SIGTERM tells clients when to
come back, and ends it.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "relay",
        help="dashboard, REST and WebSocket for what the topics hold",
        description="Serves the dashboard, the REST API and the WebSocket protocol ifd.v1.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, what in (
        ("http", "dashboard and REST"),
        ("ws", "WebSocket for clients"),
        ("push", "WebSocket that workers push to"),
    ):
        parser.add_argument(
            f"--{name}-port", type=int, metavar="N", help=f"{what} (relay.{name}_port)"
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        IfdError: a setting cannot be used, or a port is taken.
    """
    from config.settings import load_settings
    from dataflows.relay import serve_relay

    given: dict[str, object] = {
        f"relay.{name}_port": port
        for name in ("http", "ws", "push")
        if (port := getattr(arguments, f"{name}_port")) is not None
    }
    settings = load_settings(given)

    def on_ready(url: str) -> None:
        print(f"dashboard at {url}", file=sys.stderr, flush=True)

    serve_relay(settings, on_ready)
    return 0
