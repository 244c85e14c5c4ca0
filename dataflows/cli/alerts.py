"""`ifd alerts`: check the policy, try a channel, list what was sent and what was not."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

EPILOG = """\
examples:
  IFD_ALERTS__POLICY=config/alerts.toml ifd alerts check
                                    whether the policy is usable, its receivers and its routes
  ifd alerts test desk              one message marked TEST to the receiver desk, now
  ifd alerts log --state dead       what was given up, and why
  ifd alerts log --json             the newest entries of the journal, one JSON object a line
"""


def add_parser(subparsers: Any) -> None:
    """Add the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "alerts",
        help="check the alert policy, try a channel, list what was sent",
        description="Check the alert policy, try a channel, list what was sent and what was not.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run_check)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="whether policy and secrets are usable")
    check.set_defaults(run=run_check)
    test = actions.add_parser("test", help="send one test message")
    test.add_argument("receiver", metavar="RECEIVER", help="name of a receiver of the policy")
    test.set_defaults(run=run_test)
    log = actions.add_parser("log", help="newest entries of the journal")
    log.add_argument("--state", default="", metavar="STATE", help="sent, dead, expired, moot, …")
    log.add_argument("--count", type=int, default=20, metavar="N", help="at most (20)")
    log.add_argument("--json", action="store_true", help="one JSON object a line")
    log.set_defaults(run=run_log)


def run_check(_: argparse.Namespace) -> int:
    """Load the policy as the worker does and show what it amounts to. Raises ConfigError."""
    from sinks.alerts.routes import resolved
    from sinks.alerts.sink import open_channels

    config, policy = _loaded()
    open_channels(policy, config)
    for name, receiver in policy.receivers.items():
        print(
            f"receiver {name}: {receiver.channel_name}, at most {receiver.budget_per_hour} an hour"
        )
    for route in resolved(policy.route).nodes():
        print(f"route {route.path or '.'}: {', '.join(route.receivers) or 'nobody'}")
    print(f"{config.policy} is usable: {len(policy.receivers)} receivers")
    return 0


def run_test(arguments: argparse.Namespace) -> int:
    """Send one message marked TEST; the journal does not know of it. Raises IfdError."""
    from zoneinfo import ZoneInfo

    from operators.model.errors import ConfigError
    from sinks.alerts.channels.channel import Notice
    from sinks.alerts.channels.open import open_channel

    config, policy = _loaded()
    receiver = policy.receivers.get(arguments.receiver)
    if receiver is None:
        known = ", ".join(policy.receivers) or "none"
        raise ConfigError(f"{config.policy}: no receiver {arguments.receiver!r}; there are {known}")
    notice = Notice(
        intent=_example(arguments.receiver),
        possible_repeat=False,
        zone=ZoneInfo(policy.time_zone),
        dashboard_url=config.dashboard_url,
    )
    open_channel(arguments.receiver, receiver, config).send(notice)
    print(f"{arguments.receiver}: the {receiver.channel_name} server took the test message")
    return 0


def run_log(arguments: argparse.Namespace) -> int:
    """The newest entries of the journal. Raises ConfigError."""
    from pathlib import Path

    from config.settings import load_settings
    from dataflows.edges import journal_of
    from operators.model.errors import ConfigError
    from sinks.alerts.journal import FINAL, PENDING

    states = (*PENDING, *FINAL)
    if arguments.state and arguments.state not in states:
        raise ConfigError(f"--state: expected one of {', '.join(states)}, found {arguments.state}")
    settings = load_settings()
    path = Path(settings.alerts.journal)
    if not settings.store.url and not path.exists():
        print(f"{path}: no alert has been decided yet")
        return 0
    journal = journal_of(settings, exclusive=False)()
    try:
        records = journal.recent(max(1, arguments.count), arguments.state)
    finally:
        journal.close()
    for record in records:
        when = datetime.fromtimestamp(record.ts_changed_ns / 1e9, UTC).isoformat(" ", "seconds")
        if arguments.json:
            shown = {name: getattr(record, name) for name in record.__dataclass_fields__}
            print(json.dumps(shown | {"payload": json.loads(record.payload)}, ensure_ascii=False))
        else:
            repeat = " possible repeat" if record.possible_repeat else ""
            error = f": {record.error}" if record.error else ""
            print(
                f"{when}  {record.state:<8} {record.receiver:<12} {record.kind:<9} "
                f"{record.root or 'several':<8} {record.id}{repeat}{error}"
            )
    return 0


def _loaded() -> tuple[Any, Any]:
    from pathlib import Path

    from config.settings import load_settings
    from operators.model.errors import ConfigError
    from sinks.alerts.policy_file import load_policy

    config = load_settings().alerts
    if not config.policy:
        raise ConfigError(
            "alerts.policy: expected a file, found none; set IFD_ALERTS__POLICY, "
            "such as to config/alerts.toml"
        )
    return config, load_policy(Path(config.policy), config.secret_names())


def _example(receiver: str) -> Any:
    from time import time_ns

    from sinks.alerts.brief import Brief
    from sinks.alerts.intents import intent_of

    now_ns = time_ns()
    brief = Brief(
        id="test",
        revision=1,
        change="opened",
        root="ES",
        kind="sweep",
        side="buy",
        strength="HIGH",
        severity="warning",
        probability=0.78,
        calibrated=False,
        ts_event=now_ns,
        price="5000.25",
        symbol="TEST",
        instrument_ids=(),
        size=420,
        levels=5,
        notional=0.0,
        quality=1.0,
        warming=False,
        reasons=("A test of this channel: no such thing happened in the market",),
    )
    return intent_of("test", receiver, now_ns, [brief])
