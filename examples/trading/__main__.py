"""`python -m examples.trading`: reads signals, writes order intents, sends none to anyone."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

from examples.errors import ConsumerError
from examples.program import Program, add_flags, guarded, program_config, stop_on_signals
from examples.trading.intents import Intents, IntentsConfig

TOPIC: Final = "ifd-examples.order-intents.v1"
EXAMPLES: Final = """\
examples:
  python -m examples.trading                         intents of signals that come from now on
  python -m examples.trading --from-beginning --max-age-s 0 --until-end
                                                     of all that the topic holds, then stop
  python -m examples.trading --publish               on a topic, too
  python -m examples.trading --max-contracts 2 | jq 'select(.kind == "intent")'

Each line of intents.jsonl is one decision: `intent` (LONG or SHORT, the first time), `exit` (the
signal closed), `cancel` (retracted, or a message is missing) or `refused` (with the limit). A
signal has at most one intent, however often it is read or the program is killed.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code: 0 done or stopped, 2 something you can put right."""
    parser = argparse.ArgumentParser(
        prog="trading",
        description="Turns signals into order intents. It sends no order to anyone.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, "state/examples/trading", TOPIC)
    default, add = IntentsConfig(), parser.add_argument
    add("--contracts", type=int, default=default.contracts, metavar="N",
        help="contracts of one intent (default: %(default)s)")  # fmt: skip
    add("--max-contracts", type=int, default=default.contracts_max, metavar="N",
        help="of a root over all open intents (default: %(default)s)")  # fmt: skip
    add("--max-per-minute", type=int, default=default.per_minute_max, metavar="N",
        help="intents within 60 s of event time (default: %(default)s)")  # fmt: skip
    add("--min-probability", type=float, default=default.probability_min, metavar="P",
        help="0 to 1 (default: %(default)s)")  # fmt: skip
    add("--min-quality", type=float, default=default.quality_min, metavar="Q",
        help="feed quality, 0 to 1 (default: %(default)s)")  # fmt: skip
    add("--max-age-s", type=float, default=default.age_s_max, metavar="S",
        help="since the signal was published; 0: any (default: %(default)s)")  # fmt: skip
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    try:
        limits = IntentsConfig(
            contracts=arguments.contracts,
            contracts_max=arguments.max_contracts,
            per_minute_max=arguments.max_per_minute,
            probability_min=arguments.min_probability,
            quality_min=arguments.min_quality,
            age_s_max=arguments.max_age_s,
        )
    except ValueError as error:
        raise ConsumerError(str(error)) from None
    config = program_config(arguments, "trading", "intents.jsonl", ["signals"])
    program = Program(config, Intents(limits, time.time_ns), sys.stdout)
    stop_on_signals(program.stop)
    program.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
