"""`python -m examples.portfolio`: which signals touch which holdings, as table, CSV, Parquet."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from examples.holdings import read_holdings
from examples.portfolio.attribution import Attribution
from examples.portfolio.table import text_table, write_csv, write_parquet
from examples.program import Program, add_flags, guarded, program_config, stop_on_signals

EXAMPLES: Final = """\
examples:
  python -m examples.portfolio --holdings holdings.csv --from-beginning --until-end
  python -m examples.portfolio --holdings holdings.csv --csv report.csv --parquet report.parquet

holdings.csv has the columns root, symbol, contracts and, where wanted, account, price, multiplier,
delta: as for examples.risk. A signal touches every holding of its root. It stands `for` one on its
own side and `against` one on the other. The table is printed at the end, and the files are
written then; attribution.jsonl has every revision and holding with its numbers.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code: 0 done or stopped, 2 something you can put right."""
    parser = argparse.ArgumentParser(
        prog="portfolio",
        description="Attributes signals to holdings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, "state/examples/portfolio", "")
    add = parser.add_argument
    add("--holdings", type=Path, required=True, metavar="FILE", help="CSV or JSON, see below")
    add("--csv", type=Path, metavar="FILE", help="write the whole table as CSV, too")
    add("--parquet", type=Path, metavar="FILE", help="write it as Parquet, too")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    attribution = Attribution(read_holdings(arguments.holdings))
    config = program_config(arguments, "portfolio", "attribution.jsonl", ["signals"])
    program = Program(config, attribution, None)
    stop_on_signals(program.stop)
    program.run()
    rows = attribution.table()
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)
    if arguments.parquet is not None:
        write_parquet(arguments.parquet, rows)
    print(text_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
