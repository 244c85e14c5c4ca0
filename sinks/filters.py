"""The filter language: which messages of the store are meant. One for API, exports and commands.

A filter is words under names, each repeated or separated by commas: `root=ES,NQ strength=HIGH`.
Words of one name are alternatives, names are conditions that must all hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, get_args

from operators.model.errors import IfdError
from operators.model.signals import Change, Side, Strength
from operators.model.streams import EXECUTIONS, GAPS, OUTCOMES, PRESSURE, SIGNALS
from sinks.instants import instant_of, instant_text

VALUES_MAX: Final = 64
"""Words under one name at most."""
VALUE_CHARS_MAX: Final = 64
SHOWN_CHARS_MAX: Final = 40
"""What was found is told back cut to this."""


class FilterError(IfdError):
    """A filter or a cursor that is none."""

    def __init__(self, name: str, detail: str) -> None:
        """`name`: of the word's field; `detail`: what was expected and what was found."""
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Conditions that must all hold; an empty tuple or None is no condition."""

    root: tuple[str, ...] = ()
    side: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    strength: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    generation: tuple[str, ...] = ()
    confidence_min: float | None = None
    """Probability at least, 0…1."""
    from_ns: int | None = None
    """ts_event at least, ns since the epoch."""
    to_ns: int | None = None
    """ts_event below, ns since the epoch."""

    def words(self) -> dict[str, list[str]]:
        """The same as words: equal filters give equal words. `parse_filter` reads them."""
        found = {name: list(getattr(self, name)) for name in LISTS if getattr(self, name)}
        if self.confidence_min is not None:
            found["min_confidence"] = [repr(self.confidence_min)]
        if self.from_ns is not None:
            found["from"] = [instant_text(self.from_ns)]
        if self.to_ns is not None:
            found["to"] = [instant_text(self.to_ns)]
        return found

    def check(self, stream: str) -> None:
        """Refuse a condition on what messages of the stream do not have. Raises FilterError."""
        for name in self.words():
            if name not in NAMES_OF[stream]:
                raise FilterError(
                    name,
                    f"expected a filter of {stream} ({', '.join(NAMES_OF[stream])}), found one "
                    f"of {' and '.join(s for s, names in NAMES_OF.items() if name in names)}",
                )


ANY: Final = SignalFilter()

LISTS: Final = ("root", "side", "kind", "strength", "change", "generation")
NAMES: Final = (*LISTS, "min_confidence", "from", "to")
"""What a filter may name."""
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "side": get_args(Side),
    "strength": get_args(Strength),
    "change": get_args(Change),
}
_PLACE: Final = ("root", "generation", "from", "to")
NAMES_OF: Final[dict[str, tuple[str, ...]]] = {
    SIGNALS: NAMES,
    EXECUTIONS: (*_PLACE, "side"),
    OUTCOMES: (*_PLACE, "side", "min_confidence"),
    GAPS: (*_PLACE, "change"),
    PRESSURE: _PLACE,
}
"""Stream → the filters that its messages have an answer to."""

Words = Mapping[str, Sequence[str]]


def parse_filter(words: Words) -> SignalFilter:
    """What words under names mean; a name without words is no condition.

    Raises:
        FilterError: Naming the field, what was expected and what was found.
    """
    found: dict[str, Any] = {}
    for name, given in words.items():
        values = _values(name, given)
        if not values:
            continue
        if name in LISTS:
            found[name] = tuple(sorted({_word(name, value) for value in values}))
        elif len(values) > 1:
            raise FilterError(name, f"expected one value, found {len(values)}")
        elif name == "min_confidence":
            found["confidence_min"] = _share(name, values[0])
        else:
            found[f"{name}_ns"] = _instant(name, values[0])
    made = SignalFilter(**found)
    if made.from_ns is not None and made.to_ns is not None and made.to_ns <= made.from_ns:
        raise FilterError(
            "to",
            f"expected an instant after from ({instant_text(made.from_ns)}), found "
            f"{instant_text(made.to_ns)}",
        )
    return made


def shown(text: str) -> str:
    """What was found, cut and in quotes: whatever it holds is harmless in a log or an answer."""
    cut = text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
    return ascii(cut).replace("\\u2026", "…")


def _values(name: str, given: Sequence[str]) -> list[str]:
    if name not in NAMES:
        raise FilterError(shown(name), f"expected one of {', '.join(NAMES)}")
    if isinstance(given, str):
        given = (given,)
    values = [word.strip() for value in given for word in value.split(",")]
    values = [value for value in values if value]
    if len(values) > VALUES_MAX:
        raise FilterError(name, f"expected at most {VALUES_MAX} values, found {len(values)}")
    return values


def _word(name: str, value: str) -> str:
    if name in CHOICES:
        folded = {choice.lower(): choice for choice in CHOICES[name]}
        if value.lower() not in folded:
            raise FilterError(
                name, f"expected one of {', '.join(CHOICES[name])}, found {shown(value)}"
            )
        return folded[value.lower()]
    if len(value) > VALUE_CHARS_MAX or not (value.isascii() and value.isprintable()):
        raise FilterError(
            name,
            f"expected at most {VALUE_CHARS_MAX} printable ASCII characters, found {shown(value)}",
        )
    return value


def _share(name: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    # Comparisons with NaN are false.
    if not 0.0 <= share <= 1.0:
        raise FilterError(name, f"expected a number from 0 to 1, found {shown(value)}")
    return share + 0.0


def _instant(name: str, value: str) -> int:
    try:
        return instant_of(value)
    except ValueError as error:
        raise FilterError(name, f"{error}, found {shown(value)}") from None


assert {item.name for item in fields(SignalFilter)} == {
    *LISTS, "confidence_min", "from_ns", "to_ns"
}  # fmt: skip
