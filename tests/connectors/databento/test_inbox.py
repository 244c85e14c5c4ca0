import pytest

from connectors.databento.inbox import Chunk, Inbox, LinkEvent


def test_bytes_and_events_come_in_their_order():
    inbox = Inbox(1_000, 1_000, clock_ns=lambda: 7)
    inbox.put(b"ab")
    inbox.tell(LinkEvent("lost", "why"))
    inbox.put(b"c")
    assert [inbox.take() for _ in range(4)] == [
        Chunk(b"ab", 7),
        LinkEvent("lost", "why"),
        Chunk(b"c", 7),
        None,
    ]


@pytest.mark.parametrize(
    ("bytes_max", "rows_max", "compressed", "limit"),
    [(1_000, 100, False, 1_000), (100_000, 10, False, 560), (100_000, 10, True, 140)],
)
def test_the_smaller_limit_counts(bytes_max, rows_max, compressed, limit):
    assert Inbox(bytes_max, rows_max, is_compressed=compressed).limit_bytes == limit


def test_a_full_one_says_so_and_calls_once_there_is_room():
    inbox = Inbox(100, 1_000)
    calls = []
    inbox.on_room = lambda: calls.append(inbox.queued_bytes)
    assert inbox.put(b"x" * 60)
    assert not inbox.put(b"x" * 60)  # kept all the same
    assert (inbox.queued_bytes, inbox.fill_ratio, inbox.full_count) == (120, 1.0, 1)
    inbox.take()
    assert not calls  # more than half is still there
    inbox.take()
    assert calls == [0]
    inbox.take()
    assert calls == [0]


def test_room_is_told_even_if_it_was_full_only_after_all_was_taken():
    inbox = Inbox(100, 1_000)
    calls = []
    inbox.on_room = lambda: calls.append(1)
    inbox.put(b"x" * 99)
    inbox.take()
    # As if the loop thread had been between its two looks.
    inbox._is_full = True
    inbox.take()
    assert calls == [1]


def test_rows_are_estimated_from_bytes():
    inbox = Inbox(10_000, 1_000)
    inbox.put(b"x" * 560)
    assert inbox.queued_rows == 10
