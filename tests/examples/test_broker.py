import signal
import subprocess
import sys

from tests.examples.given import Notes, Topics
from tests.examples.given import signal as signal_of
from tests.flows import ROOT


def test_it_says_its_address_serves_and_stops_cleanly(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.broker"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        topics = Topics(process.stdout.readline().strip())
        topics.put(signal_of(1))
        assert len(topics.run(tmp_path, Notes())) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == "a Kafka in memory, until Ctrl-C; its address:\n"
