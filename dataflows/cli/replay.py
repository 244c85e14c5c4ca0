"""`ifd replay`: DBN files through the same dataflow as a live feed."""

import argparse
import functools
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError, FeedError, IfdError

EXAMPLES: Final = """\
examples:
  ifd replay day1.mbo.dbn.zst day2.mbo.dbn.zst     signals as lines, as fast as possible
  ifd replay tape.dbn --summary                    one JSON object: books, executions, digest
  ifd replay tape.dbn --speed 1                    at the market's pace
  ifd replay state/tape/glbx --summary             what a live feed has recorded, with its digest
  ifd replay month/*.zst --save-baseline month.parquet
  ifd replay today.dbn.zst --baseline month.parquet
  ifd replay tape.dbn --processes 2 --shards 16 --summary
  IFD_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 ifd replay tape.dbn --topic-prefix replay-7.

With --recovery DIR an interrupted replay goes on where it stopped. Ctrl-C stops cleanly.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "replay",
        help="DBN files through the dataflow, as fast as possible or at the market's pace",
        description="Reads Databento MBO files (.dbn, .dbn.zst), or the tape of a live feed, as "
        "one feed, in the given order.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="DBN files in order, or the folder of a tape"
    )
    parser.add_argument("--summary", action="store_true", help="print one JSON object, no signals")
    parser.add_argument("--speed", type=float, metavar="X", help="event time per wall time")
    parser.add_argument(
        "--feed", metavar="NAME", help="name of the feed (default: the tape's, or source.feed)"
    )
    parser.add_argument("--shards", type=int, metavar="N", help="shards of roots (flow.shards)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="worker processes")
    parser.add_argument(
        "--recovery", metavar="DIR", help="recovery store; goes on where it stopped"
    )
    parser.add_argument("--baseline", metavar="FILE", help="what is normal, from an earlier replay")
    parser.add_argument("--save-baseline", metavar="FILE", help="write the baseline at the end")
    parser.add_argument(
        "--topic-prefix",
        metavar="NAME",
        help="before the name of every Kafka topic (kafka.topic_prefix): a replay that others"
        " than tests read should keep to topics of its own",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay; what was read before a fault is kept and counted, then the fault is told.

    Raises:
        IfdError: a setting, a file, the store or a sink cannot be used.
    """
    from config.settings import load_settings

    with tempfile.TemporaryDirectory(prefix="ifd-replay-") as folder:
        given = _given(arguments, Path(folder))
        settings = load_settings(given)
        started = time.perf_counter()
        fault: IfdError | None = None
        code = 0
        try:
            if arguments.processes == 1:
                fault = _in_this_process(settings, arguments)
            else:
                code = _many(settings, given, arguments)
        except FeedError as error:
            fault = error
        elapsed_s = time.perf_counter() - started
        _tell(Path(folder), arguments, elapsed_s)
    if fault is not None:
        raise fault
    return code


def _given(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """What the command line says, as dotted keys of the settings."""
    from connectors.tape.listing import feed_of

    if arguments.processes < 1:
        raise ConfigError(f"--processes: expected at least 1, found {arguments.processes}")
    if arguments.processes > 1 and arguments.save_baseline:
        raise ConfigError("--processes: expected 1 with --save-baseline")
    if arguments.speed is not None and not arguments.speed > 0:
        raise ConfigError(f"--speed: expected more than 0, found {arguments.speed}")
    paths = tuple(arguments.files)
    given: dict[str, object] = {
        "source.paths": paths,
        "source.summary_directory": str(folder),
    }
    for key, value in (
        ("source.speed", arguments.speed),
        ("source.feed", feed_of(paths) if arguments.feed is None else arguments.feed),
        ("flow.shards", arguments.shards),
        ("recovery.directory", arguments.recovery),
        ("source.baseline", arguments.baseline),
        ("kafka.topic_prefix", arguments.topic_prefix),
    ):
        if value is not None:
            given[key] = value
    return given


def _in_this_process(settings: Any, arguments: argparse.Namespace) -> IfdError | None:
    """One worker; returns what ended the reading before the files did."""
    from bytewax.testing import run_main

    from connectors.dbn_file import Hooks
    from dataflows.baseline_file import save_baseline
    from dataflows.console import ConsoleSink
    from dataflows.detect import assemble
    from dataflows.process import stop_on_signals
    from dataflows.progress import progress_bar
    from dataflows.quiet import quiet_engine
    from operators.baseline_history import HistoryTable, merge

    faults: list[IfdError] = []
    tables: list[HistoryTable] = []
    stop = stop_on_signals()
    with progress_bar("replay", sys.stderr) as on_progress:
        hooks = Hooks(stop=stop.is_set, on_progress=on_progress, on_fault=faults.append)
        extra = {} if arguments.summary else {"console": ConsoleSink(settings.flow.shards)}
        parts = assemble(
            settings,
            hooks,
            extra_sinks=extra,
            on_baseline=tables.append if arguments.save_baseline else None,
            reports=True,
        )
        with quiet_engine():
            run_main(
                parts.flow,
                epoch_interval=timedelta(seconds=settings.recovery.epoch_s),
                recovery_config=parts.recovery,
            )
    if arguments.save_baseline:
        save_baseline(Path(arguments.save_baseline), functools.reduce(merge, tables))
    return faults[0] if faults else None


def _many(settings: Any, given: dict[str, object], arguments: argparse.Namespace) -> int:
    """A cluster on this machine; its exit code, 0 or that of a fault it has told."""
    from connectors.dbn_file import Hooks
    from dataflows.detect import assemble
    from dataflows.process import EXIT_USER
    from dataflows.supervisor import Cluster

    # What is wrong at the start is said once, not by each process.
    assemble(settings, Hooks())
    cluster = Cluster(settings, given, arguments.processes)
    try:
        code = cluster.wait()
    except KeyboardInterrupt:
        cluster.stop()
        raise
    if code not in (0, EXIT_USER):
        raise ConfigError(f"--processes: a worker ended with code {code}; its message is above")
    return code


def _tell(folder: Path, arguments: argparse.Namespace, elapsed_s: float) -> None:
    from dataflows.summary import collect

    summary = collect(folder)
    streams, outcomes = summary.pop("streams"), summary.pop("outcomes")
    summary["records_per_s"] = round(summary["records"] / elapsed_s) if elapsed_s > 0 else 0
    if arguments.summary:
        print(json.dumps(summary))
        return
    print(
        f"{summary['records']:,} records of {len(summary['instruments'])} instruments in "
        f"{elapsed_s:.1f} s: {streams['signals']} signal messages, {streams['executions']} "
        f"notable executions, {streams['gaps']} gaps, {outcomes['known']} outcomes known and "
        f"{sum(outcomes['unknown'].values())} not; digest {summary['signals']['digest'][:16]}",
        file=sys.stderr,
    )
