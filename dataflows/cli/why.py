"""`ifd why ID`: replays a signal from its tape, compares bytes, and shows what led to it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError, StateError

EXAMPLES: Final = """\
examples:
  ifd why 5ee1d0c2a7b94f3e6a01               what the live feed's tape gives for a signal of the
                                             store (IFD_STORE__URL) or of Kafka
  ifd why 5ee1d0c2a7b94f3e6a01 --revision 1  the message that opened it
  ifd why 5ee1d0c2a7b94f3e6a01 --files day.dbn.zst
                                             a signal of `ifd replay day.dbn.zst`
  ifd why 5ee1d0c2a7b94f3e6a01 --files /copy/of/tape/glbx --value message.json --json
                                             elsewhere, with the message in a file

State of the dataflow is kept beside a live feed's tape at the beginning of each segment, which is
at each session's start; the root is replayed from the newest one before the signal, or from where
its tape begins, through the same operators. Files are read from their beginning. The settings must
be those that made the signal. docs/why.md tells more.

exit codes: 0 the replay gave the same bytes, 1 it gave others, 2 it was not possible; the line says
why
"""
EXIT_OTHER: Final = 1


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "why",
        help="replay a signal from the tape, compare bytes, and show what led to it",
        description="Finds a published signal, replays its root up to it, and shows the records and"
        " the book around it, the evidence, and whether the replay gave the same.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="of the signal: 20 hexadecimal digits")
    parser.add_argument(
        "--files",
        nargs="+",
        default=(),
        metavar="FILE",
        help="the files that were replayed, in order, or a tape's folder (default: the live tape)",
    )
    parser.add_argument(
        "--revision",
        type=int,
        metavar="N",
        help="of the signal (default: the newest that is no closing)",
    )
    parser.add_argument(
        "--value", metavar="FILE", help="the message as published, JSON; - is stdin"
    )
    parser.add_argument("--generation", metavar="NAME", help="of the store that numbered it")
    parser.add_argument("--feed", metavar="NAME", help="of the files, or where there are several")
    parser.add_argument("--baseline", metavar="FILE", help="that the run began with, if one")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answer; 0 same, 1 other.

    Raises:
        IfdError: It is not possible: the text says why.
    """
    from config.settings import load_settings, params_version
    from dataflows.baseline_file import load_baseline
    from dataflows.progress import progress_bar
    from dataflows.published_signal import find
    from dataflows.warmup import warm_up
    from dataflows.why_replay import replay
    from dataflows.why_start import start_of
    from dataflows.why_view import Answer, json_object, text

    given = {} if arguments.baseline is None else {"source.baseline": arguments.baseline}
    settings = load_settings(given)
    signal = find(settings, arguments.id, file=arguments.value, generation=arguments.generation)
    asked = signal.chosen(arguments.revision)
    made_by, now = asked.fields["params"], params_version(settings)
    if made_by != now:
        raise StateError(
            f"signal {arguments.id}: made with parameters {made_by}, the settings in force give "
            f"{now}: use the settings of then (`ifd check` shows these)"
        )
    start = start_of(settings, asked, tuple(arguments.files), arguments.feed)
    history = None
    if settings.source.baseline and not start.steps:
        history = load_baseline(Path(settings.source.baseline))
    warm_up(settings)
    with progress_bar("why", sys.stderr) as on_progress:
        replayed = replay(settings, start, asked, history, on_progress)
    if not replayed.records:
        raise ConfigError(
            f"signal {arguments.id}: no record of {asked.fields['root']} in {start.text}: are "
            "these the files, and is this the feed?"
        )
    answer = Answer(signal, asked, replayed)
    print(json.dumps(json_object(answer)) if arguments.json else text(answer))
    return 0 if answer.is_same else EXIT_OTHER
