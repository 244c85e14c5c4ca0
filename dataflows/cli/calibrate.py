"""`ifd calibrate`: fit weights, or say what log-odds mean, on labelled markets."""

import argparse
import sys
from dataclasses import asdict, replace
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

what is done:
  --fit   Markets of the fitting split go through the dataflow. Each evaluation of a root and side
          is a point: what each weight is multiplied with there, and whether an institution of that
          side was at work. Weights that are not negative are fitted by logistic regression with a
          ridge; points of one root, side and ten seconds count one together.
  else    Markets of the calibrating split: thresholds for budgets of false alarms, the isotonic
          steps of p_flow with Venn-Abers intervals, and those of p_move from the outcomes after
          60 s, samples below the threshold included.

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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit or calibrate.

    Raises:
        IfdError: seeds are not of the split's share, or a file cannot be written.
    """
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
    from evaluation.calibrate import HORIZON_S, Tape, alarms, flow, move

    assert isinstance(simulated, Simulated)
    config = load_settings().analyze
    tapes = [Tape(one.heard.seen, one.events, one.heard.facts) for one in _heard(simulated, shown)]
    shown.begin("false alarms at thresholds", 1)
    kept = alarms(tapes, config)
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
    print("false alarms/h of a root   log-odds from")
    for one in made.alarms:
        print(f"{one.per_hour:22.2f}   {one.log_odds:13.4f}")


def _heard(simulated: Any, shown: "Stages", *, with_outcomes: bool = False) -> "list[HeardTape]":
    from dataflows.heard_tapes import heard_tapes

    total = len(simulated.markets())
    shown.begin("labelled tapes", total)
    return list(
        heard_tapes(
            simulated, lambda done: shown.advance_to(done, total), with_outcomes=with_outcomes
        )
    )
