"""The contract suite: every operator of the core, found by looking, keeps these laws."""

import itertools
import pickle
import random
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from operators.baseline import Baseline
from operators.detectors.points import points_of
from operators.model.evaluations import EXECUTION, FAULT, PANE
from operators.model.items import Control, Evaluations, Findings
from operators.model.streams import EXECUTIONS, GAPS, OUTCOMES, PRESSURE, SIGNALS
from tests.contracts.chain import (
    CHAIN,
    CONFIGS,
    arrays,
    classes,
    cut,
    input_of,
    made,
    modules,
    pickled,
    plain,
    same,
    through,
    told,
)
from tests.contracts.tapes import CALIBRATION, EAST, RECALIBRATION, feed_items

DETECTORS = {
    name: kind
    for name, kind in classes("observe", "snapshot").items()
    if kind.__module__.startswith("operators.detectors.")
}
EVERY = pytest.mark.parametrize("kind", CHAIN, ids=lambda kind: kind.__name__)


@cache
def expected(kind):
    """What the operator says of its whole input, and the snapshot it ends with."""
    operator = made(kind)
    return told(operator.on_items(input_of(kind))), same(operator.snapshot())


def resumed(kind, state):
    """An operator restarted from its snapshot, as a recovery store gives it back."""
    return made(kind, pickle.loads(state))


def pieces_of(kind, seed):
    """The input as single rows for a while, then as pieces of any size."""
    rng = random.Random(seed)
    small = itertools.chain(itertools.repeat(1, 60), iter(lambda: rng.randint(1, 900), 0))
    return cut(input_of(kind), lambda: next(small))


def test_all_operators_of_the_core_are_in_the_chain():
    found = classes("on_items")
    assert set(found.values()) == set(CHAIN)
    assert len(found) == 7
    for kind in found.values():
        assert isinstance(kind.STATE_VERSION, int)
        assert {"on_items", "snapshot", "report"} <= set(vars(kind))


def test_the_common_tape_makes_them_work():
    rows = [item.rows for item in input_of(CHAIN[2]) if isinstance(item, Evaluations)]
    kinds = {int(kind) for part in rows for kind in part["kind"]}
    assert kinds == {EXECUTION, PANE, FAULT}
    judged = [item for item in input_of(CHAIN[4]) if isinstance(item, Evaluations)]
    assert any((item.z == item.z).any() for item in judged)
    found = [item for item in input_of(CHAIN[5]) if isinstance(item, Findings)]
    observed = [one for item in found for one in item.observations]
    assert len({one.evidence.detector for one in observed}) >= 3
    streams = {name.partition(" ")[0] for name in expected(CHAIN[5])[0]}
    assert streams >= {EXECUTIONS, GAPS, PRESSURE, SIGNALS, "others"}
    told_of = [one[1] for name, seen in expected(CHAIN[6])[0].items() if name.startswith(OUTCOMES)
               for one in seen]  # fmt: skip
    assert {one.sampled for one in told_of} == {True, False}
    assert {one.unknown for one in told_of} >= {"", "gap", "retracted"}
    versions = {one.calibration for one in told_of}
    assert versions == {CALIBRATION.version, RECALIBRATION.version}


@EVERY
@pytest.mark.parametrize("length", [1, 2, 7, 1024, None])
def test_no_cut_changes_what_is_said(kind, length):
    rng = random.Random(1)
    items = cut(input_of(kind), lambda: length or rng.randint(1, 400))
    if length == 1:
        items = items[:4000]
    operator = made(kind)
    out = [one for item in items for one in operator.on_items([item])]
    if length == 1:
        assert told(out) == told(made(kind).on_items(items))
        return
    assert told(out) == expected(kind)[0]
    assert same(operator.snapshot()) == expected(kind)[1]


@EVERY
@pytest.mark.parametrize("seed", [1, 2])
def test_it_resumes_after_any_event(kind, seed):
    state, out = pickled(made(kind).snapshot()), []
    for item in pieces_of(kind, seed):
        operator = resumed(kind, state)
        out += operator.on_items([item])
        state = pickled(operator.snapshot())
    assert told(out) == expected(kind)[0]
    assert same(pickle.loads(state)) == expected(kind)[1]


@EVERY
def test_a_snapshot_is_plain_and_no_live_view(kind):
    items = pieces_of(kind, 3)
    operator = made(kind)
    operator.on_items(items[: len(items) // 2])
    state = operator.snapshot()
    assert plain(state)
    before = pickled(state)
    first = told(operator.on_items(items[len(items) // 2 :]))
    assert pickled(state) == before
    # Resuming takes no hold of it either.
    second = made(kind, state)
    assert told(second.on_items(items[len(items) // 2 :])) == first
    assert pickled(state) == before


@EVERY
def test_it_never_writes_to_its_input(kind):
    items = input_of(kind)
    assert all(not array.flags.writeable for array in arrays(items))
    before = pickled(told(items))
    out = made(kind).on_items(items)
    assert pickled(told(items)) == before
    assert all(not array.flags.writeable for array in arrays(out))


@EVERY
def test_it_is_deterministic(kind):
    operator = made(kind)
    assert told(operator.on_items(input_of(kind))) == expected(kind)[0]
    assert same(operator.snapshot()) == expected(kind)[1]
    again = resumed(kind, pickled(operator.snapshot()))
    assert same(again.snapshot()) == expected(kind)[1]
    assert again.report() == operator.report()


@EVERY
def test_its_documentation_states_bound_and_source(kind):
    for word in ("State:", "References:"):
        assert word in kind.__doc__, word


def numbers(config):
    """Fields of a config that hold a number or several, with their values."""
    for one in fields(config):
        value = getattr(config, one.name)
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float) or (
            isinstance(value, tuple) and value and isinstance(value[0], int | float)
        ):
            yield one.name, value


def every_config():
    """Each config class of the core with what an instance of it holds."""
    for name, kind in classes("__post_init__").items():
        if name.endswith("Config") and is_dataclass(kind):
            yield name, CONFIGS.get(name.removesuffix("Config")) or kind()


CONFIG_FIELDS = [
    (name, config, field, value)
    for name, config in every_config()
    for field, value in numbers(config)
]


def test_every_operator_and_detector_has_a_config():
    names = {name for name, _ in every_config()}
    assert names >= {f"{kind.__name__}Config" for kind in CHAIN}
    assert names >= {f"{name}Config" for name in DETECTORS}
    assert len(CONFIG_FIELDS) > 40


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [each[1:] for each in CONFIG_FIELDS],
    ids=[f"{each[0]}.{each[2]}" for each in CONFIG_FIELDS],
)
def test_a_config_refuses_nonsense_naming_the_field(config, field, value):
    for bad in (-(2**70), float("nan"), -float("inf")):
        nonsense = tuple(bad for _ in value) if isinstance(value, tuple) else bad
        if isinstance(value, int) and isinstance(bad, float):
            continue
        with pytest.raises(ValueError, match=field) as refusal:
            replace(config, **{field: nonsense})
        assert str(bad) in str(refusal.value)


@pytest.mark.parametrize("config", [config for _, config in every_config()])
def test_a_config_is_frozen_and_takes_names_only(config):
    kind = type(config)
    with pytest.raises(AttributeError):
        setattr(config, fields(config)[0].name, 1)
    assert not hasattr(config, "__dict__")
    with pytest.raises(TypeError):
        kind(*(getattr(config, one.name) for one in fields(config)))
    wanting = [one for one in fields(kind) if one.default is one.default_factory is MISSING]
    assert not wanting, "a config that cannot be made without settings"


def test_every_config_field_says_what_it_is():
    for name, config in every_config():
        module = next(m for m in modules() if m.__name__ == type(config).__module__)
        source = Path(module.__file__).read_text().partition(f"class {name}:")[2]
        body = source.partition("def __post_init__")[0]
        for one, _ in numbers(config):
            after = body.partition(f"    {one}:")[2]
            assert '"""' in after, f"{name}.{one}"


def test_all_detectors_are_nineteen():
    assert len(DETECTORS) == 19
    assert all(isinstance(kind.STATE_VERSION, int) for kind in DETECTORS.values())


@pytest.mark.parametrize("kind", DETECTORS.values(), ids=DETECTORS)
def test_a_detector_keeps_the_laws_too(kind):
    items = [item for item in pieces_of(CHAIN[4], 5) if isinstance(item, Evaluations)]
    config = next(c for name, c in every_config() if name == f"{kind.__name__}Config")
    whole, state, first, second = kind(config), None, [], []
    for index, item in enumerate(items):
        points = points_of(item, {}, 0.8)
        first += found_in(whole, points)
        detector = kind(config, pickle.loads(state) if state else None)
        second += found_in(detector, points)
        snapshot = detector.snapshot()
        assert plain(snapshot)
        if index % 7 == 0:
            held = pickled(snapshot)
            detector.observe(points_of(items[-1], {}, 0.8))
            assert pickled(snapshot) == held
            state = held
        else:
            state = pickled(snapshot)
    assert first == second
    assert same(whole.snapshot()) == same(pickle.loads(state))


def found_in(detector, points):
    """What a detector finds, without its place in its piece."""
    return [one._replace(row=0) for one in detector.observe(points)]


SESSIONS = 7
FORGETFUL = replace(CONFIGS["Baseline"], sessions_max=2)
"""Two sessions are its bound, so that seven exceed it."""


@cache
def sizes():
    """Bytes of each operator's snapshot in the middle and at the end of each session."""
    chain = [kind(FORGETFUL if kind is Baseline else CONFIGS[kind.__name__]) for kind in CHAIN]
    found = {kind: [] for kind in CHAIN}
    items = feed_items(EAST, sessions=SESSIONS, duration_s=20.0, records_per_s=100.0)
    ends = [n for n, item in enumerate(items) if isinstance(item, Control)]
    first = 0
    for end in ends:
        for stop in ((first + end) // 2, end + 1):
            through(chain, items[first:stop])
            first = stop
            for kind, operator in zip(CHAIN, chain, strict=True):
                found[kind].append(len(pickled(operator.snapshot())))
    return found


@EVERY
def test_its_state_does_not_grow_with_the_tape(kind):
    size = sizes()[kind]
    assert len(size) == 2 * SESSIONS
    early, late = max(size[4:8]), max(size[8:])
    assert late <= 1.15 * early + 4_000, size  # a few signals more or less
    assert late < 400_000
