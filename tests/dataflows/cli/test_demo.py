import pytest

from dataflows.cli import main as cli


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds", "0"], "--seconds: expected more than 0, found 0.0"),
        (["--seconds", "nan"], "--seconds: expected more than 0, found nan"),
        (["--seed", "-1"], "--seed: expected at least 0, found -1"),
        (["--speed", "0"], "--speed: expected more than 0, found 0.0"),
        (["--speed", "inf"], "--speed: expected more than 0, found inf"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_2(capsys, words, said):
    assert cli.main(["demo", *words]) == 2
    assert capsys.readouterr().err == f"ifd: {said}\n"
