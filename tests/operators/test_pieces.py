import numpy as np

from operators.model.evaluations import EVAL_DTYPE, FILL_DTYPE
from operators.model.items import Evaluations
from operators.pieces import Pieces


def test_rows_are_handed_on_once_and_in_order_without_what_steps_added():
    rows = np.zeros(5, EVAL_DTYPE)
    rows["slot"] = range(5)
    rows.flags.writeable = False
    out = []
    whole = Evaluations("f", rows, np.zeros(0, FILL_DTYPE), ("ES",), quality=np.ones(5))
    pieces = Pieces(whole, out)
    for stop in (0, 2, 2, 1, 5, 5):
        pieces.up_to(stop)
    assert [one.rows["slot"].tolist() for one in out] == [[0, 1], [2, 3, 4]]
    assert all(one.quality is None and one.roots == ("ES",) for one in out)
    assert not any(one.rows.flags.writeable for one in out)
