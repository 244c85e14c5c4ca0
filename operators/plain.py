"""Plain: signals and observations as nested tuples and back, for snapshots without our classes."""

from dataclasses import fields
from typing import Any, Final

from operators.model.items import Observation
from operators.model.signals import Contract, Contribution, Evidence, Signal

Plain = tuple[Any, ...]
"""Field values in the order of declaration."""

_NAMES: Final = {
    kind: tuple(one.name for one in fields(kind))
    for kind in (Evidence, Contribution, Contract, Signal, Observation)
}


def pack_observation(observation: Observation) -> Plain:
    """Field values, the evidence's nested. Its row is of an item that is gone: 0."""
    _, *values, evidence = _values(observation)
    return (0, *values, _values(evidence))


def unpack_observation(plain: Plain) -> Observation:
    """The observation that `pack_observation` was given, its row 0."""
    named = dict(zip(_NAMES[Observation], plain, strict=True))
    named["evidence"] = _made(Evidence, named["evidence"])
    return Observation(**named)


def pack_signal(signal: Signal) -> Plain:
    """Field values, those of nested objects nested."""
    named = dict(zip(_NAMES[Signal], _values(signal), strict=True))
    named["contract"] = _values(signal.contract)
    named["contributions"] = tuple(_values(one) for one in signal.contributions)
    named["evidence"] = tuple(_values(one) for one in signal.evidence)
    return tuple(named.values())


def unpack_signal(plain: Plain) -> Signal:
    """The signal that `pack_signal` was given."""
    named = dict(zip(_NAMES[Signal], plain, strict=True))
    named["contract"] = _made(Contract, named["contract"])
    named["contributions"] = tuple(_made(Contribution, one) for one in named["contributions"])
    named["evidence"] = tuple(_made(Evidence, one) for one in named["evidence"])
    return Signal(**named)


def _values(value: Any) -> Plain:
    return tuple([getattr(value, name) for name in _NAMES[type(value)]])


def _made(kind: Any, plain: Plain) -> Any:
    return kind(**dict(zip(_NAMES[kind], plain, strict=True)))
