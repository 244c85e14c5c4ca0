import subprocess
import sys

import pytest

PROGRAM = """
import sys
from datetime import timedelta
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import TestingSource, run_main
from dataflows.process import say, user_error
from dataflows.quiet import quiet_engine, quieted
from operators.model.errors import DeliveryError

class Part(StatefulSinkPartition):
    def write_batch(self, items):
        raise {error}
    def snapshot(self):
        return None

class Failing(FixedPartitionedSink):
    def list_parts(self):
        return ["0"]
    def build_part(self, step_id, for_part, resume_state):
        return Part()

flow = Dataflow("t")
items = op.key_on("key", op.input("in", flow, TestingSource([1])), lambda _: "0")
op.output("out", items, quieted(Failing()))
with quiet_engine():
    try:
        run_main(flow)
    except BaseException as error:
        mine = user_error(error)
        if mine is None:
            raise
        say(mine)
print("after", file=sys.stderr)
"""


def run(error: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.replace("{error}", error)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_engine_says_nothing_about_an_error_of_ours():
    done = run("DeliveryError('broker: gone')")
    assert (done.returncode, done.stderr) == (0, "ifd: broker: gone\nafter\n")


@pytest.mark.parametrize("error", ["ZeroDivisionError('a defect')", "KeyError('k')"])
def test_a_defect_keeps_all_words(error):
    done = run(error)
    assert done.returncode == 1
    assert "panicked" in done.stderr
    assert error.split("(")[0] in done.stderr
