"""`ifd live`: the dataflow on its feed, watched and restarted, until it is stopped."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from operators.model.errors import ConfigError

RECOVERY: Final = "state/recovery"
"""Where state is kept if the settings do not say: a live run without would forget at a restart."""
RESCALE_S: Final = 300.0
EXAMPLES: Final = """\
examples:
  DATABENTO_API_KEY=… ifd live             one worker on the feeds of the settings
  ifd live --processes 3                   three of them, as one cluster
  ifd live --rescale 2                     the one that runs here goes on with two
  kill -HUP PID                            the one that runs goes on with the settings of now

Settings or a version that change what comes out start a new generation, where the one before was
stopped clean with everything delivered; its store is kept beside the new one. --new-generation does
so though nothing has changed, as after another Kafka cluster was named.

Ctrl-C or SIGTERM stops cleanly; the next start goes on exactly there. Any process may be killed at
any time: all start again together and nothing is lost.

exit codes: 0 stopped or the input has ended, 2 something you can put right, 1 given up after too
many restarts (cluster.restarts_max) or a worker did not stop in time
"""


def add_parser(subparsers: Any) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "live",
        help="the dataflow on a live feed: runs, watches and restarts its workers",
        description="Runs the workers of the dataflow as one cluster, with a recovery store.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--processes", type=int, metavar="N", help="worker processes (cluster.processes)"
    )
    parser.add_argument(
        "--recovery",
        metavar="DIR",
        help=f"recovery store (recovery.directory; else {RECOVERY})",
    )
    parser.add_argument(
        "--rescale", type=int, metavar="N", help="have the one that runs go on with N processes"
    )
    parser.add_argument(
        "--new-generation",
        action="store_true",
        help="begin one where the store before stopped clean, though nothing has changed",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Supervise until a stop; or ask the supervisor that runs for another number of processes.

    Raises:
        IfdError: a setting or the recovery store cannot be used.
    """
    from config.settings import load_settings
    from dataflows.archivist import Archivist
    from dataflows.environment import environment
    from dataflows.live import Asked, Live
    from dataflows.live_lock import LiveLock
    from dataflows.process import note
    from dataflows.recalibrator import Recalibrator

    given = _given(arguments)
    settings = load_settings(given)
    directory = Path(settings.recovery.directory)
    if arguments.rescale is not None:
        return _rescale(directory, arguments.rescale)
    asked = Asked()
    asked.listen()
    lock = LiveLock(directory)
    lock.take(
        settings.cluster.stop_s,
        lambda pid: print(
            f"ifd: waiting for the workers that process {pid} has left", file=sys.stderr, flush=True
        ),
    )
    try:
        if arguments.new_generation:
            from dataflows.store import retire

            retire(directory)
        with _broker(settings) as more:
            live = Live(
                lambda: load_settings(given | more),
                lambda s, processes: _cluster(s, given | more, processes, lock.fd),
                lock,
                asked,
                settings.cluster.processes,
            )
            with (
                Archivist(lambda: live.settings, note),
                Recalibrator(lambda: live.settings, lambda: environment(given | more), note),
            ):
                return live.run()
    finally:
        lock.release()


def _given(arguments: argparse.Namespace) -> dict[str, object]:
    from config.settings import load_settings

    given: dict[str, object] = {}
    if arguments.processes is not None:
        given["cluster.processes"] = arguments.processes
    if arguments.recovery is not None:
        given["recovery.directory"] = arguments.recovery
    elif not load_settings().recovery.directory:
        given["recovery.directory"] = RECOVERY
    return given


def _cluster(settings: Any, given: dict[str, object], processes: int, keep: int) -> Any:
    from dataflows.supervisor import Cluster

    return Cluster(settings, given, processes, waits=True, keep=(keep,))


def _rescale(directory: Path, processes: int) -> int:
    from config.sections import PROCESSES_MAX
    from dataflows.live_lock import ask_for

    if not 1 <= processes <= PROCESSES_MAX:
        raise ConfigError(f"--rescale: expected 1 to {PROCESSES_MAX}, found {processes}")
    ask_for(directory, processes, RESCALE_S)
    print(
        f"ifd: at work with {processes}; another start of the supervisor takes --processes or "
        "cluster.processes",
        file=sys.stderr,
    )
    return 0


@contextmanager
def _broker(settings: Any) -> Iterator[dict[str, object]]:
    """A broker of this process's own where nothing else is told to hear: workers come and go."""
    if (
        settings.kafka.bootstrap_servers
        or settings.push.relays
        or settings.source.summary_directory
    ):
        yield {}
        return
    from sinks.embedded_broker import EmbeddedBroker

    with EmbeddedBroker() as address:
        print(
            "ifd: kafka.bootstrap_servers is not set: publishing to an embedded broker at "
            f"{address}, in memory, until this process ends",
            file=sys.stderr,
            flush=True,
        )
        yield {"kafka.bootstrap_servers": address}
