import signal
import subprocess
import sys

import pytest

from dataflows.process import causes, say, user_error
from operators.model.errors import ConfigError


def chained() -> RuntimeError:
    try:
        raise ConfigError("a\n  b")
    except ConfigError as error:
        outer = RuntimeError("engine")
        outer.__cause__ = error
        return outer


def test_a_users_error_is_found_behind_the_engines():
    error = chained()
    assert [type(cause) for cause in causes(error)] == [RuntimeError, ConfigError]
    assert isinstance(user_error(error), ConfigError)
    assert user_error(ValueError("ours")) is None


def test_an_error_is_said_in_one_line(capsys):
    say(ConfigError("a\n  b"))
    assert capsys.readouterr().err == "ifd: a b\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    program = f"from dataflows.process import *\nfrom operators.model.errors import *\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("code", "returncode", "said"),
    [
        ("fail_in_one_line()\nraise ConfigError('x: wrong')", 2, "ifd: x: wrong\n"),
        ("fail_in_one_line()(ConfigError('later'))\nprint('rest')", 2, "ifd: later\n"),
        ("fail_in_one_line()", 0, ""),
    ],
)
def test_a_launched_process_fails_in_one_line(code, returncode, said):
    done = run(code)
    assert (done.returncode, done.stderr) == (returncode, said)
    assert done.stdout == ("rest\n" if "rest" in code else "")


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("pass", "clean\n"),
        ("raise ConfigError('x')", ""),
        ("raise ZeroDivisionError", ""),
        ("on_fault(ConfigError('x'))", ""),
    ],
)
def test_a_clean_end_is_told(end, told):
    done = run(f"on_fault = fail_in_one_line(lambda: print('clean'))\n{end}")
    assert done.stdout == told


def test_a_defect_keeps_its_traceback():
    done = run("fail_in_one_line()\nraise ZeroDivisionError('ours')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop_and_a_second_one_ends(number):
    code = (
        "import os\n"
        "stop = stop_on_signals()\n"
        f"os.kill(os.getpid(), {int(number)})\n"
        "assert stop.wait(10)\n"
        "print('stopping', flush=True)\n"
        f"os.kill(os.getpid(), {int(number)})\n"
        "stop.clear() or stop.wait(10)\n"
        "print('not reached')"
    )
    done = run(code)
    assert (done.returncode, done.stdout) == (-number, "stopping\n")
