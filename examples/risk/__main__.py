"""`python -m examples.risk`: reads positions and signals, publishes breaches of limits."""

import argparse
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from examples.errors import ConsumerError
from examples.holdings import read_holdings
from examples.program import Program, add_flags, guarded, program_config, stop_on_signals
from examples.risk.breaches import Breaches, BreachesConfig

TOPIC: Final = "ifd-examples.breaches.v1"
EXAMPLES: Final = """\
examples:
  python -m examples.risk --positions positions.csv
  python -m examples.risk --positions positions.csv --limit 250000 --limit ES=5000000 --publish

positions.csv (or .json, a list of objects with these names; the last four may be left out):

  root,symbol,contracts,account,price,multiplier,delta
  ES,ESH4,40,macro,,,
  ES,ESH4 C5200,-200,options,41.25,50,0.31

A holding is worth contracts x delta x price x multiplier. A signal on the same symbol tells price
and multiplier; for all others they must be in the file, else the root counts as above its limit.
A breach is a LONG or SHORT signal against the net exposure of its root where that exceeds the
limit. Positions are read at the start: a restart reads them anew and costs nothing.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code: 0 done or stopped, 2 something you can put right."""
    parser = argparse.ArgumentParser(
        prog="risk",
        description="Says when an exposure above its limit stands against a signal.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, "state/examples/risk", TOPIC)
    add = parser.add_argument
    add("--positions", type=Path, required=True, metavar="FILE", help="CSV or JSON, see below")
    add("--limit", action="append", default=[], metavar="[ROOT=]AMOUNT",
        help="currency units that may stand against a signal; may be given several times "
        "(default: 1000000)")  # fmt: skip
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments))


def read_limits(words: Sequence[str]) -> BreachesConfig:
    """Limits of the words `AMOUNT` and `ROOT=AMOUNT`.

    Raises:
        ConsumerError: One is no number, or below 0.
    """
    limit, limits = BreachesConfig().limit, {}
    for word in words:
        root, mark, amount = word.rpartition("=")
        try:
            number = Decimal(amount.replace("_", ""))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0 or (mark and not root):
            raise ConsumerError(f"--limit: expected AMOUNT or ROOT=AMOUNT, found {word}")
        if root:
            limits[root] = number
        else:
            limit = number
    return BreachesConfig(limit=limit, limits=limits)


def _run(arguments: argparse.Namespace) -> int:
    breaches = Breaches(read_limits(arguments.limit), read_holdings(arguments.positions))
    config = program_config(arguments, "risk", "breaches.jsonl", ["signals"])
    program = Program(config, breaches, sys.stdout)
    stop_on_signals(program.stop)
    program.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
