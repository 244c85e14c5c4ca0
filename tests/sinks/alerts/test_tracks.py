from sinks.alerts.match import Match
from sinks.alerts.policy_config import InhibitConfig
from sinks.alerts.tracks import CLOSED_MAX, TRACKS_MAX, Tracks
from tests.sinks.alerts.notices import brief

RULES = (InhibitConfig(source=Match(kind=("sweep",)), target=Match(kind=("pressure", "sweep"))),)


def test_an_inhibition_begins_and_ends_with_its_source_and_never_is_its_own():
    tracks, target = Tracks(RULES), brief("t", kind="pressure")
    tracks.update(brief("a"))
    assert tracks.inhibits(target)
    assert not tracks.inhibits(brief("t", kind="pressure", root="NQ"))
    assert not tracks.inhibits(brief("a"))
    tracks.update(brief("a", kind="iceberg"))
    assert not tracks.inhibits(target)
    tracks.update(brief("a"))
    tracks.end("a")
    assert not tracks.inhibits(target)
    assert tracks.end("a") is None


def test_it_goes_on_from_a_snapshot():
    tracks = Tracks(RULES)
    track = tracks.update(brief("a"))
    track.told["desk"] = (("1", "2"), 3, ".0", ("ES",))
    track.listed |= {"b", "a"}
    again = Tracks(RULES, tracks.snapshot())
    assert again.snapshot() == tracks.snapshot()
    assert again.get("a") == track
    assert again.inhibits(brief("t", kind="pressure"))


def test_the_oldest_makes_room_and_is_counted():
    tracks, given = Tracks(()), brief("s")
    for n in range(TRACKS_MAX + 5):
        tracks.update(type(given)(**given.plain() | {"id": f"s{n}"}))
    assert len(tracks) == TRACKS_MAX
    assert tracks.forgotten == 5
    assert tracks.get("s4") is None


def test_closed_signals_are_kept_apart_and_only_so_many():
    tracks = Tracks(())
    for number in range(CLOSED_MAX + 2):
        tracks.update(brief(str(number)))
        assert tracks.close(str(number)) is not None
    assert len(tracks) == 0
    assert tracks.closed("1") is None
    assert tracks.closed("2") is not None
    again = Tracks((), tracks.snapshot())
    assert again.snapshot() == tracks.snapshot()
    assert tracks.end("2") is not None
    assert tracks.end("2") is None
    assert tracks.close("never") is None


def test_a_closed_signal_inhibits_nothing():
    tracks = Tracks(RULES)
    tracks.update(brief("a"))
    assert tracks.inhibits(brief("b", kind="pressure"))
    tracks.close("a")
    assert not tracks.inhibits(brief("b", kind="pressure"))
