import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.activity import EDGES, Activity
from operators.model.calibration import ACTIVITIES, UNKNOWN_ACTIVITY
from operators.model.evaluations import DIRTY, FRONT
from tests.evaluations import evaluations, execution, pane
from tests.operators.markets import cut


def second(s, z, **more):
    return pane(s, **({"state": FRONT, "z": {"volume_60": z}} | more))


def classes(*rows):
    return Activity().follow(evaluations(rows)).tolist()


def test_the_class_is_the_place_among_the_edges():
    assert len(EDGES) == len(ACTIVITIES) - 1
    for z, place in ((-1.0, 0), (0.39, 0), (0.4, 1), (0.99, 1), (1.0, 2), (9.0, 2)):
        assert classes(second(1, z)) == [place]


def test_without_a_baseline_it_is_unknown():
    assert classes(execution(1, 1, 5), pane(2, state=FRONT)) == [UNKNOWN_ACTIVITY] * 2


def test_only_a_sound_front_future_tells():
    assert classes(second(1, 2.0, state=0), second(2, 2.0, state=FRONT | DIRTY)) == [-1, -1]


def test_a_burst_is_no_regime_and_what_lasts_is():
    calm = [second(s, -0.5) for s in range(1, 300)]
    assert set(classes(*calm, second(300, 9.0), second(301, -0.5))) == {0}
    assert classes(*calm, *(second(s, 2.0) for s in range(300, 2100)))[-1] == 2


def test_the_level_follows_by_the_share_of_time_gone_by():
    activity = Activity()
    activity.follow(evaluations([second(1, -1.0), second(301, 1.0)]))
    ((level, _),) = activity.pack()
    assert level == pytest.approx(0.0)


def test_each_row_has_the_class_of_its_own_root():
    rows = [second(1, -1.0), second(2, 2.0, root=1, instrument_id=2), execution(3, 1, 5)]
    assert classes(*rows) == [0, 2, 0]


@given(
    st.lists(st.floats(-4, 4), min_size=1, max_size=30),
    st.lists(st.integers(0, 30), max_size=5),
)
def test_any_cut_gives_the_same_with_a_restart_after_each(values, places):
    whole = evaluations([second(s + 1, z, root=s % 2) for s, z in enumerate(values)])
    state, found = (), []
    for part in cut(whole, places):
        activity = Activity(state)
        found.append(activity.follow(part))
        state = activity.pack()
    once = Activity()
    assert np.concatenate(found).tolist() == once.follow(whole).tolist()
    assert state == once.pack()
