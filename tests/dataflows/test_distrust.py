import numpy as np
import pytest

from dataflows.distrust import DistrustingSource
from operators.model.controls import gap_of
from operators.model.items import MboRows, Tick
from operators.model.records import MBO_DTYPE


class Part:
    def __init__(self, batches):
        self.batches = list(batches)

    def next_batch(self):
        if not self.batches:
            raise StopIteration
        return self.batches.pop(0)

    def next_awake(self):
        return None

    def snapshot(self):
        return {"left": len(self.batches)}

    def close(self):
        self.batches = []


class Source:
    def __init__(self, *batches):
        self.batches = batches
        self.asked = []

    def list_parts(self):
        return ["glbx"]

    def build_part(self, step_id, for_part, resume_state):
        self.asked.append(resume_state)
        return Part(self.batches)


def rows(ts):
    made = np.zeros(1, MBO_DTYPE)
    made["ts_event"] = ts
    return MboRows("glbx", made)


TICK, ROWS = ("001", Tick("glbx", 5)), ("000", rows(7))


@pytest.mark.parametrize("state", [None, {"left": 1}])
def test_where_books_go_on_nothing_is_said(state):
    source = Source([ROWS])
    part = DistrustingSource(source, 2).build_part("feed", "glbx", state)
    assert isinstance(part, Part)
    assert source.asked == [state]


def test_the_gap_comes_to_every_shard_before_the_first_record():
    source = Source([TICK], [TICK, ROWS], [ROWS])
    wrapped = DistrustingSource(source, 2)
    assert wrapped.list_parts() == ["glbx"]
    part = wrapped.build_part("feed", "glbx", {"left": 3, "anew": (11, 12)})
    assert source.asked == [{"left": 3}]
    assert part.next_batch() == [TICK]
    assert part.snapshot() == {"left": 2, "anew": (11, 12)}
    one, two, *rest = part.next_batch()
    assert [one[0], two[0]] == ["000", "001"]
    gap = gap_of(one[1])
    assert (gap.instruments, gap.from_ns, gap.to_ns) == ((11, 12), 7, 7)
    assert rest == [TICK, ROWS]
    assert part.snapshot() == {"left": 1}
    assert part.next_batch() == [ROWS]
    with pytest.raises(StopIteration):
        part.next_batch()
    assert part.next_awake() is None
    part.close()
