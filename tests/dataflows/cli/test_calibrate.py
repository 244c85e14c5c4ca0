import pytest

from dataflows.cli.main import main


def test_help_tells_what_is_done(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["calibrate", "--help"])
    told = capsys.readouterr().out
    assert "ifd calibrate --fit" in told
    assert "Venn-Abers" in told


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--seeds", "1-3"], "expected seeds to calibrate, found 1: test"),
        (["--fit", "--seeds", "20000"], "expected seeds to fit, found 20000: calibrate"),
        (["--seeds", "x"], "expected such as 1-20"),
    ],
)
def test_seeds_of_another_share_are_refused(words, text, capsys):
    assert main(["calibrate", *words]) == 2
    assert text in capsys.readouterr().err
