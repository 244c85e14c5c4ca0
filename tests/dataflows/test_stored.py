"""A snapshot on its way into the recovery store and back."""

import pickle

import numpy as np

from dataflows.stored import Stored


def test_it_comes_back_as_a_plain_dictionary():
    state = {"rows": np.arange(5), "names": ("ES", "NQ"), "inner": {"a": b"bytes"}}
    version, back = pickle.loads(pickle.dumps((3, Stored(state))))
    assert (version, type(back)) == (3, dict)
    assert back["rows"].tolist() == [0, 1, 2, 3, 4]
    assert back["rows"].flags.writeable
    assert (back["names"], back["inner"]) == (state["names"], state["inner"])


def test_empty_tables_take_little():
    state = {"table": np.zeros(100_000, np.int64)}
    assert len(pickle.dumps(Stored(state))) < len(pickle.dumps(state)) / 100
    assert Stored(state) == state
