from dataclasses import replace

from examples.message import Message, Position
from examples.sequence import GENERATIONS_KEPT, Sequences


def at(seq, generation="g1", since_ms=1, root="ES"):
    return Message(Position(generation, since_ms, "signals", root, seq))


def taken(sequences, *messages):
    return [sequences.take(message) for message in messages]


def test_in_order_all_are_taken_and_nothing_is_missing():
    sequences = Sequences()
    assert taken(sequences, at(1), at(2), at(1, root="NQ")) == [at(1), at(2), at(1, root="NQ")]
    assert (sequences.counters.taken, sequences.counters.missing) == (3, 0)


def test_what_was_seen_is_dropped_and_counted():
    sequences = Sequences()
    assert taken(sequences, at(1), at(2), at(2), at(1))[2:] == [None, None]
    assert sequences.counters.repeated == 2


def test_a_hole_is_told_with_the_message_after_it():
    sequences = Sequences()
    _, found = taken(sequences, at(1), at(5))
    assert found == replace(at(5), missing=(2, 4))
    assert not found.is_whole
    assert sequences.counters.missing == 3
    # It is told once, and what comes late is too late.
    assert taken(sequences, at(6), at(3)) == [at(6), None]


def test_a_topic_that_begins_late_has_a_hole_only_for_who_reads_it_from_its_beginning():
    assert Sequences().take(at(4)).missing == (1, 3)
    sequences = Sequences(from_beginning=False)
    assert sequences.take(at(4)).missing is None
    assert sequences.take(at(6)).missing == (5, 5)


def test_a_newer_generation_counts_from_1_and_replaces_the_older():
    sequences = Sequences()
    taken(sequences, at(1), at(2))
    new = sequences.take(at(1, "g2", 2))
    assert new == replace(at(1, "g2", 2), replaced="g1")
    assert sequences.take(at(2, "g2", 2)).replaced is None
    # Of this root; another is replaced by its own first message.
    assert sequences.take(at(1, root="NQ")).is_outdated is False
    assert sequences.take(at(1, "g2", 2, root="NQ")).replaced == "g1"


def test_the_first_of_a_newer_generation_may_have_a_hole_before_it():
    sequences = Sequences(from_beginning=False)
    sequences.take(at(7))
    found = sequences.take(at(3, "g2", 2))
    assert (found.replaced, found.missing) == ("g1", (1, 2))


def test_an_older_generation_after_a_newer_one_is_outdated_but_not_lost():
    sequences = Sequences()
    taken(sequences, at(1, "g2", 2))
    assert sequences.take(at(1)) == replace(at(1), is_outdated=True)
    assert sequences.take(at(2, "g2", 2)) == at(2, "g2", 2)
    assert sequences.counters.outdated == 1


def test_where_no_beginning_is_known_the_one_seen_later_is_newer():
    sequences = Sequences()
    taken(sequences, at(1, "g1", 0))
    assert sequences.take(at(1, "g2", 0)).replaced == "g1"
    assert sequences.take(at(2, "g1", 0)).is_outdated


def test_the_state_goes_on_where_it_was():
    first = Sequences()
    taken(first, at(1), at(1, "g2", 2), at(2, "g2", 2), at(9, root="NQ"))
    second = Sequences(first.rows())
    assert second.rows() == first.rows()
    assert second.take(at(2, "g2", 2)) is None
    assert second.take(at(4, "g2", 2)).missing == (3, 3)
    assert second.take(at(2)).is_outdated


def test_what_a_journal_holds_is_noted_without_a_hole():
    sequences = Sequences()
    sequences.note(at(5).at)
    assert taken(sequences, at(4), at(5), at(6)) == [None, None, at(6)]


def test_only_so_many_generations_are_kept():
    sequences = Sequences()
    for number in range(1, 4 * GENERATIONS_KEPT):
        assert sequences.take(at(1, f"g{number}", number)) is not None
    assert len(sequences.rows()) == GENERATIONS_KEPT
