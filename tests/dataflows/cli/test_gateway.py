"""`ifd gateway`, run as a user does."""

import json
import socket

import databento as db
import pytest

from dataflows.cli.main import main
from operators.model.records import RTYPE_MBO
from simulator.gateway.config import KEY
from tests.connectors.dbn_bytes import header, mbo
from tests.gateways import RawClient, gateway_process, of_type

ROWS = mbo(2_000, ids=(11, 12), ts=1_775_482_200_000_000_000)


@pytest.fixture
def tape(tmp_path):
    path = tmp_path / "tape.dbn"
    symbols = [("ESM6", [("2026-04-01", "2026-05-01", "11")])]
    path.write_bytes(header(symbols=symbols) + ROWS.tobytes())
    return path


def test_help_teaches_by_examples(capsys):
    with pytest.raises(SystemExit):
        main(["gateway", "--help"])
    told = capsys.readouterr().out
    assert "databento.Live(" in told
    assert KEY in told
    assert "half_open" in told


@pytest.mark.slow
def test_a_file_is_served_by_a_process_that_ends_on_sigterm(tape):
    with gateway_process("--file", tape, "--speed", "max", "--fault", "rst at=50 session=1") as it:
        with RawClient(it) as client:
            client.subscribe("mbo")
            client.start()
            with pytest.raises(ConnectionResetError):
                client.receive_all()
        assert json.loads(it.say("status"))["sessions"] == 1
        assert it.say("error code=6 at=1500") == "ok"
        assert it.say("explode").startswith("error: fault 'explode' is not known")
        assert "rst: reset" in it.say("help")
        got = []
        client = db.Live(key=it.key, gateway=it.host, port=it.port)
        client.add_callback(got.append)
        client.subscribe("GLBX.MDP3", "mbo", "ALL_SYMBOLS", start=0)
        client.start()
        with pytest.raises(db.BentoError, match="Internal error"):
            client.block_for_close(timeout=20)
        found = [bytes(record) for record in got if record.rtype == RTYPE_MBO]
        assert b"".join(found) == ROWS[:1500].tobytes()
        assert it.say("clear") == "ok"
        assert it.stop() == 0


@pytest.mark.slow
def test_without_a_file_the_simulated_exchange_is_served():
    with gateway_process("--roots", "ES", "--speed", "50") as it, RawClient(it) as client:
        client.subscribe("mbo", "ES.FUT", stype_in="parent")
        client.start()
        client.receive_until(lambda found: len(of_type(found, RTYPE_MBO)) > 4_000)


def test_a_taken_port_is_one_line(tape, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["gateway", "--file", str(tape), "--port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ifd: port {port} on 127.0.0.1 cannot be used: ")
    assert "--port" in line


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--speed", "fast"], "--speed: expected a number or max, found 'fast'"),
        (["--speed", "0"], "speed must be more than 0"),
        (["--fault", "explode"], "--fault: fault 'explode' is not known"),
        (["--file", "/nowhere.dbn"], "/nowhere.dbn: expected a readable DBN file"),
        (["--host", "0.0.0.0"], "--host: 0.0.0.0 is reached from other machines"),
        (["--key", "abc"], "keys must be at least one, of at least 5 characters"),
        (["--roots", "XX"], "'XX' is not known"),
        (["--minutes", "0"], "duration_s must be above 0"),
        (["--start", "2026-04-04T12:00"], "weekend"),
    ],
)
def test_what_cannot_be_used_is_one_line(words, found, capsys):
    assert main(["gateway", "--port", "0", *words]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("ifd: ")
    assert found in line
