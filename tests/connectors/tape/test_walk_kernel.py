import databento_dbn as dbn
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.messages import RTYPES
from connectors.tape.walk_kernel import SIZES, rare_places, ts_event_of, walk, whole_bytes
from tests.connectors.dbn_bytes import mbo, rare
from tests.connectors.tape.tapes import records


def plain(data: bytes) -> tuple[int, int, int]:
    """As `walk`, the slow way."""
    position = count = last = 0
    while position + 2 <= len(data):
        size = RTYPES[data[position + 1]][1][-1] if data[position + 1] in RTYPES else 0
        if size == 0 or data[position] * 4 != size or position + size > len(data):
            break
        last, position, count = position, position + size, count + 1
    return position, count, last


@given(
    st.lists(st.one_of(st.sampled_from(records(60)), st.binary(max_size=60)), max_size=12),
    st.integers(0, 400),
)
def test_it_walks_as_the_slow_twin_does(parts, short):
    data = b"".join(parts)
    data = data[: max(len(data) - short, 0)]
    assert tuple(map(int, walk(np.frombuffer(data, np.uint8), SIZES))) == plain(data)
    assert whole_bytes(data) == plain(data)[:2] if data else True


def test_only_the_layout_of_version_3_is_a_record():
    assert whole_bytes(rare(dbn.InstrumentDefMsg)) == (520, 1)
    for old in (dbn.InstrumentDefMsgV1, dbn.InstrumentDefMsgV2, dbn.StatMsgV1, dbn.SystemMsgV1):
        assert whole_bytes(rare(old)) == (0, 0)


def test_rare_records_are_found_where_they_stand():
    parts = records(100)
    places = np.cumsum([0, *map(len, parts)])
    wanted = np.zeros(256, np.bool_)
    wanted[19] = True
    octets = np.frombuffer(b"".join(parts), np.uint8)
    expected = [place for place, part in zip(places[:-1], parts, strict=True) if part[1] == 19]
    assert rare_places(octets, SIZES, wanted).tolist() == expected
    assert len(expected) > 2


def test_the_time_of_a_record_is_that_of_its_event():
    assert ts_event_of(mbo(1, ts=77).tobytes()) == 77
