"""What a worker process does around the dataflow: stop cleanly, and fail in one line."""

import argparse
import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import TracebackType

from operators.model.errors import ConfigError, IfdError

EXIT_USER = 2
"""Something the user can put right."""


def stop_on_signals() -> Event:
    """Set by SIGTERM or SIGINT: sources end the input where it stands, the flow exits with 0.

    Must be called in the main thread, before the flow runs. A second signal ends the process at
    once, which only costs the epoch that was open.
    """
    stop = Event()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def check_recovery_directory(expected: str) -> None:
    """Of the launcher's words: settings and engine must mean the same store, or both none.

    Otherwise the engine would start from nothing at every restart, or store for nobody.

    Raises:
        ConfigError: they do not.
    """
    if Path(sys.argv[0]).parts[-2:] != ("bytewax", "run.py"):
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    given = os.environ.get("BYTEWAX_RECOVERY_DIRECTORY", "")
    parser.add_argument("-r", "--recovery-directory", default=given)
    found = parser.parse_known_args()[0].recovery_directory
    if (found and Path(found).resolve()) != (expected and Path(expected).resolve()):
        raise ConfigError(
            f"recovery.directory: expected the launcher's -r, {found or 'none'}, found "
            f"{expected or 'none'}: give both the same folder, or neither"
        )


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def user_error(error: BaseException) -> IfdError | None:
    """The error of ours behind an engine's error, if there is one."""
    return next((cause for cause in causes(error) if isinstance(cause, IfdError)), None)


def say(error: BaseException) -> None:
    """One line on stderr, which the engine may have been kept from."""
    if (quiet := sys.modules.get("dataflows.quiet")) is not None:
        quiet.restore()
    print(f"ifd: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


def note(text: str) -> None:
    """A remark on stderr, in one line."""
    print(f"ifd: {text}", file=sys.stderr, flush=True)


def fail_in_one_line(
    on_clean_end: Callable[[], None] | None = None,
) -> Callable[[IfdError], None]:
    """For processes that Bytewax's own launcher runs: a user's mistake is one line and exit code 2.

    Args:
        on_clean_end: Called when the process ends without any error.

    Returns:
        What to call with an error that ended the input while the flow goes on to its end.
    """
    from dataflows import quiet

    quiet.allow()
    before = sys.excepthook
    faults: list[IfdError] = []
    crashes: list[BaseException] = []

    def on_exception(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        mine = user_error(error)
        quiet.restore()
        crashes.append(error)
        if mine is None:
            before(kind, error, trace)
            return
        say(mine)
        faults.append(mine)

    def on_exit() -> None:
        quiet.restore()
        if faults:
            # The launcher returns 0 after a clean end of input; only this can still change it.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(EXIT_USER)
        if on_clean_end is not None and not crashes:
            on_clean_end()

    def on_fault(error: IfdError) -> None:
        say(error)
        faults.append(error)

    sys.excepthook = on_exception
    atexit.register(on_exit)
    return on_fault
