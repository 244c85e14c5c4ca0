import socket

import pytest

from dataflows.cli import main as cli


def test_a_taken_port_is_one_line_and_2(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert cli.main(["relay", "--http-port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ifd: relay.http_port: 127.0.0.1:{port} is taken; choose another")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--http-port", "70000"], "http_port must be at most 65535, was 70000"),
        (["--ws-port", "-1"], "ws_port must be at least 0, was -1"),
    ],
)
def test_a_port_that_is_none_is_one_line_and_2(capsys, words, said):
    assert cli.main(["relay", *words]) == 2
    assert said in capsys.readouterr().err
