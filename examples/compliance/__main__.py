"""`python -m examples.compliance`: keeps a surveillance record, and verifies one."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from examples.compliance.surveillance import Surveillance
from examples.compliance.verify import verify
from examples.program import Program, add_flags, guarded, program_config, stop_on_signals

TOPIC: Final = "ifd-examples.surveillance.v1"
EXAMPLES: Final = """\
examples:
  python -m examples.compliance record --from-beginning
  python -m examples.compliance verify state/examples/compliance/surveillance.jsonl
  python -m examples.compliance verify surveillance.jsonl --head 5f1c…    as printed another day

Every line names the SHA-256 of the line before it. Keep the head that `verify` prints somewhere
else: who can write the file could write all of it anew, but not with the head you know.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code: 0 done, stopped or whole, 2 broken or something to put right."""
    parser = argparse.ArgumentParser(
        prog="compliance",
        description="Keeps a surveillance record of signals and executions, in a hash chain.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    record = commands.add_parser("record", help="read the topics and keep the record")
    add_flags(record, "state/examples/compliance", TOPIC)
    record.set_defaults(run=_record)
    check = commands.add_parser("verify", help="check a record; names the first broken link")
    check.add_argument("file", type=Path, metavar="FILE", help="a surveillance.jsonl")
    check.add_argument("--head", metavar="SHA256", help="a hash that must be in it")
    check.set_defaults(run=_verify)
    arguments = parser.parse_args(argv)
    return guarded(lambda: int(arguments.run(arguments)))


def _record(arguments: argparse.Namespace) -> int:
    streams = ["signals", "executions"]
    config = program_config(arguments, "compliance", "surveillance.jsonl", streams)
    program = Program(config, Surveillance(), None)
    stop_on_signals(program.stop)
    program.run()
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    found = verify(arguments.file, arguments.head)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
    print(f"whole: {found.head.count} lines ({kinds or 'none'}), head {found.head.hash}")
    if found.unfinished_bytes:
        print(f"{found.unfinished_bytes} bytes after that are unfinished: a crash cut them short")
    return 0


if __name__ == "__main__":
    sys.exit(main())
