"""`ifd simulate`: a simulated day on CME as a DBN file, institutions and all."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S

if TYPE_CHECKING:
    from simulator.simulation import SimulationConfig
    from simulator.tape import TapeProgress, TapeSummary

EXAMPLES: Final = """\
examples:
  ifd simulate --out tape.dbn.zst                    ten minutes from 08:30, four roots
  ifd simulate --out tape.dbn --minutes 40 --institutions
                                                     with institutions, and tape.labels.ndjson:
                                                     who did what, when, by which orders
  ifd simulate --out hard.dbn --minutes 60 --institutions --look-alikes --difficulty hard \\
      --regime volatile                              small and well hidden, among innocent flow
  ifd simulate --out quiet.dbn --look-alikes         only what looks like institutions: every
                                                     signal on this tape is a false alarm
  ifd simulate --out chain.dbn --roots ES --options 1000 --institutions --rate 5000
                                                     two months, their spread, 1,000 options
  ifd simulate --out big.dbn --records 5000000 --roots 64 --instruments 200 \\
      --resting 382000 --rate 5000 --skew 0.5        for a benchmark
  ifd simulate --out night.dbn --start 2026-04-06T19:00 --roots ES,NQ --instruments 2
  ifd replay tape.dbn.zst                            what is found in it

regimes:
  calm      half the activity, deep books, small steps of the price
  normal    fitted to an hour of ESH4
  volatile  busy, thin books, prices that move twice as far with each trade
  news      normal, but every five minutes or so news break: prices jump, activity is
            sevenfold and fades within a minute, market makers step back

kinds of behaviour (each easy, medium or hard: 30, 15 or 7 % of the volume, and ever less regular):
  institutions  twap vwap pov iceberg synthetic_iceberg sweep large stop_run absorption,
                with --options also option_buying, straddle and spread
  look-alikes   hedge roll quote_churn spoof_flash two_sided

The same options give the same file. Roots beyond the known are made up. docs/evaluation.md tells
what a labels file holds, and how to bring your own.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "simulate",
        help="write a tape of the simulated exchange as a DBN file",
        description="Simulates trading by price-time matching and writes every record as CME's"
        " market-by-order feed would have shown it, as DBN version 3.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help=".dbn or .dbn.zst")
    parser.add_argument("--seed", type=int, metavar="N", help="another market (default: 1)")
    parser.add_argument("--minutes", type=float, metavar="M", help="market time (default: 10)")
    parser.add_argument("--records", type=int, metavar="N", help="end after so many instead")
    parser.add_argument(
        "--start", metavar="TIME", help="first moment, in Chicago (default: 2026-04-06T08:30)"
    )
    parser.add_argument("--rate", type=float, metavar="R", help="records a second (default: 400)")
    parser.add_argument("--roots", metavar="LIST", help="names, or how many (default: ES,NQ,CL,GC)")
    parser.add_argument("--instruments", type=int, metavar="N", help="over all roots (default: 8)")
    parser.add_argument("--resting", type=int, metavar="N", help="resting orders (default: 4000)")
    parser.add_argument(
        "--skew", type=float, metavar="S", help="0: instruments equally active … 1 (the default)"
    )
    parser.add_argument(
        "--regime",
        choices=("calm", "normal", "volatile", "news"),
        help="kind of market (default: normal)",
    )
    parser.add_argument(
        "--options", type=int, metavar="N", help="options over all roots (default: none)"
    )
    _add_behaviours(parser)
    parser.add_argument(
        "--ticks",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="a clock record each second, so that idle seconds end (default: yes)",
    )
    parser.set_defaults(run=run)


def _add_behaviours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--institutions",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="institutions at work: slices, icebergs, sweeps, … (default: no)",
    )
    parser.add_argument(
        "--look-alikes",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="innocent flow that looks like them: hedging, rolls, churn, … (default: no)",
    )
    parser.add_argument(
        "--difficulty",
        choices=("easy", "medium", "hard", "mixed"),
        help="how well these hide (default: mixed)",
    )
    parser.add_argument("--kinds", metavar="LIST", help="only these of them, see below")
    parser.add_argument(
        "--per-hour",
        type=float,
        metavar="N",
        help="pauses between them last an hour divided by N (default: 60)",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="where to write what they did (default: beside the tape, as X.labels.ndjson)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the tape, then one line about it.

    Raises:
        ConfigError: An option that cannot be used, or a file that cannot be written.
    """
    labelled = arguments.institutions or arguments.look_alikes
    if arguments.labels and not labelled:
        raise ConfigError(
            "labels: expected --institutions or --look-alikes with it, there is nothing to label"
        )
    # Loading the compiled exchange takes a moment: what is wrong is told before.
    config = _config(arguments)
    from simulator.label_file import labels_path, write_labels
    from simulator.tape import TapeForm, write_tape

    began = time.perf_counter()
    with _progress_bar() as on_progress:
        summary = write_tape(config, arguments.out, TapeForm(ticks=arguments.ticks), on_progress)
    elapsed_s = time.perf_counter() - began
    if labelled:
        write_labels(summary.labels, arguments.labels or labels_path(arguments.out))
    print(_line(summary, elapsed_s))
    return 0


def _config(arguments: argparse.Namespace) -> "SimulationConfig":
    from simulator.simulation import SimulationConfig

    chosen: dict[str, Any] = {
        "institutions": arguments.institutions,
        "look_alikes": arguments.look_alikes,
    }
    for option, field in (
        ("seed", "seed"),
        ("records", "records"),
        ("rate", "records_per_s"),
        ("instruments", "instruments"),
        ("resting", "resting_orders"),
        ("skew", "activity_skew"),
        ("regime", "regime"),
        ("options", "options"),
        ("difficulty", "difficulty"),
        ("per_hour", "institutions_per_hour"),
    ):
        if (value := getattr(arguments, option)) is not None:
            chosen[field] = value
    if arguments.minutes is not None:
        chosen["duration_s"] = arguments.minutes * 60
    elif arguments.records is not None:
        chosen["duration_s"] = None
    if arguments.kinds is not None:
        chosen["kinds"] = _words(arguments.kinds)
    if arguments.start is not None:
        chosen["start_ns"] = start_ns_of(arguments.start)
    if arguments.roots is not None:
        chosen["roots"] = roots_of(arguments.roots)
        if arguments.instruments is None:
            roots = chosen["roots"]
            chosen["instruments"] = 2 * (roots if isinstance(roots, int) else len(roots))
    try:
        return SimulationConfig(**chosen)
    except ValueError as error:
        raise ConfigError(f"simulate: {error}") from error


def start_ns_of(text: str) -> int:
    """A time in Chicago, or with its own offset, in ns since the epoch.

    Raises:
        ConfigError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"start: expected a time such as 2026-04-06T08:30, found {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo("America/Chicago"))
    return int(moment.timestamp()) * NS_PER_S


def roots_of(text: str) -> int | tuple[str, ...]:
    """How many roots, or their names by commas."""
    if text.isdecimal():
        return int(text)
    return tuple(name.upper() for name in _words(text))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _line(summary: "TapeSummary", elapsed_s: float) -> str:
    told = f", {len(summary.labels)} behaviours" if summary.labels else ""
    return (
        f"{summary.path}: {summary.records:,} records of {summary.instruments} instruments"
        f"{told}, {summary.resting_orders_last:,} orders resting at the end,"
        f" {summary.records_per_active_instrument_second:.1f} records per active"
        f" instrument-second, {summary.file_bytes / 1e6:,.1f} MB"
        f" in {elapsed_s:.1f} s ({summary.records / elapsed_s:,.0f}/s)"
    )


@contextmanager
def _progress_bar() -> Iterator[Callable[["TapeProgress"], None]]:
    """Draws nothing where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda _progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from dataflows.progress import RecordsColumn

    columns = (
        TextColumn("simulate"),
        BarColumn(),
        RecordsColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("simulate", total=1.0, records=0)

        def on_progress(progress: "TapeProgress") -> None:
            bar.update(task, completed=progress.ratio, records=progress.records)

        yield on_progress
