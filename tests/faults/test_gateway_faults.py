"""Whatever the gateway does: the feed has every record, or says exactly what is missing."""

from pathlib import Path

import pytest

from operators.model.signals import FeedStatus
from tests.connectors.databento.servers import serving
from tests.faults.test_cuts import expected, tape  # noqa: F401 - fixtures
from tests.flows import summary
from tests.gateways import running_gateway
from tests.live import Ran, has_records, live_settings, run_live, segments, tape_of

pytestmark = pytest.mark.slow

HALF = 6_000


def run(gateway, tmp_path: Path, until, **given) -> Ran:
    settings = live_settings(tmp_path, gateway.host, gateway.port, gateway.key, **given)
    return run_live(tmp_path / "run", settings, until)


def states(ran: Ran) -> list[str]:
    return [each.state for each in ran.states]


def texts(found: list[FeedStatus]) -> str:
    return " / ".join(dict.fromkeys(each.text for each in found))


def same_as_uncut(ran: Ran, expected) -> None:  # noqa: F811
    assert ran.records == expected["records"]
    assert ran.digest == expected["signals"]["digest"]
    assert ran.summary["quality"] == expected["quality"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rst", {"at": HALF}),
        ("fin", {"at": HALF}),
        ("half_open", {"at": HALF}),
        ("partial", {"at": HALF}),
        ("partial", {"at": HALF, "count": 1}),
        ("zeros", {"at": HALF}),
        ("trickle", {"at": HALF, "count": 20, "size": 1}),
        ("stall", {"at": HALF, "seconds": 0.1}),
        ("error", {"at": HALF, "code": 6}),
        ("error", {"at": HALF, "code": 3}),
        ("hang_up", {"count": 3}),
        ("silent", {"count": 1}),
        ("metadata", {"text": "dataset", "session": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_a_fault_that_loses_nothing(tape, expected, tmp_path, fault, words):  # noqa: F811
    with running_gateway([tape]) as gateway:
        if fault == "metadata":
            gateway.faults.add("fin", at=HALF)
        gateway.faults.add(fault, **words)
        ran = run(gateway, tmp_path, has_records(expected["records"]))
    same_as_uncut(ran, expected)
    assert ran.summary["streams"]["gaps"] == 0


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_any_form_and_any_workers_give_the_same(tape, expected, tmp_path, workers, compression):  # noqa: F811
    with running_gateway([tape]) as gateway:
        gateway.faults.add("rst", at=HALF)
        given = {"compression": compression, "ts_out": workers == 2}
        settings = live_settings(tmp_path, gateway.host, gateway.port, gateway.key, **given)
        until = has_records(expected["records"])
        ran = run_live(tmp_path / "run", settings, until, workers=workers)
    same_as_uncut(ran, expected)


def test_a_replay_that_orders_instruments_otherwise_joins_all_the_same(tape, expected, tmp_path):  # noqa: F811
    with running_gateway([tape]) as gateway:
        gateway.faults.add("rst", at=HALF)
        gateway.faults.add("instruments", session=2)
        ran = run(gateway, tmp_path, has_records(expected["records"]))
    assert ran.records == expected["records"]
    assert ran.summary["streams"]["gaps"] == 0
    assert ran.repeated > 0


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ([("rst", {"at": HALF}), ("aged_out", {"session": 2})], "aged_out"),
        ([("error", {"at": HALF, "code": 7})], "skipped"),
        ([("flip", {"at": HALF}), ("rst", {"at": HALF + 1})], "seam"),
    ],
)
def test_what_is_missing_is_a_gap_until_the_books_are_whole(tape, tmp_path, faults, reason):  # noqa: F811
    with running_gateway([tape]) as gateway:
        for name, words in faults:
            gateway.faults.add(name, **words)
        ran = run(gateway, tmp_path, lambda part: part.feed is not None
                  and part.feed.session.was_joined
                  and part.intake.counts.others.get("control", 0) > 0
                  and part.feed.session.state == "live")  # fmt: skip
    assert ran.summary["streams"]["gaps"] >= 2  # opened and closed, of each root
    assert ran.others["control"] >= 1
    again = summary(tape_of(tmp_path), "--feed", "glbx", "--shards", "4")
    assert again["signals"] == ran.summary["signals"]
    assert reason in _taped(tmp_path)


def _taped(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in segments(folder)).decode("latin-1")


def over(part) -> bool:
    return part.feed is not None and part.feed.session.state == "failed"


def never(part) -> bool:
    return False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"live.key": "db-WrongWrongWrongWrongWrongWrong"}, "live.key: "),
        ({"symbols": ("NOSUCH", "NORTHIS")}, "live.feeds.glbx.symbols: none of "),
        ({"dataset": "XNAS.ITCH"}, "live."),
    ],
)
def test_what_the_gateway_refuses_is_one_line_and_the_end(tape, tmp_path, given, said):  # noqa: F811
    with running_gateway([tape]) as gateway:
        ran = run(gateway, tmp_path, never, **given)
    (fault,) = ran.faults
    assert str(fault).startswith(said)
    assert "\n" not in str(fault)
    assert gateway.key not in str(fault)
    assert states(ran)[-1] == "failed"
    assert ran.states[-1].text == str(fault)


@pytest.mark.parametrize("code", [1, 2, 5])
def test_a_fatal_error_in_a_session_is_the_end(tape, tmp_path, code):  # noqa: F811
    with running_gateway([tape]) as gateway:
        gateway.faults.add("error", at=HALF, code=code)
        ran = run(gateway, tmp_path, never)
    assert len(ran.faults) == 1
    assert ran.records > 0


def test_a_gateway_of_another_version_is_one_line(tmp_path):
    with serving(lambda client: (client.send(b"hello, version 9\n"), client.wait_closed())) as port:
        settings = live_settings(tmp_path, "127.0.0.1", port, "db-key")
        ran = run_live(tmp_path / "run", settings, never)
    (fault,) = ran.faults
    assert str(fault).startswith(
        f"live.feeds.glbx.host: expected Databento's live gateway at 127.0.0.1:{port}"
    )


def test_records_of_another_version_are_one_line(tmp_path):
    def gateway(client):
        client.to_start()
        client.send(b"DBN\x09" + bytes(200))
        client.wait_closed()

    with serving(gateway) as port:
        settings = live_settings(tmp_path, "127.0.0.1", port, "db-key")
        ran = run_live(tmp_path / "run", settings, never)
    (fault,) = ran.faults
    assert "version 9" in str(fault)


def test_an_absent_gateway_degrades_the_feed_and_ends_nothing(tmp_path):
    settings = live_settings(tmp_path, "127.0.0.1", 1, "db-key", attempts_max=3)
    until = lambda part: part.feed is not None and part.feed.session.is_degraded  # noqa: E731
    ran = run_live(tmp_path / "run", settings, until)
    assert not ran.faults
    assert "degraded" in states(ran) or states(ran)[-1] == "stopped"


def test_a_clock_far_off_is_told_and_loses_nothing(tape, expected, tmp_path):  # noqa: F811
    with running_gateway([tape]) as gateway:
        ran = run(gateway, tmp_path, has_records(expected["records"]), ts_out=True)
    same_as_uncut(ran, expected)
    # The market of the file was months ago by this machine's clock.
    assert "clock is" in texts(ran.states)
    assert "off the gateway's" in texts(ran.states)


def test_no_tape_is_said(tape, expected, tmp_path):  # noqa: F811
    with running_gateway([tape]) as gateway:
        gateway.faults.add("rst", at=HALF)
        given = {"tape.enabled": False}
        ran = run(gateway, tmp_path, has_records(expected["records"]), **given)
    same_as_uncut(ran, expected)
    assert "there is no tape" in texts(ran.states)
