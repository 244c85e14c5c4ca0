import gc

from config.settings import load_settings
from dataflows.warmup import made_up, operators_of, through, warm_up
from operators.detect import Detect
from operators.model.items import Findings
from operators.model.streams import EXECUTIONS, SIGNALS, Message

SETTINGS = load_settings({}, environ={})


def test_the_made_up_market_reaches_every_step():
    items = through(SETTINGS)
    streams = {item.stream for item in items if isinstance(item, Message)}
    assert {EXECUTIONS, SIGNALS} <= streams
    assert not any(isinstance(item, Findings) for item in items)


def test_the_made_up_option_is_judged_by_its_greeks():
    items = made_up(SETTINGS)
    for operator in operators_of(SETTINGS):
        items = operator.on_items(items)
        if isinstance(operator, Detect):
            assert operator.report().facts["options"]["judged"] > 0
            return
    raise AssertionError("no step detects")


def test_what_is_loaded_is_no_garbage_afterwards():
    gc.unfreeze()
    try:
        warm_up(SETTINGS)
        frozen = gc.get_freeze_count()
        assert frozen > 0
        warm_up(SETTINGS)
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
