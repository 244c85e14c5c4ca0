from dataclasses import replace

import pytest

from config.calibration import load_calibration
from config.settings import load_settings
from dataflows.cli.main import main
from operators.model.calibration_record import read_table
from operators.model.streams import OUTCOMES, Message
from sinks.codec import encode
from tests.sinks.messages import OUTCOME


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


# --outcomes


def published(path, base, count=600, hit_every=4):
    """Outcomes of signals of which one in so many moved, as an export has them."""
    value = replace(OUTCOME, calibration=base, markout_ticks=1.0)
    with path.open("wb") as file:
        for n in range(count):
            one = replace(
                value, signal_id=f"s{n}", ts_from=OUTCOME.ts_from + n, hit=n % hit_every == 0,
                log_odds=n % 50 / 10,
            )  # fmt: skip
            file.write(encode(Message(OUTCOMES, "ES", n + 1, one)) + b"\n")
    return path


@pytest.fixture
def base():
    return load_calibration(load_settings().analyze.weights).version


def test_outcomes_give_a_table_and_the_next_ones_one_that_follows(tmp_path, capsys, base):
    out = tmp_path / "p_move.json"
    words = ["calibrate", "--out", str(out), "--outcomes"]
    assert main([*words, str(published(tmp_path / "a.ndjson", base))]) == 0
    first = read_table(out.read_text())
    told = capsys.readouterr().out
    assert first.follows == base
    assert all(0.2 < p < 0.3 for _, p, _, _ in first.rows)
    assert f"in force   {base}" in told
    assert f"{out}: written" in told
    more = published(tmp_path / "b.ndjson", first.version, hit_every=2)
    assert main([*words, str(more)]) == 0
    assert read_table(out.read_text()).follows == first.version
    # The way back.
    older = tmp_path / f"p_move-{first.version}.json"
    assert read_table(older.read_text()) == first


def test_what_is_no_better_is_not_written_unless_asked(tmp_path, capsys, base):
    out, given = tmp_path / "p_move.json", published(tmp_path / "a.ndjson", base)
    words = ["calibrate", "--out", str(out), "--outcomes", str(given)]
    assert main(words) == 0
    before = out.read_bytes()
    # What is in force was made of all that it is judged by now.
    assert main(words) == 0
    assert "not written, since what is in force is as good" in capsys.readouterr().out
    assert out.read_bytes() == before
    assert main([*words, "--force"]) == 0
    assert out.read_bytes() != before


def test_without_a_file_to_write_it_is_shown_alone(tmp_path, capsys, base):
    given = published(tmp_path / "a.ndjson", base)
    assert main(["calibrate", "--outcomes", str(given)]) == 0
    assert "not written: name a file with --out" in capsys.readouterr().out


def test_too_few_outcomes_are_refused_with_what_was_left_out(tmp_path, capsys, base):
    given = published(tmp_path / "a.ndjson", base, count=299)
    out = tmp_path / "p_move.json"
    assert main(["calibrate", "--outcomes", str(given), "--out", str(out)]) == 2
    assert "expected at least 300 outcomes that are known, found 299" in capsys.readouterr().err
    assert not out.exists()
    strange = published(tmp_path / "b.ndjson", "uncalibrated")
    assert main(["calibrate", "--outcomes", str(strange)]) == 2
    assert "found 0; left out: 600 another calibration" in capsys.readouterr().err


def test_a_span_of_time_chooses_outcomes(tmp_path, capsys, base):
    given = published(tmp_path / "a.ndjson", base)
    words = ["calibrate", "--outcomes", str(given), "--from", str(OUTCOME.ts_from + 310)]
    assert main(words) == 2
    assert "found 290" in capsys.readouterr().err
