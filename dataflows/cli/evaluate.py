"""`ifd evaluate`: how well institutions are found on labelled tapes, beside two other engines."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from operators.model.errors import ConfigError

if TYPE_CHECKING:
    from dataflows.evaluation import Past
    from dataflows.labelled_tapes import Simulated, Tape
    from dataflows.progress import Stages
    from evaluation.cases import Case

EXAMPLES: Final = """\
examples:
  ifd evaluate --seeds 1-20                  twenty simulated markets that nothing was fitted to
  ifd evaluate --seeds 1-20 --json           the same as one JSON object, for a program
  ifd evaluate --seeds 1-20 --out report     also report/report.json and report/report.html (plots)
  ifd evaluate --seeds 1-5 --regime all --difficulty hard
  ifd evaluate --seeds 1-2 --minutes 10      quick and rough
  ifd evaluate --tapes month                 your own: x.dbn.zst with x.labels.ndjson beside it
  ifd evaluate --tapes month --baseline april.parquet

what is done:
  1. Sessions before the evaluated day go through the same dataflow as a live feed and say what is
     normal: eight simulated ones, or the tapes in DIR/history, in order of their names. Without at
     least five the baseline is warming, and the report says so.
  2. Each tape goes through it too. Three engines see the same records: ours (the published
     signals), the v3.0 formula, and the plain rule |z| > 2 on the imbalance.
  3. A label is found by a signal of its side on its root between its start and 30 s after its end;
     a signal counts once. Signals while nothing is labelled are false alarms.
  4. Each engine's threshold is swept over its score, so that they are compared at equal false
     alarms per hour; ours also over looser budgets than the one in force, by weighing the same
     evidence again.

seeds: 1–9999 are for tests, in the regimes calm and news, which nothing is fitted to;
10000–19999 are for fitting, 20000–29999 for calibrating, in the regimes normal and volatile.
Every third seed has options. docs/evaluation.md tells what a labels file holds.
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="how well institutions are found on labelled tapes, beside two other engines",
        description="Precision, recall, delay, false alarms and calibration on labelled tapes, by"
        " kind, difficulty, regime and root, beside the v3.0 formula and the rule |z| > 2.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seeds", metavar="A-B", help="simulated markets, such as 1-20 or 1-5,9")
    what.add_argument("--tapes", type=Path, metavar="DIR", help="tapes with labels beside them")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write report.json and report.html there"
    )
    parser.add_argument(
        "--regime",
        metavar="LIST",
        help="with --seeds: calm, normal, volatile, news, or all (default: the split's);"
        " with --tapes: only tapes of these",
    )
    parser.add_argument(
        "--difficulty",
        choices=("easy", "medium", "hard", "mixed"),
        help="with --seeds: of all behaviours (default: mixed)",
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="with --seeds: of each market (default: 30)"
    )
    parser.add_argument(
        "--baseline", metavar="FILE", help="with --tapes: what is normal, from ifd replay"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, then print the table or the JSON object.

    Raises:
        IfdError: an option or a tape cannot be used, or no tape is left.
    """
    simulated = _checked(arguments)
    # Loading the chain takes seconds: what is wrong with the options is told before.
    from dataflows.progress import stages

    with (
        tempfile.TemporaryDirectory(prefix="ifd-evaluate-") as folder,
        stages(sys.stderr) as shown,
    ):
        if simulated is not None:
            found = _report_of_seeds(simulated, Path(folder), shown)
        else:
            found = _report_of_tapes(arguments, shown)
    if arguments.out:
        _write(found, arguments.out)
    if arguments.json:
        print(json.dumps(found, allow_nan=False))
    else:
        from evaluation.table import table

        print(table(found), end="")
    return 0


def _checked(arguments: argparse.Namespace) -> "Simulated | None":
    """What is to be simulated; None with --tapes.

    Raises:
        ConfigError: an option is wrong, or has no meaning here.
    """
    from dataflows.labelled_tapes import Simulated, regimes_of, seeds_of

    regimes = regimes_of(arguments.regime)
    if arguments.seeds is None:
        for name in ("difficulty", "minutes"):
            if getattr(arguments, name) is not None:
                raise ConfigError(f"--{name}: expected --seeds with it: tapes are as they are")
        return None
    if arguments.baseline is not None:
        raise ConfigError("--baseline: expected --tapes with it: seeds bring their own sessions")
    chosen: dict[str, Any] = {"seeds": seeds_of(arguments.seeds), "regimes": regimes}
    if arguments.difficulty is not None:
        chosen["difficulty"] = arguments.difficulty
    if arguments.minutes is not None:
        if not 1 <= arguments.minutes <= 240:
            raise ConfigError(f"--minutes: expected 1 to 240, found {arguments.minutes:g}")
        chosen["duration_s"] = 60 * arguments.minutes
    return Simulated(**chosen)


def _report_of_seeds(simulated: "Simulated", folder: Path, shown: "Stages") -> dict[str, Any]:
    from dataflows.evaluation import Past, learn
    from dataflows.labelled_tapes import simulated_history, simulated_tape
    from evaluation.markets import SESSIONS, form_of

    pasts: dict[str, Past] = {}
    for form in simulated.forms():
        shown.begin(f"sessions before, {form}", SESSIONS)
        past = Past()
        for number, path in enumerate(simulated_history(simulated, form, folder), 1):
            past = learn([path], past)
            shown.advance_to(number, SESSIONS)
        pasts[form] = past
    markets = simulated.markets()
    shown.begin("labelled tapes", len(markets))
    cases, quality = [], simulated.remarks()
    for number, (seed, regime) in enumerate(markets):
        # Simulating a tape takes about as long as evaluating it.
        made = _within(shown, number, 0.5, len(markets))
        tape = simulated_tape(simulated, seed, regime, folder, made)
        judged = _within(shown, number + 0.5, 0.5, len(markets))
        cases.append(_case(tape, pasts[form_of(seed)], quality, judged))
        tape.path.unlink()
        shown.advance_to(number + 1, len(markets))
    about = {
        "seeds": list(simulated.seeds),
        "regimes": sorted({regime for _, regime in markets}),
        "difficulty": simulated.difficulty,
        "minutes": simulated.duration_s / 60,
    }
    return _report(cases, about, quality)


def _report_of_tapes(arguments: argparse.Namespace, shown: "Stages") -> dict[str, Any]:
    from dataflows.evaluation import Past, learn
    from dataflows.labelled_tapes import history_in, regimes_of, tapes_in, unlabelled_in

    folder: Path = arguments.tapes
    tapes, before = tapes_in(folder), history_in(folder)
    quality = [f"{name}: left out, it has no labels" for name in unlabelled_in(folder)]
    if wanted := regimes_of(arguments.regime):
        tapes = [tape for tape in tapes if tape.regime in wanted]
        if not tapes:
            raise ConfigError(f"--regime: expected that of a tape, found {arguments.regime!r}")
    past = Past(baseline=_baseline(arguments.baseline))
    if before:
        shown.begin("sessions before", len(before))
    for number, path in enumerate(before):
        past = learn([path], past)
        shown.advance_to(number + 1, len(before))
    shown.begin("labelled tapes", len(tapes))
    cases = []
    for number, tape in enumerate(tapes):
        try:
            on_ratio = _within(shown, number, 1.0, len(tapes))
            cases.append(_case(tape, past, quality, on_ratio))
        except ConfigError as error:
            if len(tapes) == 1:
                raise
            quality.append(f"{tape.name}: left out: {error}")
        shown.advance_to(number + 1, len(tapes))
    if not cases:
        raise ConfigError(f"--tapes: no tape is left to evaluate: {'; '.join(quality)}")
    about = {"folder": folder.name, "regimes": sorted({tape.regime for tape in tapes} - {""})}
    return _report(cases, about, quality)


def _baseline(path: str | None) -> Any:
    if path is None:
        return None
    from dataflows.baseline_file import load_baseline

    return load_baseline(Path(path))


def _case(
    tape: "Tape", past: "Past", quality: list[str], on_ratio: Callable[[float], None]
) -> "Case":
    """One tape through all engines; what limits its figures is added to `quality`."""
    from connectors.dbn_file import Hooks
    from dataflows.chain import analyze_of
    from dataflows.evaluation import hear, settings_of, share_done
    from evaluation.cases import Case
    from evaluation.engines.ifd import Ifd
    from evaluation.labels import events_of
    from evaluation.weighing import loosened

    hooks = Hooks(on_progress=lambda progress: on_ratio(share_done(progress)))
    found = hear(tape.path, past, hooks)
    if not found.facts.roots:
        raise ConfigError(f"{tape.name}: expected trades, found none")
    events = events_of(tape.labels, found.facts, tape.name)
    quality += warming(tape.name, found.facts.sessions, past.sessions)
    return Case(
        tape=tape.name,
        regime=tape.regime,
        facts=found.facts,
        events=events,
        scores=found.scores,
        looser={Ifd.NAME: loosened(found.seen, analyze_of(settings_of(tape.path)))},
        outcomes=found.points,
    )


def warming(tape: str, sessions: dict[str, int], sessions_v3: int) -> list[str]:
    """Which roots of a tape have too little history, for our baseline and for the formula's."""
    from operators.baseline_config import BaselineConfig

    least = BaselineConfig().sessions_min
    remarks = []
    if short := [f"{root} {n}" for root, n in sorted(sessions.items()) if n < least]:
        remarks.append(
            f"{tape}: too little history ({', '.join(short)} sessions of {least} needed):"
            " signals are WARMING, and z2 finds nothing there"
        )
    if sessions_v3 < least:
        remarks.append(
            f"{tape}: v3_reference has {sessions_v3} sessions of {least} needed: it uses its"
            " default baseline, against which an anomaly counts for nothing"
        )
    return remarks


def _report(cases: "list[Case]", about: dict[str, Any], quality: list[str]) -> dict[str, Any]:
    from config.settings import load_settings, params_version
    from dataflows.evaluation import SPECS
    from evaluation.report import report

    version = {"params": params_version(load_settings())}
    return report(cases, SPECS, {**about, **version}, list(dict.fromkeys(quality)))


def _within(shown: "Stages", done: float, part: float, total: int) -> Callable[[float], None]:
    """Progress within a part of a stage that begins at `done`."""

    def on_ratio(ratio: float) -> None:
        shown.advance_to(done + part * ratio, total)

    return on_ratio


def _write(found: dict[str, Any], folder: Path) -> None:
    from evaluation.plots import page

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
        (folder / "report.html").write_text(page(found))
    except OSError as error:
        raise ConfigError(f"--out: {folder} cannot be written: {error.strerror}") from error
