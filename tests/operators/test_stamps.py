from operators.model.items import Lateness
from operators.model.streams import GAPS, OUTCOMES, STATUS, Message
from operators.stamps import Stamps
from tests.sinks.messages import FEED_STATUS, GAP, OUTCOME


def test_each_stream_of_each_root_counts_from_one():
    stamps = Stamps()
    given = [Message(GAPS, "ES", 0, GAP), Message(GAPS, "NQ", 0, GAP), Message(GAPS, "ES", 0, GAP)]
    assert [stamps.stamped(one).seq for one in given] == [1, 1, 2]
    assert stamps.made(OUTCOMES, "ES", OUTCOME).seq == 1
    assert Stamps(*stamps.pack()).made(OUTCOMES, "ES", OUTCOME).seq == 2


def test_state_streams_have_no_number_and_what_a_late_feed_says_is_marked():
    stamps = Stamps(feeds=[("ES", "cme")])
    status = Message(STATUS, "cme", 0, FEED_STATUS)
    assert stamps.stamped(status) is status
    stamps.on_lateness(Lateness("cme", True))
    assert stamps.stamped(status).late
    assert stamps.made(OUTCOMES, "ES", OUTCOME).late
    assert not stamps.made(OUTCOMES, "NQ", OUTCOME).late
    stamps.on_lateness(Lateness("cme", False))
    assert not stamps.stamped(status).late
