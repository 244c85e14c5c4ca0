import os
import signal
import sys

from dataflows.worker_process import HELD_LINES_MAX, Lines, WorkerProcess


class Out:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def ended(program, *, lines=None, before=lambda _process: None):
    """A process after its end, and what was passed on of what it said."""
    out = Out()
    process = WorkerProcess(0, [sys.executable, "-c", program], os.environ, lines or Lines(out))
    before(process)
    assert process.wait(None)
    process.close()
    return process, out


def test_marks_are_heard_and_not_passed_on():
    process, out = ended("print('ifd-worker: ready\\nifd-worker: at work\\nsomething')")
    assert process.is_ready.is_set()
    assert process.is_at_work.is_set()
    assert out.text == "something\n"
    assert process.code == 0


def test_the_word_reaches_it_with_the_addresses():
    said, out = ended("print(input())", before=lambda process: process.let_go("a:1;b:2"))
    assert (said.code, out.text) == (0, "go a:1;b:2\n")


def test_one_that_is_gone_does_not_hear_it():
    ended("pass", before=lambda process: (process.wait(None), process.let_go("a:1;b:2")))


def test_a_crash_is_held_and_told_on_demand_within_bounds():
    process, out = ended(
        f"print('fine'); print('x\\n' * 3 * {HELD_LINES_MAX}); raise ValueError(7)"
    )
    assert out.text.startswith("fine\nx\n")
    assert "Traceback" not in out.text
    process.tell_crash()
    assert "Traceback (most recent call last):" in out.text
    assert out.text.endswith("ValueError: 7\n")
    many, told = ended("print('Traceback (most recent call last)\\n' + 'y\\n' * 1000)")
    many.tell_crash()
    assert told.text.count("\n") == HELD_LINES_MAX


def test_lines_of_ours_pass_during_a_crash_and_remarks_of_the_engine_never():
    _, out = ended("print('127.0.0.1:1 refused; retrying\\nthread \\'a\\' panicked\\nifd: told')")
    assert out.text == "ifd: told\n"


def test_what_several_say_alike_is_said_once():
    out = Out()
    lines = Lines(out)
    for _ in range(2):
        ended("print('ifd: mistake\\nother')", lines=lines)
    assert out.text == "ifd: mistake\nother\nother\n"


def test_it_reads_the_end_of_its_starter():
    program = "import os; assert os.read(0, 9) == b''"
    process, _ = ended(program, before=lambda process: process._process.stdin.close())
    assert process.code == 0


def test_a_signal_to_a_process_that_is_gone_is_nothing():
    process, _ = ended("pass")
    process.send(signal.SIGTERM)
    assert process.wait(0.0)
