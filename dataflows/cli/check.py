"""`ifd check`: the effective settings, where each comes from, and the first that is wrong."""

import argparse
import json
from typing import Any

EPILOG = """\
examples:
  ifd check                                 all settings; exit code 2 names the first wrong one
  ifd check kafka recovery                  those of two sections
  IFD_PROFILE=production ifd check --json   one JSON object, for a program

a setting is overridden by a variable of its name: flow.shards by IFD_FLOW__SHARDS. Lists take
commas or JSON; tables NAME=VALUE with commas, JSON, or a variable each (IFD_FLOW__ROOTS__ESH4=ES).
Secrets come by environment only and are shown as stars.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="print the effective settings and where each comes from",
        description="Print the effective settings, secrets hidden, and the origin of each.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="only these sections")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Load the settings as every process does, and print them. Raises ConfigError."""
    from config.products import products
    from config.settings import load_settings, origins, params_version, profile_of, sections
    from operators.model.errors import ConfigError

    settings = load_settings()
    known = products()
    for name in arguments.sections:
        if name not in sections():
            raise ConfigError(f"no section {name}; the sections are {', '.join(sections())}")
    chosen = [
        origin
        for origin in origins(settings)
        if not arguments.sections or origin.key.partition(".")[0] in arguments.sections
    ]
    profile, version = profile_of(settings), params_version(settings)
    if arguments.json:
        shown = {o.key: {"value": o.value, "origin": o.origin} for o in chosen}
        document = {"profile": profile, "params": version, "settings": shown}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    rows = [(o.key, json.dumps(o.value, ensure_ascii=False), o.origin) for o in chosen]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for key, value, origin in rows:
        print(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}")
    print(
        f"\nprofile {profile}, parameters {version}, {len(known)} products: all settings are usable"
    )
    return 0
