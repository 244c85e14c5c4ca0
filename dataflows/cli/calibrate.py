"""`ifd calibrate`: fit weights, or say what log-odds mean, on labelled markets or by outcomes."""

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from operators.model.errors import ConfigError

if TYPE_CHECKING:
    from dataflows.heard_tapes import HeardTape
    from dataflows.progress import Stages

FIT_SEEDS: Final = "10000-10059"
SEEDS: Final = "20000-20059"
EXAMPLES: Final = """\
examples:
  ifd calibrate --fit                  weights, as a section for config/base.toml
  ifd calibrate                        config/calibration.json for the weights in force
  ifd calibrate --seeds 20000-20009    the same from fewer markets: quick and rough
  ifd calibrate --outcomes outcomes.ndjson --out state/p_move.json
                               p_move anew, from what `ifd export outcomes` wrote
  ifd calibrate --outcomes     the same from the topic of outcomes; shown, and written to
                               live.calibration_file where that is set

what is done:
  --fit   Markets of the fitting split go through the dataflow. Each evaluation of a root and side
          is a point: what each weight is multiplied with there, and whether an institution of that
          side was at work. Weights that are not negative are fitted by logistic regression with a
          ridge; points of one root, side and ten seconds count one together.
  else    Markets of the calibrating split: thresholds for budgets of false alarms, the isotonic
          steps of p_flow with Venn-Abers intervals, and those of p_move from the outcomes after
          60 s, samples below the threshold included.
  --outcomes
          After a session: p_move alone, from the outcomes of signals and samples that were stated
          under the calibration in force or a table that follows it. Written if the steps that the
          older two thirds give are better on the newest third than those in force. Running feeds
          take the file up at a tick (live.calibration_file); an older file takes it back.

What was heard on a market is kept in .cache/heard, under a name that holds all code and settings it
depends on: a second run costs no market. docs/detection.md tells how well it holds.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "calibrate",
        help="fit the weights of evidence, or say what log-odds mean, on labelled markets",
        description="Fit the weights of evidence (--fit), or calibrate probabilities and the"
        " budget of false alarms for the weights in force.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fit", action="store_true", help="fit weights and print them")
    parser.add_argument(
        "--seeds", metavar="A-B", help=f"markets (default: {SEEDS}; with --fit {FIT_SEEDS})"
    )
    parser.add_argument(
        "--outcomes",
        metavar="FILE",
        nargs="?",
        const="",
        help="learn p_move from outcomes: an export, or without FILE the topic",
    )
    parser.add_argument("--from", metavar="INSTANT", help="outcomes of points from then on")
    parser.add_argument("--to", metavar="INSTANT", help="outcomes of points before then")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="file of p_move (default: live.calibration_file)"
    )
    parser.add_argument("--force", action="store_true", help="write it though it is no better")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit or calibrate.

    Raises:
        IfdError: seeds are not of the split's share, a file cannot be read or written, or there
            are too few outcomes.
    """
    if arguments.outcomes is not None:
        return _recalibrate(arguments)
    from dataflows.labelled_tapes import Simulated, seeds_of
    from evaluation.split import role_of

    role = "fit" if arguments.fit else "calibrate"
    seeds = seeds_of(arguments.seeds or (FIT_SEEDS if arguments.fit else SEEDS))
    if (strange := next((seed for seed in seeds if role_of(seed) != role), None)) is not None:
        raise ConfigError(f"--seeds: expected seeds to {role}, found {strange}: {role_of(strange)}")
    from dataflows.progress import stages

    with stages(sys.stderr) as shown:
        (_fit if arguments.fit else _calibrate)(Simulated(seeds=seeds), shown)
    return 0


def _fit(simulated: Any, shown: "Stages") -> None:
    from config.settings import load_settings
    from evaluation.fit import Labelled, fit
    from operators.weigh_config import WeighConfig

    tapes = [Labelled(one.heard.seen, one.events) for one in _heard(simulated, shown)]
    found = fit(tapes, load_settings().analyze)
    usual = asdict(WeighConfig())
    print("[analyze.weights]")
    for name, value in asdict(found.weights).items():
        if value != usual[name]:
            print(f"{name} = {value}")
    print(
        f"# {found.points} points in {found.runs:.0f} runs, base rate {found.base_rate:.3f}; mean"
        f" log-loss {found.loss:.4f}, before {found.loss_before:.4f}"
    )


def _calibrate(simulated: Any, shown: "Stages") -> None:
    from config.calibration import CALIBRATION_PATH, load_calibration, table_of
    from config.settings import load_settings
    from dataflows.labelled_tapes import Simulated
    from evaluation.calibrate import HORIZON_S, flow, move
    from evaluation.thresholds import Tape, false_alarms, thresholds, unlabelled_hours_by
    from operators.model.calibration import ACTIVITIES, HOURS_PER_DAY

    assert isinstance(simulated, Simulated)
    config = load_settings().analyze
    tapes = [
        Tape(one.heard.seen, one.events, one.heard.facts, one.heard.turns)
        for one in _heard(simulated, shown)
    ]
    shown.begin("false alarms at thresholds", 1)
    kept = thresholds(tapes, config)
    shown.advance_to(1, 1)
    found = flow(tapes, config, kept)
    seeds = f"{simulated.seeds[0]}-{simulated.seeds[-1]}"
    about = {"seeds": seeds, "tapes": len(tapes), "minutes": simulated.duration_s / 60}
    # Outcomes follow from signals, and these from what was just found.
    CALIBRATION_PATH.write_text(table_of(found, config.weights, about))
    outcomes = [
        point for one in _heard(simulated, shown, with_outcomes=True) for point in one.heard.points
    ]
    steps = move(outcomes, config.sample_every)
    horizon_s = 0 if steps is None else HORIZON_S
    found = replace(found, move=steps, move_horizon_s=horizon_s)
    CALIBRATION_PATH.write_text(table_of(found, config.weights, about))
    made = load_calibration(config.weights)
    assert made is not None
    print(f"{CALIBRATION_PATH}: version {made.version}, for the weights in force")
    counts = false_alarms(tapes, replace(config, calibration=made))
    per_day = config.false_alarms_per_day
    print(f"of {per_day:g} false alarms a root and day of {HOURS_PER_DAY:g} hours allowed:")
    print("market     threshold   counted   a root and day")
    named = zip((*ACTIVITIES, "all"), counts, unlabelled_hours_by(tapes), strict=True)
    for place, (name, count, hours) in enumerate(named):
        threshold = made.log_odds_within(per_day, place if name != "all" else -1)
        rate = count / hours * HOURS_PER_DAY if hours else 0.0
        print(f"{name:10} {threshold:9.4f}   {count:7}   {rate:14.1f}")


def _recalibrate(arguments: argparse.Namespace) -> int:
    from config.calibration import load_calibration
    from config.settings import load_settings
    from connectors.tape.files import write_whole
    from dataflows.progress import stages
    from dataflows.recalibration import in_force, outcomes, within
    from dataflows.recalibration_view import counted, lines
    from evaluation.calibrate import HORIZON_S
    from evaluation.recalibrate import kept, recalibrate

    span = within(getattr(arguments, "from"), arguments.to)
    settings = load_settings()
    made = load_calibration(settings.analyze.weights)
    if made is None:
        raise ConfigError("there is no calibration for the weights in force: `ifd calibrate` first")
    named = settings.live.calibration_file
    file = arguments.out or (Path(named) if named else None)
    now = in_force(made, file)
    horizon_s = now.move_horizon_s or HORIZON_S
    source = Path(arguments.outcomes) if arguments.outcomes else None
    with stages(sys.stderr) as shown:
        shown.begin("outcomes", 1)
        told = outcomes(settings, source, shown.advance_to)
        found = kept((one for one in told if one.ts_from in span), horizon_s, made.version)
    try:
        new = recalibrate(
            found.points,
            old=now.move,
            follows=now.version,
            horizon_s=horizon_s,
            sample_every=settings.analyze.sample_every,
        )
    except ValueError as error:
        left_out = f"; left out: {counted(found)}" if found.left_out else ""
        raise ConfigError(f"--outcomes: {error}{left_out}") from error
    for line in lines(found, new, now):
        print(line)
    if file is None:
        print("not written: name a file with --out, or set live.calibration_file")
    elif not (new.is_better or arguments.force):
        print(f"{file}: not written, since what is in force is as good (--force writes it)")
    else:
        points = found.points
        about = {
            "outcomes": len(points),
            "samples": sum(one.sampled for one in points),
            "ts_from": [points[0].ts_from, points[-1].ts_from],
        }
        text = new.table.text(about).encode()
        # Also under its version: a way back is an older one put in the file's place.
        own = file.with_name(f"{file.stem}-{new.table.version}{file.suffix}")
        try:
            write_whole(own, text)
            write_whole(file, text)
        except OSError as error:
            raise ConfigError(f"--out: {file}: {error.strerror}") from error
        print(f"{file}: written, and kept as {own.name}")
    return 0


def _heard(simulated: Any, shown: "Stages", *, with_outcomes: bool = False) -> "list[HeardTape]":
    from dataflows.heard_tapes import heard_tapes

    total = len(simulated.markets())
    shown.begin("labelled tapes", total)
    return list(
        heard_tapes(
            simulated, lambda done: shown.advance_to(done, total), with_outcomes=with_outcomes
        )
    )
