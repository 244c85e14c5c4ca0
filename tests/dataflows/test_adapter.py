import pickle
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

from dataflows.adapter import OperatorLogic, step
from dataflows.process import user_error
from operators.model.errors import StateError
from operators.model.items import Report, Tick
from operators.model.streams import Flowing


class Count:
    """Passes items on, one per call at least, and counts them."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.seen = 0 if state is None else state["seen"]

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        self.seen += len(items)
        return list(items)

    def snapshot(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def report(self) -> Report | None:
        return Report("count", {"seen": self.seen})


class Newer(Count):
    STATE_VERSION: ClassVar[int] = 2


TICKS = [("000", Tick("f", n)) for n in range(4)]


def run(items, out, *, operator=Count, store=None, reports=False, at_end=None, start=None) -> None:
    flow = Dataflow("t")
    up = op.input("feed", flow, TestingSource(items, batch_size=2))
    down = step("count", up, operator, operator, reports=reports, at_end=at_end, start=start)
    op.output("out", down, TestingSink(out))
    config = None if store is None else RecoveryConfig(str(store))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=config)


def test_items_pass_in_order_and_nothing_is_added_at_the_end():
    out: list[Any] = []
    run(TICKS, out)
    assert out == TICKS


def test_a_report_is_asked_for_and_comes_last():
    out: list[Any] = []
    ended: list[Count] = []
    run(TICKS, out, reports=True, at_end=ended.append)
    assert out == [*TICKS, ("000", Report("count", {"seen": 4}))]
    assert [operator.seen for operator in ended] == [4]


def test_a_snapshot_is_version_and_plain_data():
    logic = OperatorLogic(Count({"seen": 3}), False, None)
    assert pickle.loads(pickle.dumps(logic.snapshot())) == (1, {"seen": 3})


def test_state_goes_on_after_a_stop(tmp_path):
    init_db_dir(tmp_path, 1)
    items = [*TICKS[:2], TestingSource.EOF(), *TICKS[2:]]
    for count in (2, 4):
        ended: list[Count] = []
        run(items, [], store=tmp_path, at_end=ended.append)
        assert [operator.seen for operator in ended] == [count]


def test_state_of_another_version_is_refused_with_what_to_do(tmp_path):
    init_db_dir(tmp_path, 1)
    items = [*TICKS[:2], TestingSource.EOF(), *TICKS[2:]]
    run(items, [], store=tmp_path)
    with pytest.raises((RuntimeError, StateError)) as caught:
        run(items, [], store=tmp_path, operator=Newer)
    error = user_error(caught.value)
    assert isinstance(error, StateError)
    assert str(error) == (
        "step count: the recovery store holds state of version 1, expected 2; start with an empty "
        "recovery directory, or run the version that wrote this one"
    )


def test_without_a_store_it_begins_where_it_is_told():
    found: list[int] = []
    run(TICKS, [], start=(1, {"seen": 7}), at_end=lambda count: found.append(count.seen))
    assert found == [7 + len(TICKS)]
    with pytest.raises((RuntimeError, StateError)) as raised:
        run(TICKS, [], start=(2, {"seen": 7}))
    told = user_error(raised.value)
    assert isinstance(told, StateError)
    assert "what it shall go on from holds state of version 2, expected 1" in str(told)
