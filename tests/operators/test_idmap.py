from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from operators.idmap import empty_map, find, insert, roomy

ids = st.integers(0, 2**32 - 1) | st.integers(0, 2**62 - 1) | st.integers(0, 40)


@njit
def found(table, key):
    """`find` as kernels call it."""
    return find(table, key)


@given(st.lists(ids, unique=True, max_size=300), st.lists(ids, max_size=20))
def test_the_map_says_what_a_dict_says(keys, others):
    table, twin = empty_map(), {}
    for slot, key in enumerate(keys):
        table = roomy(table, slot + 1)
        insert(table, key, slot)
        twin[key] = slot
    assert 2 * len(keys) <= table.shape[0]
    for key in (*keys, *others):
        assert found(table, key) == twin.get(key, -1)


def test_ids_that_fall_on_one_place_are_all_found():
    table = empty_map()
    # Multiples of the table's size times the shift share their low bits after hashing.
    keys = [n << 40 for n in range(30)]
    for slot, key in enumerate(keys):
        insert(table, key, slot)
    assert [found(table, key) for key in keys] == list(range(30))
    assert found(table, 31 << 40) == -1
