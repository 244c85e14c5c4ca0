"""`ifd baseline`: builds what is normal from the past, and shows what a baseline file holds."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError

EXAMPLES: Final = """\
examples:
  ifd baseline build day-*.dbn.zst --out es.parquet      DBN files, oldest first
  ifd baseline build --tapes state/tape/glbx --out es.parquet
                                                         what a live feed has recorded
  ifd baseline build --history --symbols ES.FUT,ES.OPT --out es.parquet
                                                         the last 20 sessions from Databento: says
                                                         what that costs, and asks before it pays
  ifd baseline build --history --before 2026-04-06 --cost-max 40 --yes --out es.parquet
  ifd baseline show es.parquet --root ES                 what is normal, by half hour
  ifd replay today.dbn.zst --baseline es.parquet         judged against it

Ctrl-C stops a build; the same command goes on where it was: inside a file to the record, in history
with the day that was under way. docs/baseline.md tells what a baseline is.
"""
SHOW_EXAMPLES: Final = """\
examples:
  ifd baseline show es.parquet
  ifd baseline show es.parquet --root ES --metric size,hidden
  ifd baseline show es.parquet --json > es.json

A cell is median ± spread, the spread a robust standard deviation. Pressures are natural logarithms
of buying over selling, the others contracts; absorption is contracts per tick. Times are Chicago's.
"""
SESSIONS: Final = 20


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "baseline",
        help="build what is normal from the past, or show what a baseline file holds",
        description="What is normal for a root at this time of the exchange's day.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(metavar="build|show", required=True)
    _add_build(actions)
    show = actions.add_parser(
        "show",
        help="what a baseline file holds",
        description="Sessions, medians and spreads of a baseline, by root, class and half hour.",
        epilog=SHOW_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("file", type=Path, metavar="FILE", help="Parquet file of a baseline")
    show.add_argument("--root", metavar="ROOT", help="that root alone")
    show.add_argument("--metric", metavar="LIST", help="metrics of the table; `all` for all")
    show.add_argument("--json", action="store_true", help="one JSON object with all metrics")
    show.set_defaults(run=run_show)


def _add_build(actions: Any) -> None:
    build = actions.add_parser(
        "build",
        help="from DBN files, a feed's tape, or Databento's history",
        description="Reads the past through the same steps as a live feed and writes the file that"
        " --baseline of `ifd replay` and source.baseline of a worker start from.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    build.add_argument("files", nargs="*", metavar="FILE", help="DBN files, oldest first")
    build.add_argument("--tapes", metavar="DIR", help="folder of a feed's tape, or of DBN files")
    build.add_argument(
        "--history", action="store_true", help="from Databento (DATABENTO_API_KEY); may cost"
    )
    build.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet file")
    build.add_argument(
        "--fresh", action="store_true", help="forget an interrupted build instead of going on"
    )
    asked = build.add_argument_group("with --history")
    asked.add_argument(
        "--before", metavar="DATE", help="sessions before this trading day (default: the newest)"
    )
    asked.add_argument(
        "--sessions", type=int, default=SESSIONS, metavar="N", help=f"how many ({SESSIONS})"
    )
    asked.add_argument(
        "--symbols", metavar="LIST", help="such as ES.FUT,ES.OPT (default: those of the live feed)"
    )
    asked.add_argument("--feed", metavar="NAME", help="of the settings, where there are several")
    asked.add_argument("--yes", action="store_true", help="pay without being asked")
    asked.add_argument(
        "--cost-max",
        type=float,
        metavar="USD",
        help="most that may be paid in a day (history.cost_max_usd)",
    )
    build.set_defaults(run=run_build)


def run_build(arguments: argparse.Namespace) -> int:
    """Build, or go on building; what was read stays when it is stopped.

    Raises:
        IfdError: a file, a setting or the service cannot be used, or nothing was found.
    """
    from config.settings import load_settings
    from dataflows.baseline_build import BaselineBuild, one_shard

    _check(arguments)
    given: dict[str, object] = {}
    if arguments.cost_max is not None:
        given["history.cost_max_usd"] = arguments.cost_max
    settings = one_shard(load_settings(given))
    build = BaselineBuild(settings, arguments.out, fresh=arguments.fresh)
    wanted: set[int] | None = None
    if arguments.history:
        units, wanted = _history(settings, arguments, build)
    else:
        from dataflows.baseline_build import file_units

        paths = [*arguments.files, *([arguments.tapes] if arguments.tapes else [])]
        units = file_units(settings, paths)
    if not _read(settings, build, units):
        print(
            "ifd: stopped; the same command goes on where it was, --fresh begins anew",
            file=sys.stderr,
        )
        return 130
    return _finish(settings, build, arguments.out, wanted)


def run_show(arguments: argparse.Namespace) -> int:
    """Print what a file holds.

    Raises:
        ConfigError: It cannot be read, or does not hold what is asked for.
    """
    from config.calendar import load_calendar
    from config.settings import load_settings
    from dataflows.baseline_file import load_baseline
    from dataflows.baseline_table import SHOWN, bucket_rows, json_object, table_text

    history = load_baseline(arguments.file)
    if not history.roots:
        raise ConfigError(f"baseline {arguments.file} holds no session")
    rows = bucket_rows(
        history,
        roll_s=load_calendar().roll_s,
        sessions_min=load_settings().baseline.sessions_min,
        root=arguments.root,
    )
    if arguments.json:
        print(json.dumps(json_object(history, rows)))
        return 0
    metrics = SHOWN if arguments.metric is None else tuple(arguments.metric.split(","))
    print(table_text(history, rows, history.metrics if metrics == ("all",) else metrics).lstrip())
    return 0


def _check(arguments: argparse.Namespace) -> None:
    kinds = [bool(arguments.files), bool(arguments.tapes), arguments.history]
    if sum(kinds) != 1:
        raise ConfigError(
            "baseline build: expected FILE…, --tapes DIR or --history, found "
            f"{'none' if not any(kinds) else 'several of them'}"
        )
    if arguments.sessions < 1:
        raise ConfigError(f"--sessions: expected at least 1, found {arguments.sessions}")
    if not arguments.out.resolve().parent.is_dir():
        raise ConfigError(f"--out: expected a folder {arguments.out.parent}, found none")


def wall_ns() -> int:
    """Wall clock, ns since the epoch: how far the licence reaches."""
    return time.time_ns()


def _history(settings: Any, arguments: argparse.Namespace, build: Any) -> tuple[Any, set[int]]:
    """Days to be read and the sessions that are wanted, once what they cost is agreed to."""
    from config.calendar import load_calendar
    from connectors.databento.history_cost import check_cap, estimate_usd
    from dataflows.baseline_plan import sessions_before, utc_days
    from dataflows.history_units import history_units, symbols_of

    if not settings.live.key:
        raise ConfigError("DATABENTO_API_KEY: expected Databento's API key, found none")
    now_ns = wall_ns()
    symbols = symbols_of(
        settings, arguments.feed, tuple(filter(None, (arguments.symbols or "").split(",")))
    )
    newest_ns = now_ns - round(settings.history.delay_s * 1e9)
    before = _date(arguments.before) or datetime.fromtimestamp(now_ns // 10**9 + 86_400, UTC).date()
    until_ns = None if arguments.before else newest_ns
    sessions = sessions_before(load_calendar(), before, arguments.sessions, until_ns=until_ns)
    if sessions and sessions[-1].stop_ns > newest_ns:
        raise ConfigError(
            f"--before: expected sessions that ended {settings.history.delay_s:g} s ago "
            f"(history.delay_s), found that of {sessions[-1].day}"
        )
    days = utc_days(sessions)
    units = history_units(settings, symbols, days)
    left = len(build.left(units))
    if left:
        asked = ", ".join(name for names in symbols.symbols.values() for name in names)
        cost_usd = estimate_usd(settings.history, symbols, days[-left:], key=settings.live.key)
        print(
            f"ifd: {len(sessions)} sessions, {sessions[0].day} to {sessions[-1].day}, of {asked}: "
            f"{left} days of history to read, {cost_usd:.2f} USD by Databento's estimate",
            file=sys.stderr,
            flush=True,
        )
        check_cap(settings.history, cost_usd)
        if cost_usd > 0 and not arguments.yes:
            _ask(cost_usd)
    return units, {span.number for span in sessions}


def _ask(cost_usd: float) -> None:
    if not sys.stdin.isatty():
        raise ConfigError(f"--yes: expected it, where {cost_usd:.2f} USD are to be paid unasked")
    print(f"Pay {cost_usd:.2f} USD? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("nothing was asked for and nothing paid")


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--before: expected a date such as 2026-04-06, found {text}") from None


def _read(settings: Any, build: Any, units: Any) -> bool:
    """All units that are left; False if it was stopped."""
    from dataflows.process import stop_on_signals
    from dataflows.progress import stages
    from dataflows.warmup import warm_up

    left = build.left(units)
    if len(left) < len(units):
        print(f"ifd: going on after {len(units) - len(left)} of {len(units)}", file=sys.stderr)
    stop = stop_on_signals()
    with ExitStack() as stack:
        shown = stack.enter_context(stages(sys.stderr))
        if left:
            shown.begin("kernels")
            warm_up(settings)
        for number, unit in enumerate(left, len(units) - len(left) + 1):
            shown.begin(f"{number} of {len(units)}: {unit.name}")
            on_progress = _advance(shown)
            if not build.read(unit, stop.is_set, on_progress):
                return False
    return True


def _advance(shown: Any) -> Callable[[Any], None]:
    return lambda progress: shown.advance_to(progress.bytes_done, progress.bytes_total)


def _finish(settings: Any, build: Any, out: Path, wanted: set[int] | None) -> int:
    from dataflows.baseline_build import of_sessions
    from dataflows.baseline_file import save_baseline

    table = build.table()
    if wanted is not None:
        table = of_sessions(table, wanted)
    save_baseline(out, table)
    build.forget()
    least = settings.baseline.sessions_min
    told = []
    for root in table.roots:
        count = len(table.sessions(root))
        short = f", fewer than {least}: WARMING (baseline.sessions_min)" if count < least else ""
        told.append(f"{root} {count}{short}")
    print(f"ifd: {out}: sessions by root: {'; '.join(told)}", file=sys.stderr)
    return 0
