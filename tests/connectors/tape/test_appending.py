import os
import random
import subprocess
import sys
import time

import pytest

from connectors.tape.segments import TapePosition
from tests.connectors.tape.appending import BATCH
from tests.connectors.tape.tapes import held, opened, records
from tests.small_disks import ROOT, on_small_disk

KILLS = int(os.environ.get("IFD_SOAK_TAPE_KILLS", "2"))


@pytest.mark.slow
def test_all_that_was_synced_outlives_kills(tmp_path):
    chance = random.Random(7)
    synced = 0
    for _ in range(KILLS):
        command = [sys.executable, "-m", "tests.connectors.tape.appending", "killed", str(tmp_path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                for _ in range(chance.randrange(1, 30)):
                    line = child.stdout.readline()
                # Somewhere within what comes next: this is chance, not waiting for anything.
                time.sleep(chance.random() * 0.02)
            finally:
                child.kill()
            lines = [line, *child.stdout.read().splitlines()]
        number, segment, offset = map(int, lines[-1].split())
        assert number > synced
        synced = number
        tape = opened(tmp_path)
        assert tape.end >= TapePosition(segment, offset)
        found = held(tape)
        expected = b"".join(records(synced + 10 * BATCH))
        assert expected.startswith(found)
        assert len(found) >= len(b"".join(records(synced)))
        tape.close()


def test_a_full_disk_loses_nothing_and_leaves_no_half_record(tmp_path):
    done = on_small_disk(tmp_path, 2**21, "-m", "tests.connectors.tape.appending", "disk", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("done")


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.connectors.tape.appending", "limit", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
