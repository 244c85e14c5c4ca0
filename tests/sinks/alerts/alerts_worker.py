"""A worker that a test kills: the real sink over real channels, ended at a chosen place.

Arguments: folder, place to die at (`none`: never), how many of it to pass first, how many signals.
Prints `done`.
"""

import json
import os
import signal
import sys
from pathlib import Path

from sinks.alerts.channels.channel import SendError
from sinks.alerts.config import AlertsConfig
from sinks.alerts.journal import SqliteJournal
from sinks.alerts.sink import AlertsSink
from tests.sinks.alerts.servers import until
from tests.sinks.alerts.signals import signal as signal_of

FOLDER, PLACE = Path(sys.argv[1]), sys.argv[2]
PASSED, SIGNALS = int(sys.argv[3]), int(sys.argv[4])
passed = {}


def reach(place):
    """Die here, if it is the place and was passed often enough."""
    passed[place] = passed.get(place, 0) + 1
    if place == PLACE and passed[place] > PASSED:
        os.kill(os.getpid(), signal.SIGKILL)


class Deadly(SqliteJournal):
    """A journal around whose writes a process may die."""

    def add(self, records):
        reach("before_intent")
        found = super().add(records)
        reach("after_intent")
        return found

    def update(self, record):
        reach(f"before_{record.state}")
        super().update(record)
        reach(f"after_{record.state}")


class Watched:
    """A channel after whose send a process may die."""

    def __init__(self, channel):
        self.channel = channel

    def send(self, notice):
        try:
            self.channel.send(notice)
        except SendError:
            reach("after_failure")
            raise
        reach("after_send")


def main():
    """Decide, deliver, write the state down after each step as the engine does."""
    config = AlertsConfig(
        policy=str(FOLDER / "policy.toml"),
        journal=str(FOLDER / "journal.sqlite3"),
        backoff_first_s=0.001,
        backoff_last_s=0.01,
    )
    sink = AlertsSink(config, open_journal=lambda: Deadly(FOLDER / "journal.sqlite3"))
    sink._channels = {name: Watched(channel) for name, channel in sink._channels.items()}
    file = FOLDER / "state.json"
    stored = json.loads(file.read_text()) if file.exists() else {"state": None, "next": 0}
    part = sink.build_part("alerts", "policy", stored["state"])
    start_s = int((FOLDER / "start_ns").read_text())
    for n in range(stored["next"], SIGNALS):
        message = signal_of(0, f"s{n}", ts_event=start_s + n, kind=f"kind{n}")
        part.write_batch([message])
        if n % 2:
            part_file = FOLDER / "state.part"
            part_file.write_text(json.dumps({"state": part.snapshot(), "next": n + 1}))
            part_file.rename(file)
            reach("after_snapshot")
    until(lambda: not part.delivery.snapshot()["undelivered"])
    part.close()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
