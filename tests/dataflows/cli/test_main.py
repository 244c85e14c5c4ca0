import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from dataflows.cli import main as cli
from operators.model.errors import DecodeError


@pytest.fixture
def command(monkeypatch):
    """Puts a function in the place of the command `check`."""

    def put(run) -> None:
        module = ModuleType("dataflows.cli.check")

        def add_parser(subparsers):
            subparsers.add_parser("check").set_defaults(run=run)

        module.add_parser = add_parser  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "dataflows.cli.check", module)
        module.__spec__ = find_spec("dataflows.cli.main")

    return put


def test_help_teaches_and_needs_no_module_of_a_command(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert exit_.value.code == 0
    assert "examples:" in shown
    assert all(name in shown for name in ("replay", "demo", "check"))
    assert max(map(len, shown.splitlines())) <= 100


def test_help_is_light():
    """What makes help slow are imports, so they are counted: no numpy, numba, engine or client."""
    code = (
        "import contextlib, io, sys\n"
        "from dataflows.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['--help'])\n"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "numba", "bytewax", "databento", "polars", "pydantic", "confluent_kafka"}
    assert "dataflows" in shown.stdout
    assert not heavy & set(shown.stdout.split())


def test_an_unknown_command_is_exit_2(capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(["chekc"])
    assert exit_.value.code == 2
    assert "chekc" in capsys.readouterr().err


def test_what_a_user_can_put_right_is_one_line_and_exit_2(command, capsys):
    def run(_):
        raise DecodeError("a.dbn: byte 12:\n  expected a header, found nothing")

    command(run)
    assert cli.main(["check"]) == 2
    shown = capsys.readouterr()
    assert shown.err == "ifd: a.dbn: byte 12: expected a header, found nothing\n"
    assert not shown.out


def test_an_error_inside_the_engine_is_unwrapped(command, capsys):
    def run(_):
        try:
            raise DecodeError("a.dbn: empty")
        except DecodeError as error:
            try:
                raise ValueError("in between") from error
            except ValueError as between:
                raise RuntimeError("error in the engine") from between

    command(run)
    assert cli.main(["check"]) == 2
    assert capsys.readouterr().err == "ifd: a.dbn: empty\n"


def test_a_defect_keeps_its_traceback(command):
    def run(_):
        raise ZeroDivisionError("ours")

    command(run)
    with pytest.raises(ZeroDivisionError):
        cli.main(["check"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_interrupt_is_exit_130(command, wrapped):
    def run(_):
        if not wrapped:
            raise KeyboardInterrupt
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("stopped") from error

    command(run)
    assert cli.main(["check"]) == 130


def test_a_command_returns_its_exit_code(command):
    command(lambda _: 3)
    assert cli.main(["check"]) == 3
    command(lambda _: None)
    assert cli.main(["check"]) == 0


def test_a_reader_that_leaves_is_no_error():
    # `true` leaves before anything is written.
    pipe = f"{sys.executable} -m dataflows.cli.main check | true"
    shown = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", pipe], capture_output=True, text=True
    )
    assert (shown.returncode, shown.stderr, shown.stdout) == (0, "", "")
