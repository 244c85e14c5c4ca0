"""A source that is stopped, killed and resumed: the engine's recovery, the tape and the gateway."""

from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir

from config.calibration import load_calibration
from config.settings import load_settings
from connectors.databento.source import LiveParts, LiveSource
from connectors.databento.week import Week
from connectors.root_rules import RootsConfig
from connectors.tape.config import TapeConfig
from operators.model.calibration import Steps
from operators.model.calibration_record import MoveTable, move_table
from operators.model.errors import ConfigError, StateError
from tests.faults.test_cuts import expected, tape  # noqa: F401 - fixtures
from tests.flows import summary
from tests.gateways import running_gateway
from tests.live import has_records, live_settings, run_live, segments, tape_of

SOME = 5_000


def store(folder: Path) -> RecoveryConfig:
    directory = folder / "recovery"
    if not directory.exists():
        directory.mkdir(parents=True)
        init_db_dir(directory, 1)
    return RecoveryConfig(str(directory), timedelta(0))


def settings_of(gateway, folder: Path, **given):
    return live_settings(folder, gateway.host, gateway.port, gateway.key, **given)


def test_a_source_without_a_key_says_which_variable_to_set(tmp_path):
    settings = live_settings(tmp_path, "127.0.0.1", 1, "db-key")
    parts = LiveParts(tape=settings.tape, roots=RootsConfig(), week=Week(offset_s=0))
    with pytest.raises(ConfigError, match="DATABENTO_API_KEY"):
        LiveSource(live_settings(tmp_path, "127.0.0.1", 1, "").live, parts)
    assert LiveSource(settings.live, parts).list_parts() == ["glbx"]


def test_a_feed_is_offered_only_where_its_tape_is(tmp_path):
    settings = live_settings(tmp_path, "127.0.0.1", 1, "db-key")
    elsewhere = TapeConfig(directory=str(tmp_path), host="here", hosts={"glbx": "there"})
    parts = LiveParts(tape=elsewhere, roots=RootsConfig(), week=Week(offset_s=0))
    assert LiveSource(settings.live, parts).list_parts() == []


@pytest.mark.slow
def test_a_stop_and_a_start_lose_and_repeat_nothing(tape, expected, tmp_path):  # noqa: F811
    total = expected["records"]
    with running_gateway([tape]) as gateway:
        settings = settings_of(gateway, tmp_path)
        for until in (SOME, total):
            ran = run_live(
                tmp_path / "run", settings, has_records(until), recovery=store(tmp_path), life="x"
            )
    assert ran.records == total
    assert ran.digest == expected["signals"]["digest"]
    again = summary(tape_of(tmp_path), "--feed", "glbx", "--shards", "4")
    assert again["signals"] == expected["signals"]


class _Killed(Exception):
    pass


def kill_at(records: int):
    """As a process that dies: nothing after the last epoch is committed."""

    def until(part) -> bool:
        if part.intake.counts.records >= records:
            raise _Killed
        return False

    return until


@pytest.mark.slow
@pytest.mark.parametrize("epoch_s", [0.02, 1_000.0])
def test_a_killed_process_reads_its_tape_again(tape, expected, tmp_path, epoch_s):  # noqa: F811
    total = expected["records"]
    with running_gateway([tape]) as gateway:
        settings = settings_of(gateway, tmp_path)
        words = {"recovery": store(tmp_path), "life": "x", "epoch_s": epoch_s}
        for records in (2_000, 2_000, SOME):
            with pytest.raises(Exception, match=r".") as died:
                run_live(tmp_path / "dead", settings, kill_at(records), **words)
            assert "Killed" in repr(died.value.__cause__ or died.value)
        ran = run_live(tmp_path / "run", settings, has_records(total), **words)
    assert ran.records == total
    assert ran.digest == expected["signals"]["digest"]


@pytest.mark.slow
def test_a_tape_that_is_gone_is_one_line(tape, tmp_path):  # noqa: F811
    with running_gateway([tape]) as gateway:
        settings = settings_of(gateway, tmp_path)
        words = {"recovery": store(tmp_path), "life": "x"}
        run_live(tmp_path / "run", settings, has_records(SOME), **words)
        for path in segments(tmp_path):
            path.unlink()
        with pytest.raises(Exception, match=r".") as refused:
            run_live(tmp_path / "again", settings, has_records(SOME), **words)
    error = refused.value
    while error is not None and not isinstance(error, StateError):
        error = error.__cause__ or error.__context__
    assert isinstance(error, StateError)
    assert "\n" not in str(error)


@pytest.mark.slow
def test_sinks_that_cannot_follow_hold_the_socket_and_lose_nothing(tape, expected, tmp_path):  # noqa: F811
    polls = 0

    def may_read() -> bool:
        # Shut for nine polls in ten.
        nonlocal polls
        polls += 1
        return polls % 10 == 0

    with running_gateway([tape]) as gateway:
        settings = settings_of(gateway, tmp_path, queue_bytes_max=65_536)
        until = has_records(expected["records"])
        ran = run_live(tmp_path / "run", settings, until, may_read=may_read)
    assert ran.digest == expected["signals"]["digest"]


@pytest.mark.slow
def test_a_table_of_p_move_is_taken_up_once_and_back_and_is_on_the_tape(tape, expected, tmp_path):  # noqa: F811
    total, file = expected["records"], tmp_path / "p_move.json"
    base = load_calibration(load_settings().analyze.weights)
    anew = move_table(base.version, 60, Steps((0.0,), (0.47,), (0.4,), (0.5,)))
    back = MoveTable(version=base.version)
    # Three seconds long: at full speed the whole market may come at once, ahead of the table.
    with running_gateway([tape], speed=80.0) as gateway:
        settings = settings_of(gateway, tmp_path, **{"live.calibration_file": str(file)})
        words = {"recovery": store(tmp_path), "life": "x"}
        for given in (anew, anew, back):
            file.write_text(given.text())

            def is_done(part, given=given):
                told = part.intake
                return told.counts.records >= total and told.calibration == given.version

            ran = run_live(tmp_path / "run", settings, is_done, **words)
    assert ran.others["control"] == 2
    assert ran.digest != expected["signals"]["digest"]
    again = summary(tape_of(tmp_path), "--feed", "glbx", "--shards", "4")
    assert again["signals"]["digest"] == ran.digest
