import pytest

from sinks.relay import closing
from sinks.relay.closing import Close
from tests.sinks.relay.reader import read


def test_a_close_says_whether_to_come_back():
    (bye,) = read([Close(closing.SLOW, "slow", "slow", 500).frame])
    assert bye == {"op": "bye", "code": 4008, "reason": "slow", "reconnect_after_ms": 500}
    (bye,) = read([Close(closing.BAD_FRAME, "bad", "bad").frame])
    assert bye == {"op": "bye", "code": 4500, "reason": "bad"}


@pytest.mark.parametrize(
    "wrong", [(closing.SLOW, "x", "x"), (closing.BAD_FRAME, "x", "x", 1), (4000, "x" * 124, "x", 1)]
)
def test_a_close_of_the_wrong_class_is_a_mistake_of_ours(wrong):
    with pytest.raises(AssertionError):
        Close(*wrong)
