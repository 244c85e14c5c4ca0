"""The console script `ifd`: finds the command, runs it, turns what went wrong into one line.

A command is a module of this folder with `add_parser(subparsers)`, which adds its parser and sets
`run`, a function from the parsed arguments to an exit code. Only the module of the command that was
asked for is imported, so that help comes at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from dataflows.process import EXIT_USER, causes, say, user_error

COMMANDS: Final[dict[str, str]] = {
    "demo": "everything on this machine: simulated exchange, worker, Kafka, relay, dashboard",
    "live": "the dataflow on a live feed: runs, watches and restarts its workers",
    "replay": "DBN files through the dataflow, as fast as possible or at the market's pace",
    "relay": "dashboard, REST and WebSocket for what the topics hold",
    "gateway": "a live gateway on this machine: simulated exchange or files, and faults on command",
    "simulate": "write a tape of the simulated exchange as a DBN file",
    "evaluate": "how well institutions are found on labelled tapes, beside two other engines",
    "calibrate": "fit the weights of evidence, or say what log-odds mean, on labelled markets",
    "baseline": "build what is normal from the past, or show what a baseline file holds",
    "why": "replay a signal from the tape, compare bytes, and show what led to it",
    "alerts": "check the alert policy, try a channel, list what was sent",
    "export": "what the store holds as CSV, JSON, NDJSON or Parquet",
    "check": "print the effective settings and where each comes from",
}
"""Name → one line of help; the module has the command's name."""
EXIT_INTERRUPTED: Final = 130

EXAMPLES: Final = """\
examples:
  ifd demo                                 see it work, no key and no broker needed
  ifd demo --seconds 60                    the same, ending by itself with a summary
  ifd replay day1.mbo.dbn.zst day2.mbo.dbn.zst --summary
                                           signals of Databento files, one JSON object at the end
  ifd baseline build day-*.dbn.zst --out es.parquet
                                           what is normal, from the past
  ifd why 5ee1d0c2a7b94f3e6a01             what led to a signal, and whether a replay agrees
  ifd check                                the settings in force and where each comes from
  IFD_PROFILE=production ifd check --json  those of production, for a program
  ifd COMMAND --help                       what a command takes, with examples

settings: environment (IFD_SECTION__KEY) over .env over config/<profile>.toml over config/base.toml
exit codes: 0 done, 1 a defect of ours, 2 something you can put right, 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    What a user can put right (IfdError, also as the cause of an engine's error) is one line on
    stderr and 2. Anything else is a defect of ours and keeps its traceback.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader left, as `head` does; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if (mine := user_error(error)) is not None:
            say(mine)
            return EXIT_USER
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes(error)):
            return EXIT_INTERRUPTED
        raise


def _run(words: Sequence[str]) -> int:
    arguments = _parser(words).parse_args(words)
    code = int(arguments.run(arguments) or 0)
    # Now, where a reader that left is no error; at the interpreter's exit it would be one.
    sys.stdout.flush()
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ifd",
        description="Says when an institution is at work in CME futures and options, and why.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ifd {_version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in words if not word.startswith("-")), "")
    for name, help_line in COMMANDS.items():
        module = f"{__package__}.{name}"
        if find_spec(module) is None:
            continue
        if name == asked:
            importlib.import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=help_line)
    return parser


def _version() -> str:
    try:
        return version("ifd")
    except PackageNotFoundError:  # Run from a checkout that is not installed.
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
